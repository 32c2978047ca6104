//! Early hints: a 103 tells the browser what the page will need, so that it fetches the style sheet while the app still
//! creates the page.

wit_bindgen::generate!({
    path: "../../wit",
    world: "application",
    // Calls take `&str` and `&[u8]` instead of `String` and `Vec<u8>`.
    ownership: Borrowing { duplicate_if_necessary: false },
});

use windhover::http::{informational, request, response};

struct EarlyHints;

export!(EarlyHints);

impl Guest for EarlyHints {
    fn handle() {
        match request::path().as_str() {
            "/" => {
                // HTTP/1.0 has no 103, so its clients get only the page. A hint is optional.
                let _ = informational::send(103, &[("link", STYLE_SHEET)]);
                let page = make_page();
                let fields = [("content-type", "text/html; charset=utf-8".as_bytes()), ("link", STYLE_SHEET)];
                send(200, &fields, page.as_bytes());
            }
            "/style.css" => send(200, &[("content-type", b"text/css")], b"h1 { color: rebeccapurple }\n"),
            _ => send(404, &[("content-type", b"text/plain")], b"There is a page at /\n"),
        }
    }
}

/// A larger application would query its database here.
fn make_page() -> String {
    let numbers = (1..=10_000u64).sum::<u64>();
    format!(
        "<!doctype html>\n<title>Early hints</title>\n<link rel=\"stylesheet\" href=\"/style.css\">\n\
         <h1>The sum is {numbers}</h1>\n"
    )
}

fn send(status: u16, fields: &[(&str, &[u8])], content: &[u8]) {
    response::send(status, fields, content).expect("fields are well-formed, and nothing was sent before");
}

/// RFC 8297: the hint and the response have the same field.
const STYLE_SHEET: &[u8] = b"</style.css>; rel=preload; as=style";
