//! Load: 64 keep-alive connections from one thread on the second core, each of which sends its next request when it has the
//! whole answer to the one before.
//!
//! The thread never sleeps. Whoever wakes a client that sleeps pays for it: with wrk, which sleeps whenever the server is
//! the slower one, that was up to a quarter of a server's processor time for a request.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::process::Server;

/// What is asked for, again and again.
pub(crate) struct Load {
    request: Vec<u8>,
    /// The content of each answer. `None`: as that of the first.
    content: Option<Vec<u8>>,
    connections: usize,
    /// Requests that are due in a second, whether those before have been answered or not. `None`: a connection's next
    /// request is due when it has its answer.
    rate: Option<f64>,
}

/// What one run of load cost the server, and its clients.
pub(crate) struct Cost {
    pub(crate) requests_per_second: f64,
    /// Requests that were answered 503 and a time to come back at, each second.
    pub(crate) refused_per_second: f64,
    pub(crate) cpu_microseconds: f64,
    /// Time from when a request is due to its whole answer.
    pub(crate) median: Duration,
    pub(crate) p99: Duration,
    /// Bytes that the server has at the end.
    pub(crate) memory: u64,
}

impl Load {
    /// A request without content.
    pub(crate) fn get(path: &str) -> Self {
        let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n").into_bytes();
        Self { request, content: None, connections: 64, rate: None }
    }

    /// So much content, which comes back.
    pub(crate) fn echo(size: usize) -> Self {
        let mut request = format!("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: {size}\r\n\r\n").into_bytes();
        request.resize(request.len() + size, b'x');
        Self { request, content: Some(vec![b'x'; size]), connections: 16, rate: None }
    }

    /// The same from so many connections.
    pub(crate) fn connections(self, connections: usize) -> Self {
        Self { connections, ..self }
    }

    /// The same, so many a second. More than the server can do is refused, or waits.
    pub(crate) fn rate(self, rate: f64) -> Self {
        Self { rate: Some(rate), ..self }
    }

    /// Loads the server for some seconds. Any request that fails, or is answered with other content, fails the measurement.
    pub(crate) fn run(&self, server: &Server, seconds: u64) -> anyhow::Result<Cost> {
        let _pinned = Pinned::to(LOAD_CORE)?;
        let content = match &self.content {
            Some(content) => content.clone(),
            None => self.first_content(server)?,
        };
        let open = || Connection::open(&server.address);
        let mut connections = (0..self.connections).map(|_| open()).collect::<anyhow::Result<Vec<_>>>()?;
        let mut times = Vec::with_capacity(1 << 20);
        let (begin, before) = (Instant::now(), server.cpu_time()?);
        let end = begin + Duration::from_secs(seconds);
        let pause = self.rate.map_or(Duration::ZERO, |rate| Duration::from_secs_f64(1.0 / rate));
        let (mut now, mut due, mut refused) = (begin, begin, 0);
        while now < end {
            for connection in &mut connections {
                if connection.begun.is_none() {
                    let begun = match self.rate {
                        None => now,
                        Some(_) if due > now => continue,
                        Some(_) => due,
                    };
                    connection.begun = Some(begun);
                    due += pause;
                }
                match connection.go_on(&self.request, Some(&content), now)? {
                    None => {}
                    Some(Answered::Well(begun)) => {
                        now = Instant::now();
                        times.push(now - begun);
                    }
                    Some(Answered::Refused) => {
                        ensure!(self.rate.is_some(), "a request was refused");
                        refused += 1;
                    }
                }
            }
            now = Instant::now();
        }
        let (seconds, cpu) = (begin.elapsed().as_secs_f64(), server.cpu_time()? - before);
        ensure!(!times.is_empty(), "no request was answered in {seconds:.0} s");
        times.sort_unstable();
        let count = times.len();
        Ok(Cost {
            requests_per_second: count as f64 / seconds,
            refused_per_second: f64::from(refused) / seconds,
            cpu_microseconds: cpu as f64 / 1000.0 / count as f64,
            median: times[count / 2],
            p99: times[count * 99 / 100],
            memory: server.memory()?,
        })
    }
}

impl Load {
    /// What one request is answered with.
    fn first_content(&self, server: &Server) -> anyhow::Result<Vec<u8>> {
        let mut connection = Connection::open(&server.address)?;
        connection.begun = Some(Instant::now());
        loop {
            match connection.go_on(&self.request, None, Instant::now())? {
                None => {}
                Some(Answered::Well(_)) => break,
                Some(Answered::Refused) => bail!("the first request was refused"),
            }
        }
        ensure!(!connection.content.is_empty(), "the first answer has no content");
        Ok(connection.content)
    }
}

/// How a request ended.
enum Answered {
    /// And when it was due.
    Well(Instant),
    Refused,
}

/// A connection with one request under way.
struct Connection {
    stream: TcpStream,
    /// `None`: the next request has not begun.
    begun: Option<Instant>,
    sent: usize,
    answer: Answer,
    /// That of the last answer, where nobody has said what it is to be.
    content: Vec<u8>,
}

/// What has come of an answer.
#[derive(Default)]
struct Answer {
    head: Vec<u8>,
    /// `None`: the head is not whole.
    content: Option<Content>,
    /// Bytes of content that have come.
    received: usize,
}

enum Content {
    /// So many bytes are still to come.
    Left(usize),
    Chunks(Chunks),
}

/// Chunks (RFC 9112 §7.1), as they come.
enum Chunks {
    /// The line before one, as far as it has come.
    Size(Vec<u8>),
    /// So many bytes of one are still to come, and then a line end.
    Data(usize),
    /// The line behind the last one, or that of a trailer.
    Trailer(Vec<u8>),
    Ended,
}

impl Connection {
    fn open(address: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self { stream, begun: None, sent: 0, answer: Answer::default(), content: Vec::new() })
    }

    /// Does what can be done now for the request that has begun. `content`: what it is to be answered with.
    fn go_on(&mut self, request: &[u8], content: Option<&[u8]>, now: Instant) -> anyhow::Result<Option<Answered>> {
        let begun = self.begun.context("no request has begun")?;
        ensure!(now.saturating_duration_since(begun) < WAIT_LIMIT, "a request was not answered in {WAIT_LIMIT:?}");
        if self.sent < request.len()
            && let Some(size) = progress(self.stream.write(&request[self.sent..]))?
        {
            self.sent += size;
        }
        let mut buffer = [0; 64 << 10];
        let Some(size) = progress(self.stream.read(&mut buffer))? else { return Ok(None) };
        ensure!(size > 0, "the server closed a connection");
        let own = &mut self.content;
        let is_whole = self.answer.take(&buffer[..size], |at, bytes| match content {
            None => {
                own.extend_from_slice(bytes);
                true
            }
            Some(content) => content.get(at..at + bytes.len()) == Some(bytes),
        })?;
        if !is_whole {
            return Ok(None);
        }
        let is_short = content.is_some_and(|content| self.answer.received != content.len());
        ensure!(self.answer.is_refusal() || !is_short, "an answer has less content than it is to have");
        let answer = std::mem::take(&mut self.answer);
        (self.begun, self.sent) = (None, 0);
        Ok(Some(if answer.is_refusal() { Answered::Refused } else { Answered::Well(begun) }))
    }
}

impl Answer {
    fn is_refusal(&self) -> bool {
        self.head.starts_with(REFUSAL)
    }

    /// Whether it is whole now. `is_right`: whether these bytes of content are what is to be there.
    fn take(&mut self, mut bytes: &[u8], mut is_right: impl FnMut(usize, &[u8]) -> bool) -> anyhow::Result<bool> {
        if self.content.is_none() {
            let known = self.head.len();
            self.head.extend_from_slice(bytes);
            let Some(end) = self.head.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { return Ok(false) };
            bytes = &bytes[end + 4 - known..];
            self.head.truncate(end + 4);
            self.content = Some(content(&self.head)?);
        }
        let (is_refusal, received) = (self.is_refusal(), &mut self.received);
        let mut hear = |bytes: &[u8]| {
            let is_right = is_refusal || is_right(*received, bytes);
            *received += bytes.len();
            is_right
        };
        match self.content.as_mut().expect("the head is whole") {
            Content::Left(left) => {
                *left = left.checked_sub(bytes.len()).context("there is more than the answer")?;
                ensure!(hear(bytes), WRONG_CONTENT);
                Ok(*left == 0)
            }
            Content::Chunks(chunks) => {
                while !bytes.is_empty() {
                    let (data, rest) = chunks.take(bytes)?;
                    ensure!(hear(data), WRONG_CONTENT);
                    bytes = rest;
                }
                Ok(matches!(chunks, Chunks::Ended))
            }
        }
    }
}

impl Chunks {
    /// The data at the beginning of these bytes, and what follows the step.
    fn take<'a>(&mut self, bytes: &'a [u8]) -> anyhow::Result<(&'a [u8], &'a [u8])> {
        let line_end = bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| at + 1);
        match self {
            Self::Size(line) | Self::Trailer(line) => line.extend_from_slice(&bytes[..line_end]),
            Self::Data(left) => {
                let (data, rest) = bytes.split_at(bytes.len().min(*left));
                *left -= data.len();
                if *left == 0 && data.is_empty() {
                    if bytes[..line_end].ends_with(b"\n") {
                        *self = Self::Size(Vec::new());
                    }
                    return Ok((data, &bytes[line_end..]));
                }
                return Ok((data, rest));
            }
            Self::Ended => bail!("there is more than the answer"),
        }
        match self {
            Self::Size(line) if line.ends_with(b"\n") => {
                let size = std::str::from_utf8(line)?.trim_end();
                let size = usize::from_str_radix(size, 16).with_context(|| format!("no size of a chunk: {size:?}"))?;
                *self = if size == 0 { Self::Trailer(Vec::new()) } else { Self::Data(size) };
            }
            Self::Trailer(line) if line == b"\r\n" => *self = Self::Ended,
            Self::Trailer(line) if line.ends_with(b"\n") => line.clear(),
            _ => {}
        }
        Ok((&[], &bytes[line_end..]))
    }
}

fn content(head: &[u8]) -> anyhow::Result<Content> {
    let head = std::str::from_utf8(head)?.to_ascii_lowercase();
    let is_refusal = head.as_bytes().starts_with(&REFUSAL.to_ascii_lowercase()) && head.contains("\r\nretry-after: ");
    ensure!(is_refusal || head.starts_with("http/1.1 200 "), "a request failed: {head}");
    match head.split_once("content-length: ") {
        Some((_, length)) => Ok(Content::Left(length.split("\r\n").next().unwrap_or_default().parse()?)),
        None if head.contains("transfer-encoding: chunked") => Ok(Content::Chunks(Chunks::Size(Vec::new()))),
        None => bail!("the end of an answer is not told: {head}"),
    }
}

/// What was done. `None`: nothing can be done now.
fn progress(done: std::io::Result<usize>) -> std::io::Result<Option<usize>> {
    match done {
        Ok(size) => Ok(Some(size)),
        Err(failure) if failure.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// This thread, on one core until this is dropped.
struct Pinned(CpuSet);

impl Pinned {
    fn to(core: usize) -> anyhow::Result<Self> {
        let before = sched_getaffinity(None)?;
        let mut only = CpuSet::new();
        only.set(core);
        sched_setaffinity(None, &only).context("this needs two cores")?;
        Ok(Self(before))
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        let _ = sched_setaffinity(None, &self.0);
    }
}

const LOAD_CORE: usize = 1;

const WRONG_CONTENT: &str = "an answer has other content than it is to have";

const REFUSAL: &[u8] = b"HTTP/1.1 503 ";

/// How long an answer may take.
const WAIT_LIMIT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    /// What of an answer comes in pieces of this size is heard, whatever the size.
    fn heard(answer: &[u8], size: usize) -> anyhow::Result<(Vec<u8>, bool)> {
        let (mut taken, mut content, mut is_whole) = (Answer::default(), Vec::new(), false);
        for piece in answer.chunks(size) {
            is_whole = taken.take(piece, |at, bytes| {
                assert_eq!(at, content.len());
                content.extend_from_slice(bytes);
                true
            })?;
        }
        Ok((content, is_whole))
    }

    #[test]
    fn content_is_heard_however_it_is_framed_and_cut() {
        let with_length = b"HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\nhello there".as_slice();
        let in_chunks =
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n6\r\nhello \r\n5\r\nthere\r\n0\r\nx: 1\r\n\r\n";
        for answer in [with_length, in_chunks] {
            for size in 1..=answer.len() {
                assert_eq!(heard(answer, size).expect("it is well formed"), (b"hello there".to_vec(), true), "{size}");
                let (_, is_whole) = heard(&answer[..answer.len() - 1], size).expect("it is well formed");
                assert!(!is_whole, "{size}");
            }
        }
    }

    #[test]
    fn an_answer_that_is_not_what_was_asked_for_fails() {
        let failed = |head: &str| Answer::default().take(head.as_bytes(), |_, _| true).is_err();
        assert!(failed("HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n"));
        let well = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
        assert!(!failed(well));
        assert!(Answer::default().take(well.as_bytes(), |_, _| false).is_err());
    }
}
