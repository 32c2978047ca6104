//! hyper behind the judge of what clients send: what the judge finds good is to hyper the same requests with the same
//! content, and what `gate` gives hyper in place of malformed framing ends the content with an error.
//!
//! The first byte of the input says in what pieces hyper reads the others.

#![no_main]

#[allow(dead_code, reason = "the room uses more of it")]
#[path = "../../../host/http/src/http1"]
mod room {
    pub(crate) mod strict;
}

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::rt::ReadBufCursor;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use libfuzzer_sys::fuzz_target;
use room::strict::{Strict, Wrong};
use windhover_contract::Limits;

fuzz_target!(|input: &[u8]| {
    let [size, bytes @ ..] = input else { return };
    let mut bytes = bytes.to_vec();
    let (good, heads, fault) = judge(&mut bytes);
    bytes.truncate(good);
    if let Some(Wrong::Content) = fault {
        bytes.extend_from_slice(REFUSED_FRAMING);
    }
    let (seen, whole, broken) = serve(bytes, usize::from(*size).max(1));
    assert!(seen <= heads, "hyper has seen {seen} requests in {heads}");
    match fault {
        // It may have ended before, because a request asked for that.
        Some(Wrong::Content) if seen == heads => assert_eq!((whole, broken), (heads - 1, 1)),
        _ => assert!(whole + broken == seen && broken <= 1),
    }
});

/// How many bytes are good, of how many heads, and what is wrong behind them.
fn judge(bytes: &mut [u8]) -> (usize, u64, Option<Wrong>) {
    let (mut strict, mut good) = (Strict::new(&Limits::default()), 0);
    loop {
        let verdict = strict.check(&mut bytes[good..]);
        good += verdict.good;
        if verdict.fault.is_some() || !strict.awaits_upgrade() {
            return (good, strict.heads(), verdict.fault);
        }
        strict.decline();
    }
}

/// Lets hyper read it all. How many requests it has seen, how many with whole content, and how many with broken.
fn serve(bytes: Vec<u8>, size: usize) -> (u64, u64, u64) {
    let counts = Arc::new([const { AtomicU64::new(0) }; 3]);
    let service = service_fn({
        let counts = Arc::clone(&counts);
        move |request: Request<Incoming>| {
            let counts = Arc::clone(&counts);
            async move {
                counts[0].fetch_add(1, Ordering::Relaxed);
                let is_whole = request.into_body().collect().await.is_ok();
                counts[if is_whole { 1 } else { 2 }].fetch_add(1, Ordering::Relaxed);
                Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
            }
        }
    });
    let pipe = Pipe { bytes: bytes.into(), size };
    let mut builder = http1::Builder::new();
    builder.header_read_timeout(None).max_header_size(41 << 10).half_close(true);
    let mut serving = std::pin::pin!(builder.serve_connection(pipe, service));
    // Nothing in it waits: so it is woken by itself, if at all.
    let mut polls = 0..100_000;
    assert!(
        polls.any(|_| serving.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready()),
        "the connection does not come to its end"
    );
    [0, 1, 2].map(|at| counts[at].load(Ordering::Relaxed)).into()
}

/// A client that has sent all and takes everything.
struct Pipe {
    bytes: Bytes,
    size: usize,
}

impl hyper::rt::Read for Pipe {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, mut buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let size = self.size.min(buf.remaining()).min(self.bytes.len());
        buf.put_slice(&self.bytes.split_to(size));
        Poll::Ready(Ok(()))
    }
}

impl hyper::rt::Write for Pipe {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// As in `gate`.
const REFUSED_FRAMING: &[u8] = b"\r\0";
