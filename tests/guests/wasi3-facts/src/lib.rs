//! Tells what it is told: `/` method, scheme, authority, target and fields, one a line; `/count` how many requests this
//! instance has had; `/wait` the same, when its content has ended; `/copy` gives content and trailers back through its
//! own memory; `/measure` reads all of the content, answers with its size and the names of its trailers;
//! `/promised/STATUS`
//! promises content and has none; `/send/METHOD/URL` sends a request with a little content, and tells the answer, or the
//! error; `/timers/N` waits for N timers at once.

use std::future::{Future, poll_fn};
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;

use wasip3::http::types::{ErrorCode, Fields, Method, Request, Response, Scheme, Trailers};
use wasip3::wit_bindgen::{FutureReader, StreamReader, StreamResult};
use wasip3::{wit_bindgen, wit_future, wit_stream};

static REQUESTS: AtomicU32 = AtomicU32::new(0);

struct Wasi3Facts;

wasip3::http::service::export!(Wasi3Facts);

impl wasip3::exports::http::handler::Guest for Wasi3Facts {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let count = REQUESTS.fetch_add(1, Ordering::Relaxed) + 1;
        let path = request.get_path_with_query().unwrap_or_default();
        Ok(match path.as_str() {
            "/count" => answer(format!("{count}\n")),
            "/wait" => {
                measure(request).await?;
                answer(format!("{count}\n"))
            }
            "/copy" => copy(request),
            "/measure" => answer(measure(request).await?),
            path if path.starts_with("/promised/") => promise(path["/promised/".len()..].parse().expect("a status")),
            path if path.starts_with("/timers/") => {
                answer(timers(path["/timers/".len()..].parse().expect("a number")).await)
            }
            path if path.starts_with("/send/") => {
                let (method, url) = path["/send/".len()..].split_once('/').expect("a method and a URL");
                answer(send(method, url).await.unwrap_or_else(|error| format!("{error:?}")))
            }
            _ => answer(facts(&request)),
        })
    }
}

/// A length and no content, with this status. Traps if that is no success.
fn promise(status: u16) -> Response {
    let fields = Fields::from_list(&[("content-length".into(), b"5".to_vec())]).expect("they are well-formed");
    let (writer, content) = wit_stream::new();
    drop::<wasip3::wit_bindgen::StreamWriter<u8>>(writer);
    let (_, no_trailers) = wit_future::new(|| Ok(None));
    let (response, sent) = Response::new(fields, Some(content), no_trailers);
    response.set_status_code(status).expect("it is a status");
    wit_bindgen::spawn_local(async move { sent.await.expect("it has no content, so it is whole") });
    response
}

async fn timers(count: u64) -> String {
    let mut waits: Vec<_> =
        (0..count).map(|at| Box::pin(wasip3::clocks::monotonic_clock::wait_for(1_000_000 + at))).collect();
    poll_fn(|cx| {
        waits.retain_mut(|wait| wait.as_mut().poll(cx).is_pending());
        if waits.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    format!("{count}\n")
}

fn facts(request: &Request) -> String {
    let method = match request.get_method() {
        Method::Other(name) => name,
        method => format!("{method:?}").trim_start_matches("Method::").to_uppercase(),
    };
    let scheme = match request.get_scheme() {
        Some(Scheme::Http) => "http",
        Some(Scheme::Https) => "https",
        other => panic!("no scheme of HTTP: {other:?}"),
    };
    let authority = request.get_authority().unwrap_or("none".into());
    let target = request.get_path_with_query().unwrap_or("none".into());
    let mut facts = format!("{method} {scheme} {authority} {target}\n");
    let mut fields = request.get_headers().copy_all();
    fields.sort();
    for (name, value) in fields {
        facts += &format!("{name}: {}\n", String::from_utf8_lossy(&value));
    }
    facts
}

fn answer(text: String) -> Response {
    let (mut writer, content) = wit_stream::new();
    let (_, no_trailers) = wit_future::new(|| Ok(None));
    wit_bindgen::spawn_local(async move { writer.write_all(text.into_bytes()).await });
    Response::new(Fields::new(), Some(content), no_trailers).0
}

fn content(request: Request) -> (StreamReader<u8>, FutureReader<Result<Option<Trailers>, ErrorCode>>) {
    let (_, fine) = wit_future::new(|| Ok(()));
    Request::consume_body(request, fine)
}

async fn measure(request: Request) -> Result<String, ErrorCode> {
    let (mut source, trailers) = content(request);
    let (mut sum, mut buffer) = (0, Vec::with_capacity(PIECE));
    loop {
        let result;
        buffer.clear();
        (result, buffer) = source.read(buffer).await;
        match result {
            StreamResult::Complete(size) => sum += size,
            _ => break,
        }
    }
    drop(source);
    let names: Vec<_> = match trailers.await? {
        Some(trailers) => trailers.copy_all().into_iter().map(|(name, _)| name).collect(),
        None => Vec::new(),
    };
    Ok(format!("{sum} {}\n", names.join(",")))
}

async fn send(method: &str, url: &str) -> Result<String, ErrorCode> {
    let (authority, path) = url.trim_start_matches("http://").split_once('/').expect("a URL with a path");
    let (mut writer, content) = wit_stream::new();
    let (_, no_trailers) = wit_future::new(|| Ok(None));
    let (request, _) = Request::new(Fields::new(), Some(content), no_trailers, None);
    let method = match method {
        "POST" => Method::Post,
        "HEAD" => Method::Head,
        _ => Method::Get,
    };
    request.set_method(&method).expect("it is a method");
    request.set_scheme(Some(&Scheme::Http)).expect("it is a scheme");
    request.set_authority(Some(authority)).expect("it is an authority");
    request.set_path_with_query(Some(&format!("/{path}"))).expect("it is a path");
    wit_bindgen::spawn_local(async move { writer.write_all(b"a little content".to_vec()).await });
    let response = wasip3::http::client::send(request).await?;
    let mut text = format!("{} ", response.get_status_code());
    let (_, fine) = wit_future::new(|| Ok(()));
    let (mut source, _trailers) = Response::consume_body(response, fine);
    loop {
        let (result, piece) = source.read(Vec::with_capacity(PIECE)).await;
        match result {
            StreamResult::Complete(_) => text.push_str(&String::from_utf8_lossy(&piece)),
            _ => return Ok(text),
        }
    }
}

fn copy(request: Request) -> Response {
    let (mut source, trailers) = content(request);
    let (mut writer, sink) = wit_stream::new();
    let (late, promised) = wit_future::new(|| Ok(None));
    wit_bindgen::spawn_local(async move {
        let mut buffer = Vec::with_capacity(PIECE);
        loop {
            let result;
            (result, buffer) = source.read(buffer).await;
            if !matches!(result, StreamResult::Complete(_)) {
                break;
            }
            buffer = writer.write_all(buffer).await;
            if !buffer.is_empty() {
                return; // nobody reads
            }
            buffer = Vec::with_capacity(PIECE);
        }
        drop((source, writer));
        let _ = late.write(trailers.await).await;
    });
    Response::new(Fields::new(), Some(sink), promised).0
}

const PIECE: usize = 64 << 10;
