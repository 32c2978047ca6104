//! How slowly a client of HTTP/2 may take what its connection has for it: one whose windows are open, and whose system
//! takes nothing.

use std::future::poll_fn;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use h2::Reason;
use http::{HeaderMap, StatusCode};
use http_body::Frame as Piece;
use tokio::sync::Notify;
use tokio::time::timeout;
use windhover_contract::{Body, DataRate, Fault, InRange, Limits, Request, Response};
use windhover_tests::http2::{Frame, Frames};
use windhover_tests::{Served, TestServer, bounded, for_each_http2};

use crate::SECOND;

for_each_http2! {
    async fn a_client_that_reads_nothing_is_reset(server) {
        let app = App::serve(server.limits(|limits| limits.min_response_data_rate = Some(FAST))).await;
        let mut frames = app.served.connect_open_frames().await;
        frames.get(1, "/endless").await;
        app.comes_to_a_stand().await;
        app.advance_until_forgotten(&frames).await;
    }

    /// The connection is not ended by what the server asks of others.
    async fn an_application_may_let_its_client_be_slower(server) {
        let app = App::serve(server.limits(|limits| limits.min_response_data_rate = Some(FAST))).await;
        let mut frames = app.served.connect_open_frames().await;
        frames.get(1, "/endless/slow").await;
        app.comes_to_a_stand().await;
        app.almost_reach(SLOW).await;
        app.advance(SECOND).await;
        bounded("the answer to be given up", app.told.notified()).await;
    }

    /// Also where all of its answer has left it, and waits to be taken.
    async fn an_application_may_ask_its_client_to_be_faster(server) {
        let change = |limits: &mut Limits| {
            (limits.min_response_data_rate, limits.http2.stream_send_buffer) = (Some(SLOW), InRange::of(64 << 20));
        };
        for path in ["/endless/fast", "/whole/fast"] {
            let app = App::serve(server.clone().limits(change)).await;
            let mut frames = app.served.connect_open_frames().await;
            frames.get(1, path).await;
            if path == "/whole/fast" {
                app.advance_until_forgotten(&frames).await;
            } else {
                app.comes_to_a_stand().await;
                app.advance_until("the answer to be given up", app.told.notified()).await;
            }
        }
    }

    /// Of two that differ, each has its own: the one that wants more ends its stream, and leaves the other alone.
    async fn each_exchange_has_its_own_rate(server) {
        let app = App::serve(server).await;
        let mut frames = app.served.connect_open_frames().await;
        frames.get(1, "/endless/slow").await;
        app.comes_to_a_stand().await;
        frames.get(3, "/endless/fast").await;
        app.almost_reach(FAST).await;
        app.advance(SECOND).await;
        bounded("the fast one to be given up", app.told.notified()).await;
        app.still_waits(SLOW.grace - FAST.grace).await;
    }

    /// What its client does not take holds up neither its time nor its end.
    async fn an_interim_response_that_waits_hears_that_its_client_is_gone(server) {
        let app = App::serve(server).await;
        let mut frames = app.served.connect_open_frames().await;
        frames.get(1, "/endless/slow").await;
        app.comes_to_a_stand().await;
        frames.get(3, "/interim").await;
        bounded("the request to arrive", app.told.notified()).await;
        frames.send(Frame::reset(3, Reason::CANCEL)).await;
        bounded("the application to be dropped", app.told.notified()).await;
    }
}

/// An application that answers without end, or with much, or first with interim responses, and lets its client be slow
/// or wants it fast.
struct App {
    served: Served,
    /// An answer without end was given up; interim responses have begun; nobody waits for them any more.
    told: Arc<Notify>,
    /// More of an answer without end was asked for.
    asked: Arc<Notify>,
}

impl App {
    async fn serve(server: TestServer) -> Self {
        let (told, asked) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (telling, asking) = (Arc::clone(&told), Arc::clone(&asked));
        let served = server
            .with_test_clock()
            .serve_fn(move |request| answer(request, Arc::clone(&telling), Arc::clone(&asking)))
            .await
            .with_window(WINDOW);
        Self { served, told, asked }
    }

    /// Ends when nothing of an answer without end is asked for any more, because its client takes nothing.
    async fn comes_to_a_stand(&self) {
        bounded("an answer to begin", self.asked.notified()).await;
        let standing = async { while timeout(MOMENT, self.asked.notified()).await.is_ok() {} };
        bounded("an answer to come to a stand", standing).await;
    }

    /// Ends when the server waits for an end within that time, and what the client took fast at first gives it.
    async fn still_waits(&self, time: Duration) {
        bounded("an end to be waited for", self.served.clock().wait_until_armed(time + CREDIT)).await;
    }

    /// Lets all of a rate's time pass but a second, which is waited for still.
    async fn almost_reach(&self, rate: DataRate) {
        self.still_waits(rate.grace).await;
        self.served.clock().jump(rate.grace - SECOND);
        self.still_waits(SECOND).await;
    }

    /// Lets time pass, once it is waited for.
    async fn advance(&self, time: Duration) {
        self.still_waits(time).await;
        self.served.clock().jump(time + CREDIT);
    }

    /// Lets time pass as it is waited for, until something has happened.
    async fn advance_until(&self, awaited: &str, happened: impl Future<Output = ()>) {
        let passing = async {
            loop {
                self.served.clock().advance(FAST.grace + CREDIT).await;
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            () = bounded(awaited, happened) => {}
            () = passing => {}
        }
    }

    /// The same, until the server's system knows nothing of the connection any more.
    async fn advance_until_forgotten(&self, frames: &Frames) {
        self.advance_until("the connection to be given up", self.served.forgotten(frames.local())).await;
    }
}

async fn answer(request: Request, told: Arc<Notify>, asked: Arc<Notify>) -> Response {
    let path = request.target.path().into_owned();
    let limits = request.features.limits.expect("this server has them");
    if path.ends_with("/slow") {
        limits.set_min_response_data_rate(Some(SLOW));
    } else if path.ends_with("/fast") {
        limits.set_min_response_data_rate(Some(FAST));
    }
    if path == "/interim" {
        told.notify_one();
        let _told = Told(told);
        let informational = request.features.informational.expect("this server has it");
        loop {
            poll_fn(|cx| informational.poll_send(cx, StatusCode::EARLY_HINTS, &HeaderMap::new())).await;
        }
    }
    let mut response = Response::empty(StatusCode::OK);
    response.body = if path.starts_with("/whole") {
        Body::full(vec![b'x'; 16 << 20])
    } else {
        Body::stream(Endless { _told: Told(told), asked })
    };
    response
}

struct Told(Arc<Notify>);

impl Drop for Told {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

struct Endless {
    _told: Told,
    asked: Arc<Notify>,
}

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Piece<Bytes>, Fault>>> {
        self.asked.notify_one();
        Poll::Ready(Some(Ok(Piece::data(Bytes::from_static(&[b'x'; 1 << 14])))))
    }
}

/// What the system of a client takes that it does not read.
const WINDOW: u32 = 4096;

/// How long nothing is asked for where nothing will be.
const MOMENT: Duration = Duration::from_millis(500);

const SLOW: DataRate = within(1000);

const FAST: DataRate = within(3);

/// What a client has to take something in. So much a second that what it takes at first gives it less than [`CREDIT`].
const fn within(seconds: u64) -> DataRate {
    DataRate { bytes_per_second: NonZeroU32::new(1 << 30).expect("it is not 0"), grace: Duration::from_secs(seconds) }
}

/// More than what 64 KiB, the most that is remembered of what a client took, give it at these rates.
const CREDIT: Duration = Duration::from_millis(1);
