//! A component of the standard world `wasi:http/proxy` 0.2. It imports nothing of Windhover, so it also runs on other
//! servers of that world.

use std::error::Error;
use std::io::Write;

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{
    Fields, IncomingBody, IncomingRequest, Method, OutgoingBody, OutgoingResponse, ResponseOutparam, Scheme,
};
use wasip2::io::streams::StreamError;

struct Example;

wasip2::http::proxy::export!(Example);

impl Guest for Example {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let target = request.path_with_query().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        // An error means that the client has disconnected or broken off its request. The server knows that already.
        let _ = match (request.method(), path) {
            (Method::Get | Method::Head, "/") => answer(out, 200, &greeting(query)),
            (Method::Get | Method::Head, "/request") => answer(out, 200, &facts(&request, path, query)),
            (Method::Post, "/echo") => echo(&request, out),
            _ => answer(out, 404, "There is nothing here.\n"),
        };
    }
}

fn greeting(query: &str) -> String {
    match form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "name") {
        Some((_, name)) => format!("Hello, {name}!\n"),
        None => "Hello from wasi:http!\n".to_owned(),
    }
}

fn facts(request: &IncomingRequest, path: &str, query: &str) -> String {
    let method = if matches!(request.method(), Method::Head) { "HEAD" } else { "GET" };
    let scheme = match request.scheme() {
        Some(Scheme::Http) => "http".into(),
        Some(Scheme::Https) => "https".into(),
        Some(Scheme::Other(name)) => name,
        None => String::new(),
    };
    let authority = request.authority().unwrap_or_default();
    let query = if query.is_empty() { String::new() } else { format!("query={query}\n") };
    format!("method={method}\nscheme={scheme}\nauthority={authority}\npath={path}\n{query}")
}

fn answer(out: ResponseOutparam, status: u16, text: &str) -> Result<(), Box<dyn Error>> {
    let fields = [
        ("content-length".into(), text.len().to_string().into()),
        ("content-type".into(), "text/plain; charset=utf-8".into()),
    ];
    let body = start(out, status, &fields);
    body.write().expect("taken once").write_all(text.as_bytes())?;
    OutgoingBody::finish(body, None)?;
    Ok(())
}

/// Sends the content back while it arrives. The response starts before the first byte is read.
fn echo(request: &IncomingRequest, out: ResponseOutparam) -> Result<(), Box<dyn Error>> {
    let types = request.headers().get("content-type");
    let fields: Vec<_> = types.into_iter().map(|value| ("content-type".into(), value)).collect();
    let (source, sink) = (request.consume().expect("taken once"), start(out, 200, &fields));

    // Returning by `?` drops the sink unfinished. The server then breaks off the response, so that the client does not
    // take half of it for the whole.
    let (from, to) = (source.stream().expect("taken once"), sink.write().expect("taken once"));
    loop {
        // The bytes pass from stream to stream inside the server, and not through this guest's memory. Without a flush,
        // a server may buffer them.
        match to.blocking_splice(&from, PIECE).and_then(|_| to.flush()) {
            Ok(()) => continue,
            Err(StreamError::Closed) => break,
            Err(error) => return Err(error.into()),
        }
    }
    drop((from, to)); // streams are children of their bodies, so drop them first

    let trailers = IncomingBody::finish(source);
    trailers.subscribe().block();
    let fields = trailers.get().expect("ready").expect("taken once")?;
    OutgoingBody::finish(sink, fields)?;
    Ok(())
}

fn start(out: ResponseOutparam, status: u16, fields: &[(String, Vec<u8>)]) -> OutgoingBody {
    let response = OutgoingResponse::new(Fields::from_list(fields).expect("fields are well-formed"));
    response.set_status_code(status).expect("status is a valid one");
    let body = response.body().expect("taken once");
    ResponseOutparam::set(out, Ok(response));
    body
}

/// The most that one call copies, in bytes. Usual for buffers of servers.
const PIECE: u64 = 64 * 1024;
