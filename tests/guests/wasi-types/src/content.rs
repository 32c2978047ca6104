//! `incoming-body` and `future-trailers`.

use std::fmt::Write;

use wasip2::http::types::{FutureTrailers, IncomingBody, IncomingRequest, http_error_code};
use wasip2::io::streams::StreamError;

/// Reads the content to its end, and then what stands behind it.
pub fn tell(request: &IncomingRequest) -> String {
    let mut told = String::new();
    let body = request.consume().expect("it is taken once");
    let stream = body.stream().expect("it is taken once");
    let _ = writeln!(told, "twice {} {}", request.consume().is_ok(), body.stream().is_ok());
    let mut content = Vec::new();
    let end = loop {
        match stream.blocking_read(4) {
            Ok(piece) => content.extend(piece),
            Err(StreamError::Closed) => break "closed".to_owned(),
            Err(StreamError::LastOperationFailed(error)) => break format!("{:?}", http_error_code(&error)),
        }
    };
    let _ = writeln!(told, "content {:?} {end}", String::from_utf8_lossy(&content));
    let _ = writeln!(told, "and then {:?}", stream.read(1));
    drop(stream);
    told + &trailers(&IncomingBody::finish(body))
}

/// Reads nothing of it, but what stands behind it.
pub fn skip(request: &IncomingRequest) -> String {
    trailers(&IncomingBody::finish(request.consume().expect("it is taken once")))
}

fn trailers(trailers: &FutureTrailers) -> String {
    trailers.subscribe().block();
    let told = match trailers.get() {
        Some(Ok(Ok(Some(fields)))) => {
            let entries = fields.entries().into_iter().map(|(name, value)| (name, String::from_utf8(value).unwrap()));
            format!("{:?} {:?}", entries.collect::<Vec<_>>(), fields.append("x", b"1"))
        }
        Some(Ok(Ok(None))) => "none".to_owned(),
        other => format!("{:?}", other.map(|told| told.map(|told| told.map(|_| ())))),
    };
    format!("trailers {told}\nand then {:?}\n", trailers.get().map(|told| told.map(|_| ())))
}
