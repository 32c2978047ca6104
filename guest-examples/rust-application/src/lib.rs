//! Greets, describes the request, and echoes its content as a stream.

use std::fmt::Write;

use windhover_guest::features::connection;
use windhover_guest::header::CONTENT_TYPE;
use windhover_guest::{HeaderValue, IntoResponse, Request, Response, StatusCode};

windhover_guest::export!(app);

fn app(request: Request) -> Response {
    match (request.method().as_str(), request.uri().path()) {
        ("GET" | "HEAD", "/") => greeting(request.uri().query()).into_response(),
        ("GET" | "HEAD", "/request") => facts(&request).into_response(),
        ("POST", "/echo") => echo(request),
        _ => (StatusCode::NOT_FOUND, "There is nothing here.\n").into_response(),
    }
}

fn greeting(query: Option<&str>) -> String {
    let mut pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    match pairs.find(|(key, _)| key == "name") {
        Some((_, name)) => format!("Hello, {name}!\n"),
        None => "Hello from Rust!\n".to_owned(),
    }
}

fn facts(request: &Request) -> String {
    let (method, uri) = (request.method(), request.uri());
    let scheme = uri.scheme_str().unwrap_or_default();
    let authority = uri.authority().map(|authority| authority.as_str()).unwrap_or_default();
    let mut facts = format!("method={method}\nscheme={scheme}\nauthority={authority}\npath={}\n", uri.path());
    if let Some(query) = uri.query() {
        let _ = writeln!(facts, "query={query}"); // writing to a string does not fail
    }
    if let Some(remote) = connection::current().remote {
        let _ = writeln!(facts, "remote={}", remote.address);
    }
    facts
}

/// Sends each piece back as it arrives, so the response begins before the request has ended.
fn echo(mut request: Request) -> Response {
    let content_type = request.headers_mut().remove(CONTENT_TYPE);
    let mut response = Response::new(request.into_body().into());
    let content_type = content_type.unwrap_or(HeaderValue::from_static("application/octet-stream"));
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

/// `cargo test` calls the handler as a function. `windhover test` calls the component.
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_echoes() {
        let request = windhover_guest::http::Request::post("/echo").body("as it came".into());
        let response = app(request.expect("it is a request"));
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.into_body().collect().expect("it does not break off"), b"as it came");
    }
}
