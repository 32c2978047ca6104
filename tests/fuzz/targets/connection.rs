//! A whole connection, HTTP/1.x or HTTP/2, with the real server between a pipe and an application: whatever a client
//! sends, in whatever pieces, nothing panics, no more is answered than was asked, and it comes to its end.
//!
//! The first byte of the input says in what pieces the others are sent, and its highest bit whether the preface of
//! HTTP/2 comes before them.

#![no_main]

#[allow(dead_code, reason = "the room uses more of it")]
#[path = "../../../host/http/src/http1"]
mod room {
    pub(crate) mod strict;
}

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::StatusCode;
use http_body_util::BodyExt;
use libfuzzer_sys::fuzz_target;
use room::strict::Strict;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex, split};
use windhover_contract::{Application, Body, Limits, Request, Response};
use windhover_http::{Clock, serve_in_memory};

fuzz_target!(|input: &[u8]| {
    let [how, bytes @ ..] = input else { return };
    let is_http2 = how & 0x80 != 0;
    let bytes = if is_http2 { [PREFACE, bytes].concat() } else { bytes.to_vec() };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("it needs nothing");
    let (asked, answered) = runtime.block_on(exchange(bytes.clone(), usize::from(how & 0x7f).max(1)));
    if !bytes.starts_with(PREFACE) {
        let heads = heads(&bytes);
        assert!(asked <= heads, "{asked} requests were seen in {heads}");
        // One more may be refused: a head that is malformed, or does not come to its end in time.
        assert!(answered <= heads + 1, "{answered} answers to {heads} requests");
    }
});

/// Lets a client send it all, take what comes, and end. How many requests the application saw, and how many final
/// answers of HTTP/1.1 the client.
async fn exchange(bytes: Vec<u8>, size: usize) -> (usize, usize) {
    let (client, server) = duplex(4096);
    let (clock, hand) = Clock::manual();
    let asked = Arc::new(AtomicUsize::new(0));
    let application = Arc::new(Echo(Arc::clone(&asked)));
    let serving = tokio::spawn(serve_in_memory(server, application, Limits::default(), clock));
    let (mut reader, mut writer) = split(client);
    let reading = tokio::spawn(async move {
        let mut received = Vec::new();
        let _ = reader.read_to_end(&mut received).await;
        received
    });
    let writing = tokio::spawn(async move {
        for piece in bytes.chunks(size) {
            writer.write_all(piece).await?;
            tokio::task::yield_now().await;
        }
        writer.shutdown().await
    });
    for step in 0..MOST_STEPS {
        for _ in 0..STEP {
            tokio::task::yield_now().await;
        }
        if serving.is_finished() {
            break;
        }
        // A client whose bytes nobody takes any more has its time too.
        if writing.is_finished() || step > MOST_STEPS / 10 {
            hand.jump(Duration::from_secs(5));
        }
    }
    assert!(serving.is_finished(), "the connection does not come to its end");
    writing.abort();
    let received = reading.await.expect("it does not panic");
    (asked.load(Ordering::Relaxed), final_answers(&received))
}

/// Answers with the content.
struct Echo(Arc<AtomicUsize>);

impl Application for Echo {
    async fn handle(&self, request: Request) -> Response {
        self.0.fetch_add(1, Ordering::Relaxed);
        let mut response = Response::empty(StatusCode::OK);
        match request.target.path().len() % 3 {
            0 => {} // the content is not wanted
            1 => response.body = request.body,
            _ => match request.body.collect().await {
                Ok(content) => response.body = Body::full(format!("{} bytes", content.to_bytes().len())),
                Err(fault) => return Response::from(fault),
            },
        }
        response
    }
}

/// How many whole heads there are, before the first that is none.
fn heads(bytes: &[u8]) -> usize {
    let (mut strict, mut good, mut bytes) = (Strict::new(&Limits::default()), 0, bytes.to_vec());
    loop {
        let verdict = strict.check(&mut bytes[good..]);
        good += verdict.good;
        if verdict.fault.is_some() || !strict.awaits_upgrade() {
            return usize::try_from(strict.heads()).expect("each has a byte");
        }
        strict.decline();
    }
}

/// What begins with a status line that is not interim, and did not come from the client as content.
fn final_answers(received: &[u8]) -> usize {
    let heads = received.windows(DATE.len()).filter(|bytes| *bytes == DATE);
    heads.count()
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Each final answer has one, and no client of this kind knows of the lower case behind a line end.
const DATE: &[u8] = b"GMT\r\n";

/// Turns of everything between two looks, and looks: with five seconds each, more than any limit.
const STEP: usize = 20;
const MOST_STEPS: usize = 2_000;
