//! serde's messages in our words: what a value is not, and what the key takes instead.

/// The message as a user is told it.
pub(crate) fn plain(message: &str) -> String {
    let message = message.trim().replace('\n', "; ");
    if let Some(key) = between(&message, "missing field `", "`") {
        return message.replacen(&format!("missing field `{key}`"), &format!("{key} is missing"), 1);
    }
    if let Some((value, names)) =
        message.strip_prefix("unknown variant `").and_then(|rest| rest.split_once("`, expected "))
    {
        let names = names.trim_start_matches("one of ").replace('`', "").replace(" or ", ", ");
        return format!("there is no {value:?}; it takes {names}");
    }
    let invalid = message.strip_prefix("invalid type: ").or(message.strip_prefix("invalid value: "));
    let Some((value, expected)) = invalid.and_then(|rest| rest.split_once(", expected ")) else { return message };
    let (expected, behind) =
        expected.split_once(';').map_or((expected, String::new()), |(expected, rest)| (expected, format!(";{rest}")));
    let takes = match expected {
        "a nonzero usize" | "a nonzero u32" => "a number of 1 and more",
        "usize" | "u32" | "u64" => "a number",
        "struct Rate" => "a table such as { bytes-per-second = 240, grace = \"5s\" }",
        "a sequence" => "a list in brackets, such as [\"a\", \"b\"]",
        "a string" | "path string" => "text in quotes",
        "a boolean" => "true or false",
        "a map" => "a table",
        table if table.starts_with("struct ") => "a table",
        other => other,
    };
    format!("it takes {takes}, and not {}{behind}", value.replace('`', ""))
}

fn between<'a>(text: &'a str, before: &str, behind: &str) -> Option<&'a str> {
    Some(text.split_once(before)?.1.split_once(behind)?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_put_in_plain_words() {
        for (message, expected) in [
            (
                "invalid type: string \"two\", expected a nonzero usize",
                "it takes a number of 1 and more, and not string \"two\"",
            ),
            (
                "invalid value: integer `0`, expected a nonzero u32; off",
                "it takes a number of 1 and more, and not integer 0; off",
            ),
            ("unknown variant `a`, expected `b` or `c`", "there is no \"a\"; it takes b, c"),
            ("unknown variant `a`, expected one of `b`, `c`, `d`", "there is no \"a\"; it takes b, c, d"),
            ("missing field `url`\n", "url is missing"),
            ("something else", "something else"),
        ] {
            assert_eq!(plain(message), expected);
        }
    }
}
