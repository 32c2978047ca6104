//! A component of the standard world `wasi:http/service` 0.3. It imports nothing of Windhover, so it also runs on other
//! servers of that world.

use wasip3::http::types::{ErrorCode, Fields, Method, Request, Response, Scheme};
use wasip3::{wit_bindgen, wit_future, wit_stream};

struct Example;

wasip3::http::service::export!(Example);

impl wasip3::exports::http::handler::Guest for Example {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let target = request.get_path_with_query().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        Ok(match (request.get_method(), path) {
            (Method::Get | Method::Head, "/") => answer(200, &greeting(query)),
            (Method::Get | Method::Head, "/request") => answer(200, &facts(&request, path, query)),
            (Method::Post, "/echo") => echo(request),
            _ => answer(404, "There is nothing here.\n"),
        })
    }
}

fn greeting(query: &str) -> String {
    match form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "name") {
        Some((_, name)) => format!("Hello, {name}!\n"),
        None => "Hello from wasi:http!\n".to_owned(),
    }
}

fn facts(request: &Request, path: &str, query: &str) -> String {
    let method = if matches!(request.get_method(), Method::Head) { "HEAD" } else { "GET" };
    let scheme = match request.get_scheme() {
        Some(Scheme::Http) => "http".into(),
        Some(Scheme::Https) => "https".into(),
        Some(Scheme::Other(name)) => name,
        None => String::new(),
    };
    let authority = request.get_authority().unwrap_or_default();
    let query = if query.is_empty() { String::new() } else { format!("query={query}\n") };
    format!("method={method}\nscheme={scheme}\nauthority={authority}\npath={path}\n{query}")
}

fn answer(status: u16, text: &str) -> Response {
    let fields = [
        ("content-length".into(), text.len().to_string().into()),
        ("content-type".into(), "text/plain; charset=utf-8".into()),
    ];
    let fields = Fields::from_list(&fields).expect("fields are well-formed");
    let (mut writer, content) = wit_stream::new();
    let (_, no_trailers) = wit_future::new(|| Ok(None));
    let (response, _) = Response::new(fields, Some(content), no_trailers);
    response.set_status_code(status).expect("status is a valid one");
    // The handler returns now, and the content follows. The server may not take all of it, for example for HEAD.
    let text = text.as_bytes().to_vec();
    wit_bindgen::spawn_local(async move { writer.write_all(text).await });
    response
}

/// Sends the content back while it arrives, with its trailers. The response gets the streams of the request, so the
/// bytes do not pass through this guest's memory.
fn echo(request: Request) -> Response {
    let types = request.get_headers().get("content-type");
    let fields: Vec<_> = types.into_iter().map(|value| ("content-type".into(), value)).collect();
    let (_, fine) = wit_future::new(|| Ok(()));
    let (content, trailers) = Request::consume_body(request, fine);
    let fields = Fields::from_list(&fields).expect("they were well-formed when they came in");
    let (response, _) = Response::new(fields, Some(content), trailers);
    response
}
