//! A client that speaks in raw bytes: sends what it is told, and compares what comes with what a test expects. Every
//! wait has an end, and its message says what was awaited and what had come.

mod received;

use std::fmt::Display;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use crate::MemoryConnection;
use crate::bounded::{WAIT_LIMIT, bounded};

pub use received::{Framing, Received};

/// One connection to a server.
pub struct Wire {
    stream: Box<dyn Stream>,
    local: Option<SocketAddr>,
    /// What has come and was not yet expected.
    unread: Vec<u8>,
}

/// What a client's bytes go and come on.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {
    /// Lets the server hear, when this is dropped, that the client has left, and not only that it sends no more.
    fn leave_on_drop(&self);
}

impl Stream for TcpStream {
    fn leave_on_drop(&self) {
        self.set_zero_linger().expect("the socket is open"); // a reset
    }
}

impl Stream for TlsStream<TcpStream> {
    fn leave_on_drop(&self) {
        self.get_ref().0.leave_on_drop();
    }
}

impl Stream for MemoryConnection {
    fn leave_on_drop(&self) {} // it always does
}

impl Stream for Box<dyn Stream> {
    fn leave_on_drop(&self) {
        (**self).leave_on_drop();
    }
}

impl Wire {
    /// A client on a TCP connection.
    pub fn tcp(stream: TcpStream) -> Self {
        Self { local: stream.local_addr().ok(), ..Self::memory(stream) }
    }

    /// A client on a connection without addresses.
    pub fn memory(stream: impl Stream + 'static) -> Self {
        Self { stream: Box::new(stream), local: None, unread: Vec::new() }
    }

    pub(crate) fn of(stream: Box<dyn Stream>, local: SocketAddr) -> Self {
        Self { stream, local: Some(local), unread: Vec::new() }
    }

    /// The client's address, where connections have addresses.
    pub fn local(&self) -> Option<SocketAddr> {
        self.local
    }

    /// Sends bytes as they are.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).await.expect("the server takes what is sent");
    }

    /// Sends bytes to a server that may close the connection meanwhile.
    pub async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        let send = async {
            self.stream.write_all(bytes.as_ref()).await?;
            self.stream.flush().await
        };
        bounded("the server to take what was sent", send).await
    }

    /// Expects exactly these bytes next. `date: …` stands for a date field with any date.
    pub async fn expect(&mut self, expected: &str) {
        let mut parts = expected.split('…');
        self.expect_exactly(parts.next().expect("splitting gives at least one part"), expected).await;
        for part in parts {
            let date = self.take(DATE_SIZE, "a date", expected).await;
            assert!(is_date(&date), "{:?} is no date", date.escape_ascii().to_string());
            self.expect_exactly(part, expected).await;
        }
    }

    async fn expect_exactly(&mut self, part: &str, expected: &str) {
        let decided = |bytes: &[u8]| bytes.len() >= part.len() || !part.as_bytes().starts_with(bytes);
        if let Err(end) = self.read_until(decided).await {
            panic!("{}", self.report(expected, end));
        }
        if !self.unread.starts_with(part.as_bytes()) {
            panic!("{}", self.report(expected, format!("another part than {part:?}")));
        }
        self.unread.drain(..part.len());
    }

    /// Sends the same again and again until the server takes nothing for a moment, or until `max` bytes are sent.
    /// Gives how many were.
    pub async fn send_until_stuck(&mut self, bytes: &[u8], max: usize) -> usize {
        let mut sent = 0;
        while sent < max {
            match timeout(MOMENT, self.stream.write(&bytes[sent % bytes.len()..])).await {
                Ok(Ok(size)) => sent += size,
                Ok(Err(_)) | Err(_) => break,
            }
        }
        sent
    }

    /// Sends the same again and again, up to `max` bytes, and reads what comes meanwhile, until the server closes the
    /// connection.
    pub(crate) async fn send_until_closed(&mut self, bytes: &[u8], max: usize) {
        let mut sent = 0;
        let (mut reader, mut writer) = tokio::io::split(&mut self.stream);
        let flooding = async {
            while sent < max && writer.write_all(bytes).await.is_ok() {
                sent += bytes.len();
            }
            let _ = writer.flush().await;
            std::future::pending::<()>().await
        };
        let reading = async { while reader.read_buf(&mut self.unread).await.is_ok_and(|size| size > 0) {} };
        tokio::select! {
            () = flooding => {}
            () = bounded("the server to close the connection", reading) => {}
        }
    }

    /// Receives a whole response to a request that was not HEAD. Interim responses are not skipped.
    pub async fn receive_response(&mut self) -> Received {
        let mut received = self.receive_head().await;
        match received.framing {
            Framing::None => {}
            Framing::Length(length) => received.content = self.take(length, "content", &received).await,
            Framing::Chunked => {
                while let Some(chunk) = self.receive_chunk().await {
                    received.content.extend(chunk);
                }
            }
            Framing::Close => received.content = self.receive_rest().await,
        }
        received
    }

    /// Receives the head of a response. Its content may follow.
    pub async fn receive_head(&mut self) -> Received {
        if let Err(end) = self.read_until(|bytes| find_head_end(bytes).is_some()).await {
            panic!("{}", self.report("the head of a response", end));
        }
        let size = find_head_end(&self.unread).expect("the wait was for it");
        let head = self.unread.drain(..size).collect();
        Received::parse(String::from_utf8(head).expect("a head is ASCII"))
    }

    /// Receives one chunk of content. `None`: it was the last, and no trailers followed.
    pub async fn receive_chunk(&mut self) -> Option<Vec<u8>> {
        let mut size = Vec::new();
        while !size.ends_with(b"\r\n") {
            size.extend(self.take(1, "the size of a chunk", "").await);
        }
        let digits = size.trim_ascii_end().escape_ascii().to_string();
        let size = usize::from_str_radix(&digits, 16).unwrap_or_else(|_| panic!("{digits:?} is no size of a chunk"));
        let chunk = self.take(size + 2, "a chunk", "").await;
        assert!(chunk.ends_with(b"\r\n"), "a chunk of {size} has no line end behind it");
        (size > 0).then(|| chunk[..size].to_vec())
    }

    /// Whether something has come already that was not expected yet. Lets others work once, and does not wait.
    pub async fn has_something(&mut self) -> bool {
        tokio::task::yield_now().await;
        let mut bytes = [0; 1024];
        let read = self.stream.read(&mut bytes);
        if let Ok(Ok(size)) = timeout(Duration::ZERO, read).await {
            self.unread.extend(&bytes[..size]);
        }
        !self.unread.is_empty()
    }

    /// Expects that nothing has come, not even the end. Proves something only behind an answer to somebody else, as in
    /// [`Served::expect_nothing_yet`](crate::Served::expect_nothing_yet).
    pub async fn expect_nothing_yet(&mut self) {
        tokio::task::yield_now().await; // so that the runtime looks what has come
        match timeout(Duration::ZERO, self.read()).await {
            Err(_) => {}
            Ok(Ok(())) => panic!("{}", self.report("nothing yet", "something")),
            Ok(Err(end)) => panic!("{}", self.report("nothing yet", end)),
        }
    }

    /// Receives exactly so many bytes of chunked content, in whatever chunks they come.
    pub async fn receive_content(&mut self, size: usize) -> Vec<u8> {
        let mut content = Vec::new();
        while content.len() < size {
            content.extend(self.receive_chunk().await.expect("the content has not ended"));
        }
        assert_eq!(content.len(), size, "a chunk goes beyond what was expected");
        content
    }

    /// Receives everything until the connection ends.
    async fn receive_rest(&mut self) -> Vec<u8> {
        loop {
            match self.read().await {
                Ok(()) => {}
                Err(End::Closed | End::Reset) => return std::mem::take(&mut self.unread),
                Err(end) => panic!("{}", self.report("the end of the connection", end)),
            }
        }
    }

    /// Expects that the server closes the connection and sends nothing more.
    pub async fn expect_closed(&mut self) {
        let rest = self.receive_rest().await;
        assert!(rest.is_empty(), "before its end the connection brought {:?}", rest.escape_ascii().to_string());
    }

    /// Expects that the connection breaks: the server's system says that it is gone, whatever it sent before.
    pub async fn expect_reset(&mut self) {
        loop {
            match timeout(WAIT_LIMIT, self.stream.read_buf(&mut self.unread)).await {
                Ok(Ok(1..)) => {}
                Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionReset => return,
                other => panic!("{}", self.report("a reset", format!("{other:?}"))),
            }
        }
    }

    /// Expects that the connection ends before the content does whose head was `received`: a client cannot take what
    /// it got for the whole. Gives what came of it.
    pub async fn expect_reset_mid_body(&mut self, received: &Received) -> Vec<u8> {
        let rest = self.receive_rest().await;
        let shown = rest.escape_ascii().to_string();
        match received.framing {
            Framing::Length(length) => assert!(rest.len() < length, "the content is whole: {shown}"),
            Framing::Chunked => {
                let last_chunk = b"0\r\n\r\n";
                assert!(!rest.windows(5).any(|bytes| bytes == last_chunk), "the content is whole: {shown}");
            }
            Framing::None | Framing::Close => panic!("its end would look like the end of the content: {shown}"),
        }
        rest
    }

    /// Expects that the connection ends without a whole response: nothing of it has come, or a head whose content is
    /// cut off.
    pub async fn expect_broken_answer(&mut self) {
        if self.read_until(|bytes| find_head_end(bytes).is_some()).await.is_err() {
            return self.expect_closed().await;
        }
        let received = self.receive_head().await;
        self.expect_reset_mid_body(&received).await;
    }

    /// Ends what this side sends; the server may still answer.
    pub async fn finish(&mut self) {
        bounded("the server to take the end", self.stream.shutdown()).await.expect("the connection is open");
    }

    /// Leaves, so that the server hears of it: dropping a connection of TCP says only that nothing more is sent.
    pub fn leave(self) {
        self.stream.leave_on_drop();
    }

    /// Receives exactly so many bytes.
    pub async fn receive_exactly(&mut self, size: usize, awaited: &str) -> Vec<u8> {
        self.take(size, awaited, "").await
    }

    /// Receives exactly so many bytes. `None`: the connection has ended before.
    pub async fn take_or_end(&mut self, size: usize) -> Option<Vec<u8>> {
        match self.read_until(|bytes| bytes.len() >= size).await {
            Ok(()) => Some(self.unread.drain(..size).collect()),
            Err(End::Closed | End::Reset) => None,
            Err(end) => panic!("{}", self.report(format!("{size} bytes or the end"), end)),
        }
    }

    /// Takes exactly so many bytes.
    async fn take(&mut self, size: usize, awaited: &str, of: impl Display) -> Vec<u8> {
        if let Err(end) = self.read_until(|bytes| bytes.len() >= size).await {
            panic!("{}", self.report(format!("{size} bytes of {awaited} {of}"), end));
        }
        self.unread.drain(..size).collect()
    }

    async fn read_until(&mut self, enough: impl Fn(&[u8]) -> bool) -> Result<(), End> {
        while !enough(&self.unread) {
            self.read().await?;
        }
        Ok(())
    }

    /// Reads some more.
    async fn read(&mut self) -> Result<(), End> {
        match timeout(WAIT_LIMIT, self.stream.read_buf(&mut self.unread)).await {
            Ok(Ok(0)) => Err(End::Closed),
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionReset => Err(End::Reset),
            // TLS has a word for the end, and who does not say it has broken off.
            Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => Err(End::Reset),
            Ok(Err(error)) => Err(End::Error(error)),
            Err(_) => Err(End::Silence),
        }
    }

    fn report(&self, awaited: impl Display, got: impl Display) -> String {
        let unread = String::from_utf8_lossy(&self.unread);
        format!("got {got}\n--- awaited ---\n{awaited}\n--- what came and was not expected yet ---\n{unread}\n---")
    }
}

/// Why nothing more comes.
enum End {
    Closed,
    Reset,
    Error(io::Error),
    Silence,
}

impl Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Closed => f.write_str("the end of the connection"),
            Self::Reset => f.write_str("a reset of the connection"),
            Self::Error(error) => write!(f, "an error: {error}"),
            Self::Silence => write!(f, "nothing for {WAIT_LIMIT:?}"),
        }
    }
}

fn find_head_end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|bytes| bytes == b"\r\n\r\n").map(|at| at + 4)
}

/// RFC 9110 §5.6.7, the only form a server may send: `Sun, 06 Nov 1994 08:49:37 GMT`.
pub(crate) fn is_date(date: &[u8]) -> bool {
    let form = b"Aaa, 00 Aaa 0000 00:00:00 GMT";
    date.len() == form.len()
        && date.iter().zip(form).enumerate().all(|(at, (byte, form))| match form {
            _ if at >= DATE_SIZE - 3 => byte == form,
            b'0' => byte.is_ascii_digit(),
            b'A' => byte.is_ascii_uppercase(),
            b'a' => byte.is_ascii_lowercase(),
            other => byte == other,
        })
}

const DATE_SIZE: usize = 29;

/// How long a server takes nothing that will take nothing any more.
const MOMENT: Duration = Duration::from_millis(500);
