//! `outgoing-response` and `outgoing-body`.

use std::fmt::Write;

use wasip2::http::types::{Fields, OutgoingBody, OutgoingResponse, ResponseOutparam};
use wasip2::io::streams::StreamError;

pub fn tell() -> String {
    let mut told = String::new();
    let response = OutgoingResponse::new(Fields::new());
    let _ = writeln!(told, "new {}", response.status_code());
    for status in [204, 99, 100, 999, 1000] {
        let _ = writeln!(told, "{status} {:?} {}", response.set_status_code(status), response.status_code());
    }
    let body = response.body().expect("it was not taken");
    let stream = body.write().expect("it was not taken");
    let _ = writeln!(told, "twice {} {}", response.body().is_ok(), body.write().is_ok());
    let _ = writeln!(told, "check-write {:?} {:?}", stream.check_write().is_ok_and(|size| size > 0), stream.write(b""));
    drop(stream);
    let _ = writeln!(told, "finish {:?}", OutgoingBody::finish(body, None));
    let of_5 = || OutgoingResponse::new(Fields::from_list(&[("content-length".into(), b"5".to_vec())]).unwrap());
    for content in [b"1234".as_slice(), b"12345", b"123456"] {
        let response = of_5();
        let body = response.body().unwrap();
        let stream = body.write().unwrap();
        let written = stream.blocking_write_and_flush(content).map_err(|error| match error {
            StreamError::Closed => "closed".to_owned(),
            StreamError::LastOperationFailed(error) => {
                format!("{:?}", wasip2::http::types::http_error_code(&error))
            }
        });
        drop(stream);
        let _ = writeln!(told, "{} of 5 {written:?} {:?}", content.len(), OutgoingBody::finish(body, None));
    }
    let unread = OutgoingResponse::new(Fields::new());
    let body = unread.body().unwrap();
    let stream = body.write().unwrap();
    drop(unread);
    let _ = writeln!(told, "unread {:?}", stream.check_write());
    told
}

/// Writes a little before the head is given, which nobody need wait for.
pub fn write_early(outparam: ResponseOutparam) {
    let response = OutgoingResponse::new(Fields::new());
    let body = response.body().unwrap();
    let stream = body.write().unwrap();
    for piece in [b"one ".as_slice(), b"two ", b"three"] {
        stream.blocking_write_and_flush(piece).unwrap();
    }
    drop(stream);
    OutgoingBody::finish(body, None).unwrap();
    ResponseOutparam::set(outparam, Ok(response));
}

/// Writes as long as it need not wait, and then how much that was.
pub fn write_ahead(outparam: ResponseOutparam) {
    let response = OutgoingResponse::new(Fields::new());
    let body = response.body().unwrap();
    let stream = body.write().unwrap();
    let mut written = 0;
    while stream.check_write().unwrap() > 0 {
        stream.write(&[b'x'; 4096]).unwrap();
        written += 4096;
    }
    stream.write(&[]).unwrap(); // nothing is never too much
    ResponseOutparam::set(outparam, Ok(response));
    stream.blocking_write_and_flush(format!("\n{written}\n").as_bytes()).unwrap();
    drop(stream);
    OutgoingBody::finish(body, None).unwrap();
}

/// A length and no content, which is finished: with this status, before the head is given or after.
pub fn promise(outparam: ResponseOutparam, status: u16) {
    let fields = Fields::from_list(&[("content-length".into(), b"5".to_vec())]).unwrap();
    let response = OutgoingResponse::new(fields);
    let body = response.body().unwrap();
    response.set_status_code(status).unwrap();
    if status % 2 == 0 {
        ResponseOutparam::set(outparam, Ok(response));
        OutgoingBody::finish(body, None).unwrap();
    } else {
        OutgoingBody::finish(body, None).unwrap();
        ResponseOutparam::set(outparam, Ok(response));
    }
}

/// A length, and no content.
pub fn promise_and_give_nothing(outparam: ResponseOutparam) {
    let fields = Fields::from_list(&[("content-length".into(), b"5".to_vec())]).unwrap();
    ResponseOutparam::set(outparam, Ok(OutgoingResponse::new(fields)));
}
