//! Compares a response with the expected one.

use bytes::Bytes;
use http::Response as Answer;
use similar::TextDiff;

use super::file::Response;

/// The differences, in words.
pub(super) fn differences(expected: &Response, answer: &Answer<Bytes>) -> Vec<String> {
    let mut differences = Vec::new();
    if let Some(status) = expected.status
        && status != answer.status().as_u16()
    {
        differences.push(format!("status: expected {status}, and it is {}", answer.status().as_u16()));
    }
    for (name, value) in &expected.fields {
        let found = answer.headers().get_all(name).iter();
        let found: Vec<_> = found.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect();
        let found = found.join(", ");
        if found != *value {
            let [value, found] =
                [value, &found].map(|value| if value.is_empty() { "none".into() } else { format!("{value:?}") });
            differences.push(format!("{name}: expected {value}, and it is {found}"));
        }
    }
    content(expected, &String::from_utf8_lossy(answer.body()), &mut differences);
    differences
}

fn content(expected: &Response, content: &str, differences: &mut Vec<String>) {
    if let Some(text) = &expected.text
        && text != content
    {
        differences.push(format!("text:\n{}", diff(text, content)));
    }
    for part in expected.contains.iter().filter(|part| !content.contains(part.as_str())) {
        differences.push(format!("text: {part:?} is not in it:\n{}", shortened(content)));
    }
    let Some(json) = &expected.json else { return };
    match serde_json::from_str::<serde_json::Value>(content) {
        Ok(found) if found == *json => {}
        Ok(found) => differences.push(format!("json:\n{}", diff(&format!("{json:#}\n"), &format!("{found:#}\n")))),
        Err(reason) => differences.push(format!("json: it is none ({reason}):\n{}", shortened(content))),
    }
}

/// The expected lines with `-`, and the lines of the response with `+`.
fn diff(expected: &str, found: &str) -> String {
    let diff = TextDiff::from_lines(expected, found);
    let mut told = String::new();
    for change in diff.iter_all_changes() {
        told.push_str(&change.tag().to_string());
        told.push_str(change.value().trim_end_matches('\n'));
        told.push_str(if change.missing_newline() { " (without a line's end)\n" } else { "\n" });
    }
    shortened(&told)
}

/// Shortens text that is too long for a terminal.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(MOST_TOLD) {
        Some((end, _)) => format!("{}\n(and {} bytes more)", &text[..end], text.len() - end),
        None => text.trim_end_matches('\n').to_owned(),
    }
}

const MOST_TOLD: usize = 4000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_as_expected_is_no_difference_and_what_is_absent_may_be_anything() {
        let expected = "status = 200\ntext = \"a\\n\"\nfields = { x = 'y', absent = '' }\ncontains = ['a']";
        assert_eq!(between(expected, 200, &[("x", "y")], "a\n"), [""; 0]);
        assert_eq!(between("", 500, &[], "anything"), [""; 0]);
        assert_eq!(between("json = { a = [1, 2], b = 'c' }", 200, &[], "{ \"b\": \"c\",\n\"a\":[1,2]}"), [""; 0]);
    }

    #[test]
    fn each_difference_is_told() {
        let expected = "status = 200\ntext = \"a\\nb\\nc\"\nfields = { x = 'y', z = 'z', v = '' }\ncontains = ['e']";
        assert_eq!(
            between(expected, 404, &[("x", "x"), ("x", "y"), ("v", "1")], "a\nd\nc\n"),
            [
                "status: expected 200, and it is 404",
                "v: expected none, and it is \"1\"",
                "x: expected \"y\", and it is \"x, y\"",
                "z: expected \"z\", and it is none",
                "text:\n a\n-b\n-c (without a line's end)\n+d\n+c",
                "text: \"e\" is not in it:\na\nd\nc",
            ]
        );
        assert_eq!(between("json = { a = 1 }", 200, &[], "{\"a\":2}"), ["json:\n {\n-  \"a\": 1\n+  \"a\": 2\n }"]);
        let told = between("json = { a = 1 }", 200, &[], "no").remove(0);
        assert!(told.starts_with("json: it is none (expected ident"), "{told}");
    }

    fn between(expected: &str, status: u16, fields: &[(&str, &str)], content: &str) -> Vec<String> {
        let mut builder = http::Response::builder().status(status);
        for (name, value) in fields {
            builder = builder.header(*name, *value);
        }
        let answer = builder.body(content.to_owned().into()).expect("it is well formed");
        differences(&toml::from_str(expected).expect("it is well formed"), &answer)
    }
}
