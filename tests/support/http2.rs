//! A client that speaks HTTP/2: [`Http2`] as it should be spoken, by a library, and [`Frames`] frame by frame, for what
//! no library would send. Every wait has an end.

use std::fmt;
use std::net::SocketAddr;

use bytes::Bytes;
use h2::client::{Builder, ResponseFuture, SendRequest};
use h2::{Reason, RecvStream, SendStream};
use http::request;
use http::{HeaderMap, Request};
use tokio::task::JoinHandle;

use crate::wire::is_date;
use crate::{Served, Wire, bounded};

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
        Exchange { stream, coming: Coming::Head(answer) }
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

/// One exchange under way.
pub struct Exchange {
    stream: SendStream<Bytes>,
    coming: Coming,
}

enum Coming {
    Head(ResponseFuture),
    Content(RecvStream),
}

impl Exchange {
    /// Sends content as the server takes it.
    pub async fn send(&mut self, content: impl Into<Bytes>, is_last: bool) {
        self.try_send(content, is_last).await.expect("the server takes the content");
    }

    /// Sends content to a server that may reset the stream meanwhile.
    pub async fn try_send(&mut self, content: impl Into<Bytes>, is_last: bool) -> Result<(), h2::Error> {
        let mut content = content.into();
        while !content.is_empty() {
            self.stream.reserve_capacity(content.len());
            let capacity = std::future::poll_fn(|cx| self.stream.poll_capacity(cx));
            match bounded("the server to take content", capacity).await {
                Some(size) => self.stream.send_data(content.split_to(size?.min(content.len())), false)?,
                None => return Err(Reason::STREAM_CLOSED.into()),
            }
        }
        if is_last { self.stream.send_data(content, true) } else { Ok(()) }
    }

    /// Ends the content with trailers.
    pub fn send_trailers(&mut self, name: &'static str, value: &'static str) {
        let trailers = HeaderMap::from_iter([(name.parse().expect("a name"), value.parse().expect("a value"))]);
        self.stream.send_trailers(trailers).expect("the stream is open");
    }

    /// Resets the stream.
    pub fn reset(&mut self, reason: Reason) {
        self.stream.send_reset(reason);
    }

    /// The next interim response: its status, and its fields.
    pub async fn interim(&mut self) -> Answer {
        let Coming::Head(answer) = &mut self.coming else { panic!("the answer has come") };
        let interim = std::future::poll_fn(|cx| answer.poll_informational(cx));
        let interim = bounded("an interim response", interim).await.expect("one comes").expect("no reset");
        Answer::of(interim.status().as_u16(), interim.headers())
    }

    /// The head of the answer, without content. To be asked for once.
    pub async fn head(&mut self) -> Answer {
        self.try_head().await.expect("an answer comes")
    }

    async fn try_head(&mut self) -> Result<Answer, h2::Error> {
        let Coming::Head(answer) = &mut self.coming else { panic!("the answer has come") };
        let (head, content) = bounded("the head of an answer", answer).await?.into_parts();
        self.coming = Coming::Content(content);
        let mut answer = Answer::of(head.status.as_u16(), &head.headers);
        let date = answer.fields.iter().position(|field| field.starts_with("date: "));
        // What the server's library refuses by itself has none, and nothing else either.
        if answer.status == 431 && answer.fields.is_empty() {
            return Ok(answer);
        }
        let date = answer.fields.remove(date.expect("an answer has a date"));
        assert!(is_date(&date.as_bytes()["date: ".len()..]), "{date:?} is no date");
        Ok(answer)
    }

    /// The next piece of content. `None`: it has ended.
    pub async fn piece(&mut self) -> Result<Option<Bytes>, h2::Error> {
        // An end may come in a frame of its own, which carries nothing else.
        let piece = loop {
            match self.piece_kept().await? {
                None => return Ok(None),
                Some(piece) if piece.is_empty() => {}
                Some(piece) => break piece,
            }
        };
        let Coming::Content(content) = &mut self.coming else { unreachable!("a piece of it has come") };
        content.flow_control().release_capacity(piece.len())?;
        Ok(Some(piece))
    }

    /// The same, by a client that lets nothing more come for it.
    pub async fn piece_kept(&mut self) -> Result<Option<Bytes>, h2::Error> {
        let Coming::Content(content) = &mut self.coming else { panic!("the answer has not come") };
        bounded("content", content.data()).await.transpose()
    }

    /// Exactly so much content, in whatever pieces it comes.
    pub async fn content(&mut self, size: usize) -> Vec<u8> {
        let mut all = Vec::new();
        while all.len() < size {
            all.extend(self.piece().await.expect("no reset").expect("the content has not ended"));
        }
        assert_eq!(all.len(), size, "a piece goes beyond what was expected");
        all
    }

    /// The whole answer.
    pub async fn answer(mut self) -> Answer {
        self.try_answer().await.expect("a whole answer comes")
    }

    /// The whole answer, if the stream is not reset.
    pub async fn try_answer(&mut self) -> Result<Answer, h2::Error> {
        let mut answer = match self.coming {
            Coming::Head(_) => self.try_head().await?,
            Coming::Content(_) => Answer::of(0, &HeaderMap::new()),
        };
        while let Some(piece) = self.piece().await? {
            answer.content.extend(piece);
        }
        let Coming::Content(content) = &mut self.coming else { unreachable!("the head has come") };
        if let Some(trailers) = bounded("trailers or none", content.trailers()).await? {
            answer.trailers = lines(&trailers);
        }
        Ok(answer)
    }

    /// Expects that the server resets the stream instead of a whole answer. Gives its code.
    pub async fn reset_by_server(&mut self) -> Reason {
        let error = self.try_answer().await.expect_err("the stream is reset");
        assert!(error.is_remote() && error.is_reset(), "{error}");
        error.reason().expect("a reset has a code")
    }
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// The fields, sorted, as `name: value`. Without `date`, which was checked.
    pub fields: Vec<String>,
    /// The content.
    pub content: Vec<u8>,
    /// The fields behind it.
    pub trailers: Vec<String>,
}

impl Answer {
    fn of(status: u16, fields: &HeaderMap) -> Self {
        Self { status, fields: lines(fields), content: Vec::new(), trailers: Vec::new() }
    }

    /// The content, which must be text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.content).expect("the content is text")
    }

    /// Expects a status and a text.
    pub fn expect(&self, status: u16, text: &str) {
        assert_eq!((self.status, self.text()), (status, text), "{self}");
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}\n\n{}", self.status, self.fields.join("\n"), self.content.escape_ascii())
    }
}

fn lines(fields: &HeaderMap) -> Vec<String> {
    let line =
        |(name, value): (&http::HeaderName, &http::HeaderValue)| format!("{name}: {}", value.as_bytes().escape_ascii());
    let mut lines: Vec<_> = fields.iter().map(line).collect();
    lines.sort();
    lines
}

/// A connection that is spoken on frame by frame.
pub struct Frames {
    wire: Wire,
    scheme: &'static str,
}

/// A frame (RFC 9113 §4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its type.
    pub kind: u8,
    /// Its flags.
    pub flags: u8,
    /// Its stream. 0: the connection.
    pub stream: u32,
    /// What it carries.
    pub payload: Vec<u8>,
}

impl Frame {
    /// Any frame.
    pub fn new(kind: u8, flags: u8, stream: u32, payload: impl Into<Vec<u8>>) -> Self {
        Self { kind, flags, stream, payload: payload.into() }
    }

    /// RST_STREAM.
    pub fn reset(stream: u32, reason: Reason) -> Self {
        Self::new(RST_STREAM, 0, stream, u32::from(reason).to_be_bytes())
    }

    /// As it goes over the wire.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = (self.payload.len() as u32).to_be_bytes()[1..].to_vec();
        bytes.extend([self.kind, self.flags]);
        bytes.extend(self.stream.to_be_bytes());
        bytes.extend(&self.payload);
        bytes
    }

    /// The error code of RST_STREAM or GOAWAY.
    pub fn reason(&self) -> Reason {
        let at = if self.kind == GOAWAY { 4 } else { 0 };
        let code = self.payload[at..][..4].try_into().expect("four bytes");
        Reason::from(u32::from_be_bytes(code))
    }
}

/// A field as HPACK has it in its plainest form: neither indexed nor compressed (RFC 7541 §6.2.2).
pub fn field(name: &str, value: &str) -> Vec<u8> {
    let mut bytes = vec![0];
    for text in [name, value] {
        match text.len() {
            size @ 0..127 => bytes.push(size as u8),
            size => {
                bytes.push(127);
                let mut rest = size - 127;
                while rest >= 128 {
                    bytes.push(128 | (rest % 128) as u8);
                    rest /= 128;
                }
                bytes.push(rest as u8);
            }
        }
        bytes.extend(text.as_bytes());
    }
    bytes
}

/// A header section in that form.
pub fn section(fields: &[(&str, &str)]) -> Vec<u8> {
    fields.iter().flat_map(|(name, value)| field(name, value)).collect()
}

impl Frames {
    /// The scheme of the connection.
    pub fn scheme(&self) -> &'static str {
        self.scheme
    }

    /// The client's address.
    pub fn local(&self) -> SocketAddr {
        self.wire.local().expect("HTTP/2 is spoken by TCP here")
    }

    /// Sends bytes as they are.
    pub async fn send_bytes(&mut self, bytes: impl AsRef<[u8]>) {
        self.wire.send(bytes).await;
    }

    /// Sends a frame.
    pub async fn send(&mut self, frame: Frame) {
        self.wire.send(frame.bytes()).await;
    }

    /// Ends what this side sends; the server may still answer.
    pub async fn finish(&mut self) {
        self.wire.finish().await;
    }

    /// As [`Wire::leave`].
    pub fn leave(self) {
        self.wire.leave();
    }

    /// Sends a frame to a server that may close the connection meanwhile.
    pub async fn try_send(&mut self, frame: Frame) {
        let _ = self.wire.try_send(frame.bytes()).await;
    }

    /// Sends the same again and again, up to `max` bytes, until the server closes the connection. What it said is to be
    /// received afterwards.
    pub async fn flood(&mut self, bytes: &[u8], max: usize) {
        self.wire.send_until_closed(bytes, max).await;
    }

    /// The head of a request of its own stream, as it is in HEADERS.
    pub fn head(&self, method: &str, path: &str) -> Vec<u8> {
        section(&[(":method", method), (":scheme", self.scheme), (":authority", "a"), (":path", path)])
    }

    /// Sends a request without content.
    pub async fn get(&mut self, stream: u32, path: &str) {
        let head = self.head("GET", path);
        self.send(Frame::new(HEADERS, END_HEADERS | END_STREAM, stream, head)).await;
    }

    /// The next frame. `None`: the connection has ended.
    pub async fn receive(&mut self) -> Option<Frame> {
        let head = self.wire.take_or_end(9).await?;
        let number = |bytes: &[u8]| bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte));
        let payload = self.wire.take_or_end(number(&head[..3]) as usize).await?;
        Some(Frame { kind: head[3], flags: head[4], stream: number(&head[5..]), payload })
    }

    /// The next frame of this type. Others are passed over.
    pub async fn receive_kind(&mut self, kind: u8) -> Frame {
        let mut passed = Vec::new();
        while let Some(frame) = self.receive().await {
            if frame.kind == kind {
                return frame;
            }
            passed.push(frame.kind);
        }
        panic!("the connection ended without a frame of type {kind}; of types {passed:?} were some");
    }

    /// Expects that the server says good-bye for that reason and closes the connection.
    pub async fn expect_goaway(&mut self, reason: Reason) {
        assert_eq!(self.receive_kind(GOAWAY).await.reason(), reason);
        self.expect_closed().await;
    }

    /// Expects that the server closes the connection. What it says before is passed over.
    pub async fn expect_closed(&mut self) {
        while self.receive().await.is_some() {}
    }

    /// Expects that the server still answers, by its answer to a PING.
    pub async fn expect_alive(&mut self) {
        self.send(Frame::new(PING, 0, 0, *b"are you?")).await;
        while self.receive_kind(PING).await != Frame::new(PING, ACK, 0, *b"are you?") {}
    }
}

/// RFC 9113 §3.4.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Types of frames (RFC 9113 §6).
pub const DATA: u8 = 0;
/// Begins a header section.
pub const HEADERS: u8 = 1;
/// Means nothing any more.
pub const PRIORITY: u8 = 2;
/// Ends a stream.
pub const RST_STREAM: u8 = 3;
/// What a side can and wants.
pub const SETTINGS: u8 = 4;
/// Is answered by its like.
pub const PING: u8 = 6;
/// Says good-bye.
pub const GOAWAY: u8 = 7;
/// Lets the other side send more.
pub const WINDOW_UPDATE: u8 = 8;
/// Goes on with a header section.
pub const CONTINUATION: u8 = 9;

/// A setting (RFC 9113 §6.5.2): how much of a stream may be sent at first.
const INITIAL_WINDOW_SIZE: u16 = 4;

/// Flag of DATA and HEADERS.
pub const END_STREAM: u8 = 1;
/// Flag of HEADERS and CONTINUATION.
pub const END_HEADERS: u8 = 4;
/// Flag of SETTINGS and PING.
pub const ACK: u8 = 1;
