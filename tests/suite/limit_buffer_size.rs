//! How much of an answer waits in the server for a client that does not take it.

use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::StatusCode;
use http_body::Frame;
use windhover_contract::{Body, DataRate, Fault, InRange, Response};
use windhover_tests::{Served, TestServer};

use crate::get;

#[tokio::test]
async fn no_more_of_an_answer_waits_in_the_server_than_the_limit_allows() {
    let [small, large] = [held(8 << 10).await, held(16 << 20).await];
    assert!(small + (8 << 20) <= large, "{small} bytes with a small buffer, {large} with a large one");
}

/// What the server takes of an endless answer, with its system's share, when the client takes nothing.
async fn held(buffer_size: usize) -> usize {
    let taken = Arc::new(AtomicUsize::new(0));
    let served = serve_endless(buffer_size, &taken).await;
    let mut deaf = served.connect().await;
    deaf.send(get("/endless")).await;
    deaf.receive_head().await;
    // A write waits.
    served.clock().wait_until_armed_at(DataRate::DEFAULT.grace).await;
    // One thread serves all connections: when it has answered here it has done there what it can.
    let mut next = served.connect().await;
    next.send(get("/")).await;
    next.receive_response().await;
    taken.load(Ordering::Relaxed)
}

async fn serve_endless(buffer_size: usize, taken: &Arc<AtomicUsize>) -> Served {
    let taken = Arc::clone(taken);
    let server = TestServer::http()
        .with_test_clock()
        .limits(|limits| limits.http1.max_buffer_size = InRange::of(buffer_size as u64));
    let server = server.config(|config| config.workers = NonZeroUsize::MIN);
    server
        .serve_fn(move |request| {
            let mut response = Response::empty(StatusCode::OK);
            if request.target.path() == "/endless" {
                response.body = Body::stream(Endless(Arc::clone(&taken)));
            }
            async { response }
        })
        .await
}

struct Endless(Arc<AtomicUsize>);

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        self.0.fetch_add(PIECE.len(), Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(PIECE)))))
    }
}

static PIECE: &[u8] = &[b'x'; 1 << 20];
