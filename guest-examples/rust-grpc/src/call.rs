//! gRPC over HTTP/2 (PROTOCOL-HTTP2.md of gRPC): each message follows its length, and the status is in the trailers.

use std::time::{Duration, Instant};

use prost::Message;

use crate::windhover::http::request::BodyError;
use crate::windhover::http::{lifetime, limits, request, response};

/// The current call: receives its messages, replies with some, and ends.
pub struct Call {
    /// Received, but not yet a whole message.
    received: Vec<u8>,
    /// The client's deadline.
    deadline: Option<Instant>,
    replies: u32,
}

impl Call {
    /// The current request as a call. `None`: it is not gRPC.
    pub fn requested() -> Option<Self> {
        let content_type = request::field("content-type")?;
        // `application/grpc+proto` is gRPC too; `application/grpc-web` is another protocol.
        let rest = content_type.strip_prefix(b"application/grpc")?;
        if request::method() != "POST" || !matches!(rest, [] | [b'+' | b';', ..]) {
            return None;
        }
        let timeout = request::field("grpc-timeout").and_then(|value| timeout(&value));
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        Some(Self { received: Vec::new(), deadline, replies: 0 })
    }

    /// Lifts the limits of the exchange: a stream of messages may be as long, slow and large as the client likes. Only
    /// the size of each message is limited.
    pub fn takes_its_time(&self) {
        limits::set_timeout(None);
        limits::set_min_request_data_rate(None).expect("nothing was read yet");
        limits::set_max_request_body_size(None).expect("nothing was read yet");
    }

    /// The next message. `None`: there are no more.
    pub fn receive<M: Message + Default>(&mut self) -> Result<Option<M>, Status> {
        while !self.is_whole()? {
            let piece = request::read(0).map_err(|error| match error {
                BodyError::TooLarge => Status::new(Code::ResourceExhausted, "the stream is too large"),
                // A client that disconnects in the middle of its content has not completed it.
                BodyError::Aborted | BodyError::Incomplete => Status::new(Code::Cancelled, "the client has left"),
                error => Status::new(Code::Internal, format!("the content did not come: {error}")),
            })?;
            if piece.is_empty() {
                let is_end = self.received.is_empty();
                return if is_end { Ok(None) } else { Err(Status::new(Code::Internal, "half a message")) };
            }
            self.received.extend(piece);
        }
        self.in_time()?;
        let (_, length) = self.prefix().expect("the message is whole");
        let message = M::decode(&self.received[PREFIX..PREFIX + length]);
        self.received.drain(..PREFIX + length);
        message.map(Some).map_err(|error| Status::new(Code::Internal, error.to_string()))
    }

    /// The only message of a call that has one.
    pub fn receive_one<M: Message + Default>(&mut self) -> Result<M, Status> {
        self.receive()?.ok_or_else(|| Status::new(Code::Internal, "there is no message"))
    }

    pub fn reply(&mut self, message: &impl Message) -> Result<(), Status> {
        self.in_time()?;
        self.start().map_err(gone)?;
        self.replies += 1;
        let length = u32::try_from(message.encoded_len()).expect("a message is smaller than this guest's memory");
        let framed = [&[0], &length.to_be_bytes()[..], &message.encode_to_vec()].concat();
        response::write(&framed).map_err(gone)
    }

    /// Waits, unless the client disconnects or its deadline passes.
    pub fn pause(&self, milliseconds: u32) -> Result<(), Status> {
        let left = self.deadline.map_or(Duration::MAX, |deadline| deadline.saturating_duration_since(Instant::now()));
        // Rounded up, so that a deadline within the pause has passed at its end.
        let left = u32::try_from(left.as_millis().saturating_add(1)).unwrap_or(u32::MAX);
        if lifetime::wait(milliseconds.min(left)) {
            return Err(Status::new(Code::Cancelled, "the client has left"));
        }
        self.in_time()
    }

    pub fn end(self, outcome: Result<(), Status>) {
        let Status { code, why } = outcome.err().unwrap_or(Status { code: Code::Ok, why: String::new() });
        if code as u32 == Code::Cancelled as u32 {
            // The client is gone, so this goes to the log.
            return eprintln!("cancelled after {} replies", self.replies);
        }
        let outcome = [(code as u32).to_string().into_bytes(), escaped(&why), self.replies.to_string().into_bytes()];
        let outcome = TRAILERS.into_iter().zip(outcome.iter().map(Vec::as_slice));
        let trailers: Vec<_> = outcome.filter(|(_, value)| !value.is_empty()).collect();
        // If there is no message, gRPC allows the status in the head, but not every proxy passes that on.
        self.start().and_then(|()| response::set_trailers(&trailers)).expect("they are well-formed and announced");
    }

    /// Sends the head, before the first reply or the end.
    fn start(&self) -> Result<(), response::Error> {
        if self.replies > 0 {
            return Ok(());
        }
        // Returns the caller's metadata with these names, as an example of metadata.
        let echoed = ["x-echo", "x-echo-bin"].map(|name| (name, request::field(name)));
        let announced = TRAILERS.join(", "); // only announced fields can be trailers
        let mut fields = vec![("content-type", &b"application/grpc"[..]), ("trailer", announced.as_bytes())];
        fields.extend(echoed.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?))));
        response::start(200, &fields)
    }

    fn is_whole(&self) -> Result<bool, Status> {
        match self.prefix() {
            None => Ok(false),
            Some((0, length)) if length <= MAX_MESSAGE => Ok(self.received.len() >= PREFIX + length),
            Some((0, _)) => Err(Status::new(Code::ResourceExhausted, format!("more than {MAX_MESSAGE} bytes"))),
            Some(_) => Err(Status::new(Code::Unimplemented, "compressed messages are not taken")),
        }
    }

    /// Whether the next message is compressed, and its length.
    fn prefix(&self) -> Option<(u8, usize)> {
        let &[compressed, ref length @ ..] = self.received.first_chunk::<PREFIX>()?;
        Some((compressed, u32::from_be_bytes(*length) as usize))
    }

    fn in_time(&self) -> Result<(), Status> {
        match self.deadline {
            Some(deadline) if deadline <= Instant::now() => {
                Err(Status::new(Code::DeadlineExceeded, "the client's time is over"))
            }
            _ => Ok(()),
        }
    }
}

/// Why a call failed.
pub struct Status {
    code: Code,
    why: String,
}

impl Status {
    pub fn new(code: Code, why: impl Into<String>) -> Self {
        Self { code, why: why.into() }
    }
}

/// <https://grpc.io/docs/guides/status-codes/>
#[derive(Clone, Copy)]
pub enum Code {
    Ok = 0,
    Cancelled = 1,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    ResourceExhausted = 8,
    Unimplemented = 12,
    Internal = 13,
}

/// Why a reply cannot be sent.
fn gone(error: response::Error) -> Status {
    match error {
        response::Error::Aborted => Status::new(Code::Cancelled, "the client has left"),
        error => panic!("the reply is well-formed: {error}"),
    }
}

/// `100m` is 100 milliseconds.
fn timeout(value: &[u8]) -> Option<Duration> {
    let (unit, number) = value.split_last()?;
    let number: u64 = str::from_utf8(number).ok().filter(|digits| digits.len() <= 8)?.parse().ok()?;
    Some(match unit {
        b'H' => Duration::from_secs(number * 3600),
        b'M' => Duration::from_secs(number * 60),
        b'S' => Duration::from_secs(number),
        b'm' => Duration::from_millis(number),
        b'u' => Duration::from_micros(number),
        b'n' => Duration::from_nanos(number),
        _ => return None,
    })
}

/// `grpc-message` is ASCII: everything else, and `%`, is escaped.
fn escaped(why: &str) -> Vec<u8> {
    let bytes = why.bytes().flat_map(|byte| match byte {
        b' '..=b'$' | b'&'..=b'~' => vec![byte],
        _ => format!("%{byte:02X}").into_bytes(),
    });
    bytes.collect()
}

/// A message's prefix: one byte that says whether it is compressed, and four with its length.
const PREFIX: usize = 5;

/// The largest message, in bytes: 4 MiB, as in gRPC's own implementations.
const MAX_MESSAGE: usize = 4 << 20;

const TRAILERS: [&str; 3] = ["grpc-status", "grpc-message", "x-replies"];
