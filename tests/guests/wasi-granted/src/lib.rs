//! Uses what it is granted, as the path says: `/variable/NAME`, `/config/KEY`, `/read/PATH`, `/write/PATH`,
//! `/send/METHOD/URL`, and answers with what it found, or with the error.

use std::{env, fs};

use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    ErrorCode, Fields, IncomingRequest, Method, OutgoingBody, OutgoingRequest, OutgoingResponse, ResponseOutparam,
    Scheme,
};

wit_bindgen::generate!({
    inline: "
        package wasi:config@0.2.0-rc.1;
        interface store {
            variant error { upstream(string), io(string) }
            get: func(key: string) -> result<option<string>, error>;
            get-all: func() -> result<list<tuple<string, string>>, error>;
        }
        world granted { import store; }
    ",
    world: "granted",
});

use wasi::config::store;

struct Granted;

/// Sends a request with a little content where the method has some, and tells the answer's status and content.
fn send(method: &str, url: &str) -> Result<String, ErrorCode> {
    let (scheme, rest) = url.split_once("://").expect("it is a URL");
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let request = OutgoingRequest::new(Fields::new());
    let (method, scheme) = match (method, scheme) {
        ("HEAD", "http") => (Method::Head, Scheme::Http),
        ("POST", "http") => (Method::Post, Scheme::Http),
        ("POST", _) => (Method::Post, Scheme::Https),
        (_, "http") => (Method::Get, Scheme::Http),
        _ => (Method::Get, Scheme::Https),
    };
    request.set_scheme(Some(&scheme)).expect("the scheme is one");
    request.set_authority(Some(authority)).expect("the authority is one");
    request.set_path_with_query(Some(&format!("/{path}"))).expect("the path is one");
    request.set_method(&method).expect("the method is one");
    let content = request.body().expect("the content is taken once");
    let response = outgoing_handler::handle(request, None)?;
    if let Method::Post = method {
        let stream = content.write().expect("the stream is taken once");
        stream.blocking_write_and_flush(b"a little content").map_err(|_| ErrorCode::ConnectionTerminated)?;
    }
    OutgoingBody::finish(content, None)?;
    response.subscribe().block();
    let response = response.get().expect("it is ready").expect("it is taken once")?;
    let content = response.consume().expect("the content is taken once");
    let stream = content.stream().expect("the stream is taken once");
    let mut text = format!("{} ", response.status());
    while let Ok(piece) = stream.blocking_read(1 << 16) {
        text.push_str(&String::from_utf8_lossy(&piece));
    }
    Ok(text)
}

impl wasip2::exports::http::incoming_handler::Guest for Granted {
    fn handle(request: IncomingRequest, outparam: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        let (what, name) = path.trim_start_matches('/').split_once('/').unwrap_or_default();
        let text = match what {
            "variable" => env::var(name).unwrap_or_else(|error| error.to_string()),
            "config" => match store::get(name) {
                Ok(value) => {
                    value.unwrap_or_else(|| format!("none of {}", store::get_all().map_or(0, |all| all.len())))
                }
                Err(error) => format!("{error:?}"),
            },
            "read" => fs::read_to_string(format!("/{name}")).unwrap_or_else(|error| error.kind().to_string()),
            "write" => match fs::write(format!("/{name}"), "written\n") {
                Ok(()) => "done".to_owned(),
                Err(error) => error.kind().to_string(),
            },
            "send" => {
                let (method, url) = name.split_once('/').expect("a method and a URL");
                send(method, url).unwrap_or_else(|code| format!("{code:?}"))
            }
            _ => "what?".to_owned(),
        };
        let response = OutgoingResponse::new(Fields::new());
        let body = response.body().expect("the body is taken once");
        ResponseOutparam::set(outparam, Ok(response));
        let stream = body.write().expect("the stream is taken once");
        stream.blocking_write_and_flush(text.as_bytes()).expect("the client reads");
        drop(stream);
        OutgoingBody::finish(body, None).expect("no length was promised");
    }
}

wasip2::http::proxy::export!(Granted);
