//! Uses what it is granted, as the path says: `/variable/NAME`, `/config/KEY`, `/read/PATH`, `/write/PATH`,
//! `/send/METHOD/URL`, and answers with what it found, or with the error. `/many/N/AUTHORITY` sends N requests at once, and
//! tells what came of each. `/ask` sends what its content says: a line with method, authority, target and perhaps the
//! milliseconds that connecting may take, then a line for each field; it tells the status and the fields of the answer.

use std::{env, fs};

use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    ErrorCode, Fields, FutureIncomingResponse, IncomingRequest, Method, OutgoingBody, OutgoingRequest,
    OutgoingResponse, RequestOptions, ResponseOutparam, Scheme,
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

/// Sends so many requests before it waits for the first answer.
fn many(count: usize, authority: &str) -> String {
    let send = |_| {
        let request = OutgoingRequest::new(Fields::new());
        request.set_scheme(Some(&Scheme::Http)).expect("the scheme is one");
        request.set_authority(Some(authority)).expect("the authority is one");
        outgoing_handler::handle(request, None).expect("it can be sent")
    };
    let sent: Vec<FutureIncomingResponse> = (0..count).map(send).collect();
    let told = |response: FutureIncomingResponse| {
        response.subscribe().block();
        match response.get().expect("it is ready").expect("it is taken once") {
            Ok(response) => response.status().to_string(),
            Err(code) => format!("{code:?}"),
        }
    };
    sent.into_iter().map(told).collect::<Vec<_>>().join(" ")
}

fn ask(content: &str) -> Result<String, String> {
    let mut lines = content.lines();
    let mut words = lines.next().expect("a line").split(' ');
    let fields = Fields::new();
    for line in lines {
        let (name, value) = line.split_once(": ").expect("a field");
        fields.append(name, value.as_bytes()).map_err(|error| format!("{name}: {error:?}"))?;
    }
    let request = OutgoingRequest::new(fields);
    let method = Method::Other(words.next().expect("a method").to_owned());
    request.set_method(&method).map_err(|()| "no method")?;
    let (scheme, authority) = words.next().and_then(|url| url.split_once("://")).expect("a scheme and an authority");
    let scheme = if scheme == "https" { Scheme::Https } else { Scheme::Http };
    request.set_scheme(Some(&scheme)).map_err(|()| "no scheme")?;
    request.set_authority(Some(authority)).map_err(|()| "no authority")?;
    request.set_path_with_query(Some(words.next().expect("a target"))).map_err(|()| "no target")?;
    let options = RequestOptions::new();
    let milliseconds: Option<u64> = words.next().map(|time| time.parse().expect("a number"));
    options.set_connect_timeout(milliseconds.map(|time| time * 1_000_000)).expect("it can be set");
    let response = outgoing_handler::handle(request, Some(options)).map_err(|code| format!("{code:?}"))?;
    response.subscribe().block();
    let response =
        response.get().expect("it is ready").expect("it is taken once").map_err(|code| format!("{code:?}"))?;
    let mut names: Vec<_> = response.headers().entries().into_iter().map(|(name, _)| name).collect();
    names.sort();
    Ok(format!("{} {}", response.status(), names.join(" ")))
}

/// The content of the request, which is short.
fn content(request: &IncomingRequest) -> String {
    let content = request.consume().expect("the content is taken once");
    let stream = content.stream().expect("the stream is taken once");
    let mut all = Vec::new();
    while let Ok(piece) = stream.blocking_read(1 << 16) {
        all.extend(piece);
    }
    String::from_utf8(all).expect("it is text")
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
            "many" => {
                let (count, authority) = name.split_once('/').expect("a number and an authority");
                many(count.parse().expect("a number"), authority)
            }
            _ if path == "/ask" => ask(&content(&request)).unwrap_or_else(|error| error),
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
