//! A unary call in the framing of gRPC: one message in, one message out, and the status in the trailers. Trailers
//! follow the content, so they can contain what was unknown when it began. (The messages are plain text, not Protocol
//! Buffers.)

wit_bindgen::generate!({
    path: "../../wit",
    world: "application",
    // Calls take `&str` and `&[u8]` instead of `String` and `Vec<u8>`.
    ownership: Borrowing { duplicate_if_necessary: false },
});

use windhover::http::request::BodyError;
use windhover::http::{request, response};

struct Greeter;

export!(Greeter);

impl Guest for Greeter {
    fn handle() {
        let fields: [(&str, &[u8]); 2] = [
            ("content-type", b"application/grpc"),
            ("trailer", b"grpc-status, grpc-message"), // only announced fields can be trailers
        ];
        response::start(200, &fields).expect("fields are well-formed, and nothing was sent before");
        let trailers = match greet() {
            Ok(greeting) => {
                response::write(&framed(greeting.as_bytes())).expect("an answer was started");
                vec![("grpc-status", OK.as_bytes())]
            }
            Err((status, why)) => vec![("grpc-status", status.as_bytes()), ("grpc-message", why.as_bytes())],
        };
        response::set_trailers(&trailers).expect("they were announced, and the content has no length");
    }
}

/// The response to the message, or a gRPC status with a reason.
fn greet() -> Result<String, (&'static str, &'static str)> {
    let content = request::read_all(MAX_MESSAGE).map_err(|error| match error {
        BodyError::TooLarge => (RESOURCE_EXHAUSTED, "the message is too large"),
        _ => (DATA_LOSS, "the message is not whole"),
    })?;
    // Trailers of the request: a client that creates its message while it sends it knows the length only at the end.
    let trailers = request::trailers().unwrap_or_default();
    if let Some((_, length)) = trailers.iter().find(|(name, _)| name == "x-length")
        && *length != content.len().to_string().as_bytes()
    {
        return Err((DATA_LOSS, "the trailer x-length counts otherwise"));
    }
    let name = message(&content).ok_or((INVALID_ARGUMENT, "this is not one whole message of text"))?;
    Ok(format!("Hello, {name}!"))
}

/// The one message in the content: a byte that says whether it is compressed, four bytes with its length, then the
/// message.
fn message(content: &[u8]) -> Option<&str> {
    let (header, message) = content.split_first_chunk::<5>()?;
    let [0, length @ ..] = *header else { return None };
    let is_whole = usize::try_from(u32::from_be_bytes(length)) == Ok(message.len());
    str::from_utf8(message).ok().filter(|_| is_whole)
}

fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).expect("a message is smaller than this guest's memory");
    [&[0], &length.to_be_bytes()[..], message].concat()
}

const MAX_MESSAGE: u32 = 64 << 10;

// https://grpc.io/docs/guides/status-codes/
const OK: &str = "0";
const INVALID_ARGUMENT: &str = "3";
const RESOURCE_EXHAUSTED: &str = "8";
const DATA_LOSS: &str = "15";
