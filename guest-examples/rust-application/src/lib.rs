//! A greeting, a look at the request, and an echo that streams.

use std::fmt::Write;

use windhover::http::{connection, request, response};

wit_bindgen::generate!({
    path: "wit",
    generate_all,
    ownership: Borrowing { duplicate_if_necessary: false }, // calls take `&str` and `&[u8]`
});

struct App;

export!(App);

impl Guest for App {
    fn handle() {
        let head = request::head();
        match (head.method.as_str(), head.path.as_str()) {
            ("GET" | "HEAD", "/") => text(200, &greeting(head.query.as_deref())),
            ("GET" | "HEAD", "/request") => text(200, &facts(&head)),
            ("POST", "/echo") => echo(),
            _ => text(404, "There is nothing here.\n"),
        }
    }
}

fn greeting(query: Option<&str>) -> String {
    let mut pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    match pairs.find(|(key, _)| key == "name") {
        Some((_, name)) => format!("Hello, {name}!\n"),
        None => "Hello from Rust!\n".to_owned(),
    }
}

fn facts(head: &request::RequestHead) -> String {
    let request::RequestHead { method, scheme, authority, path, .. } = head;
    let mut facts = format!("method={method}\nscheme={scheme}\nauthority={authority}\npath={path}\n");
    if let Some(query) = &head.query {
        let _ = writeln!(facts, "query={query}"); // writing to a string does not fail
    }
    if let Some(remote) = connection::current().remote {
        let _ = writeln!(facts, "remote={}", remote.address);
    }
    facts
}

/// Sends each piece back as it comes: the answer begins before the request has ended.
fn echo() {
    let content_type = request::field("content-type").unwrap_or_else(|| b"application/octet-stream".into());
    response::start(200, &[("content-type", &content_type)]).expect("nothing was sent before");
    loop {
        // A request that breaks off must not become an answer that looks whole: a panic breaks it off too.
        let piece = request::read(0).expect("the request is whole");
        if piece.is_empty() {
            return;
        }
        response::write(&piece).expect("the answer has begun");
    }
}

fn text(status: u16, text: &str) {
    let fields: [(&str, &[u8]); 1] = [("content-type", b"text/plain; charset=utf-8")];
    response::send(status, &fields, text.as_bytes()).expect("nothing was sent before");
}
