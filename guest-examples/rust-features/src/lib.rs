//! Shows the properties of a request, its connection and its server: as JSON for programs, as a page for people.

mod facts;
mod page;

use facts::Facts;
use windhover::http::response;

wit_bindgen::generate!({
    path: "../../wit",
    world: "application",
    // Calls take `&str` and `&[u8]` instead of `String` and `Vec<u8>`.
    ownership: Borrowing { duplicate_if_necessary: false },
});

struct Features;

export!(Features);

impl Guest for Features {
    fn handle() {
        let facts = Facts::of_current_request();
        let (content_type, content) = if wants_json(&facts) {
            ("application/json", serde_json::to_string_pretty(&facts).expect("strings and numbers only") + "\n")
        } else {
            ("text/html; charset=utf-8", page::page(&facts).into_string())
        };
        let fields = [
            ("content-type", content_type.as_bytes()),
            ("vary", b"accept"),
            ("cache-control", b"no-store"), // the page is about one request
        ];
        response::send(200, &fields, content.as_bytes()).expect("fields are well-formed, and nothing was sent before");
    }
}

/// Whether the Accept field names `application/json` before `text/html`. Ignores weights.
fn wants_json(facts: &Facts) -> bool {
    let accepted = facts.request.fields.iter().filter(|(name, _)| name == "accept");
    let mut types = accepted.flat_map(|(_, value)| value.split(',')).map(|range| {
        let media_type = range.split(';').next().unwrap_or_default();
        media_type.trim().to_ascii_lowercase()
    });
    facts.request.path == "/json"
        || types.find(|kind| kind == "application/json" || kind == "text/html").is_some_and(|kind| kind != "text/html")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(path: &str, accept: &str) -> bool {
        let mut facts = Facts::sample();
        facts.request.path = path.into();
        facts.request.fields = vec![("accept".into(), accept.into())];
        wants_json(&facts)
    }

    #[test]
    fn json_goes_to_those_who_ask_for_it() {
        assert!(asked("/json", "text/html"));
        assert!(asked("/", "application/json"));
        assert!(asked("/", "text/plain, Application/JSON;q=0.9, text/html"));
        assert!(!asked("/", "text/html, application/json;q=0.5, */*"));
        assert!(!asked("/", "*/*"));
        assert!(!asked("/json/", ""));
    }
}
