//! A client that speaks HTTP/2: [`Http2`] as it should be spoken, by a library, and [`Frames`] frame by frame, for what
//! no library would send. Every wait has an end.

mod answer;
mod exchange;
mod frame;
mod frames;

use std::net::SocketAddr;

use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use http::Request;
use http::request;
use tokio::task::JoinHandle;

pub use answer::Answer;
pub use exchange::Exchange;
pub use frame::{
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, Frame, GOAWAY, HEADERS, PING, PREFACE, PRIORITY, RST_STREAM,
    SETTINGS, WINDOW_UPDATE, field, section,
};
pub use frames::Frames;

use crate::{Served, Wire, bounded};
use frame::INITIAL_WINDOW_SIZE;

/// Makes of each function a module with one test for HTTP/2 in the clear, which the client knows that the server speaks,
/// and one for HTTP/2 over TLS: `name::h2c` and `name::h2`.
#[macro_export]
macro_rules! for_each_http2 {
    ($($(#[$attribute:meta])* async fn $sentence:ident($server:ident) $body:block)+) => {$(
        mod $sentence {
            #[allow(unused_imports, reason = "not every sentence needs what its file imports")]
            use super::*;

            async fn holds_on($server: $crate::TestServer) $body

            $(#[$attribute])*
            #[tokio::test]
            async fn h2c() {
                holds_on($crate::TestServer::http()).await;
            }

            $(#[$attribute])*
            #[tokio::test]
            async fn h2() {
                holds_on($crate::TestServer::https()).await;
            }
        }
    )+};
}

/// A connection that is spoken on as it should be.
pub struct Http2 {
    requests: SendRequest<Bytes>,
    connection: JoinHandle<Result<(), h2::Error>>,
    scheme: &'static str,
    local: SocketAddr,
}

impl Served {
    /// A new connection for HTTP/2.
    pub async fn connect_http2(&self) -> Http2 {
        self.connect_http2_with(|client| client).await
    }

    /// A new connection for HTTP/2, by a client that is not as most are.
    pub async fn connect_http2_with(&self, change: impl FnOnce(&mut Builder) -> &mut Builder) -> Http2 {
        let (stream, local) = self.open("h2").await.expect("the server accepts connections");
        stream.leave_on_drop();
        let mut builder = Builder::new();
        change(&mut builder);
        let shaken = bounded("the server to greet", builder.handshake(stream)).await;
        let (requests, connection) = shaken.expect("the server speaks HTTP/2");
        Http2 { requests, connection: tokio::spawn(connection), scheme: self.scheme(), local }
    }

    /// A new connection for HTTP/2, on which the client has sent its preface and empty settings.
    pub async fn connect_frames(&self) -> Frames {
        let mut frames = self.connect_silent_frames().await;
        frames.send_bytes([PREFACE, &Frame::new(SETTINGS, 0, 0, []).bytes()].concat()).await;
        frames
    }

    /// A new connection for HTTP/2, on which the client has said nothing.
    pub async fn connect_silent_frames(&self) -> Frames {
        let (stream, local) = self.open("h2").await.expect("the server accepts connections");
        Frames { wire: Wire::of(stream, local), scheme: self.scheme() }
    }

    /// A new connection for HTTP/2, whose client lets the server send as much as it likes.
    pub async fn connect_open_frames(&self) -> Frames {
        let mut frames = self.connect_silent_frames().await;
        let most = 0x7fff_ffff_u32;
        let settings = [&INITIAL_WINDOW_SIZE.to_be_bytes()[..], &most.to_be_bytes()].concat();
        let settings = Frame::new(SETTINGS, 0, 0, settings).bytes();
        let window = Frame::new(WINDOW_UPDATE, 0, 0, (most - 65_535).to_be_bytes()).bytes();
        frames.send_bytes([PREFACE, &settings, &window].concat()).await;
        frames
    }
}

impl Http2 {
    /// The client's address.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// A request to the authority `a`.
    pub fn request(&self, method: &str, path: &str) -> request::Builder {
        Request::builder().method(method).uri(format!("{}://a{path}", self.scheme))
    }

    /// Sends a request without content. Gives the answer.
    pub async fn ask(&mut self, request: request::Builder) -> Answer {
        self.send(request, true).await.answer().await
    }

    /// The same, if the stream is not reset.
    pub async fn try_ask(&mut self, request: request::Builder) -> Result<Answer, h2::Error> {
        self.send(request, true).await.try_answer().await
    }

    /// Asks for a path.
    pub async fn get(&mut self, path: &str) -> Answer {
        self.ask(self.request("GET", path)).await
    }

    /// Sends content to a path.
    pub async fn post(&mut self, path: &str, content: &str) -> Answer {
        let mut exchange = self.begin(self.request("POST", path)).await;
        exchange.send(content.to_owned(), true).await;
        exchange.answer().await
    }

    /// Sends a request whose content follows.
    pub async fn begin(&mut self, request: request::Builder) -> Exchange {
        self.send(request, false).await
    }

    async fn send(&mut self, request: request::Builder, is_all: bool) -> Exchange {
        let request = request.body(()).expect("a test's request is well formed");
        let ready = self.requests.clone().ready();
        self.requests = bounded("room for a stream", ready).await.expect("the connection is open");
        let (answer, stream) = self.requests.send_request(request, is_all).expect("it can be sent");
        Exchange::new(stream, answer)
    }

    /// Whether extended CONNECT is possible, as the server has said.
    pub fn can_connect(&self) -> bool {
        self.requests.is_extended_connect_protocol_enabled()
    }

    /// Closes the connection, whatever is under way.
    pub fn leave(self) {
        self.connection.abort();
    }

    /// How the connection ended, which the server ends.
    pub async fn ended(self) -> Result<(), h2::Error> {
        let Self { requests, mut connection, .. } = self;
        let ended = bounded("the server to end the connection", &mut connection).await.expect("it does not panic");
        drop(requests); // not before: without it the client would end the connection
        ended
    }
}
