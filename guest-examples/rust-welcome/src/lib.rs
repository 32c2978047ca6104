//! The application of a server that was started without one: says that the server runs, describes the visitor's
//! request, and says what to do next.

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

struct Welcome;

export!(Welcome);

impl Guest for Welcome {
    fn handle() {
        let facts = Facts::of_current_request();
        // Answers HEAD like GET. The server sends no content for HEAD.
        let readable = matches!(facts.method.as_str(), "GET" | "HEAD");
        match facts.path.as_str() {
            "/" if readable => send(200, HTML, &page::welcome(&facts)),
            "/favicon.svg" | "/favicon.ico" if readable => send(200, "image/svg+xml", page::BIRD),
            "/" | "/favicon.svg" | "/favicon.ico" => send(405, HTML, &page::not_allowed(&facts)),
            _ => send(404, HTML, &page::not_found(&facts)),
        }
    }
}

fn send(status: u16, content_type: &str, content: &str) {
    let mut fields: Vec<(&str, &[u8])> = vec![
        ("content-type", content_type.as_bytes()),
        // Another application will soon have this address, so browsers must not keep the page or the icon.
        ("cache-control", b"no-store"),
        ("content-security-policy", page::POLICY.as_bytes()),
        ("x-content-type-options", b"nosniff"),
    ];
    if status == 405 {
        fields.push(("allow", b"GET, HEAD")); // RFC 9110 section 15.5.6
    }
    response::send(status, &fields, content.as_bytes()).expect("fields are well-formed, and nothing was sent before");
}

const HTML: &str = "text/html; charset=utf-8";
