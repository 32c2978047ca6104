//! Makes the mistake that its path names and answers with the error it got. So the wire shows both: what the host
//! says, and that after the mistake the guest could still answer properly.

wit_bindgen::generate!({ path: "../../../wit", world: "application" });

use windhover::http::request;
use windhover::http::response::{Error, flush, send, start, write};

struct AnswersWrongly;

impl Guest for AnswersWrongly {
    fn handle() {
        let path = request::path();
        let (mistake, argument) = path[1..].split_once('/').unwrap_or((&path[1..], ""));
        match mistake {
            "write-before-start" => answer(write(b"too early")),
            "flush-before-start" => answer(flush()),
            "send-status" => answer(send(argument.parse().unwrap(), &[], b"not this")),
            "start-status" => answer(start(argument.parse().unwrap(), &[])),
            "line-break-in-value" => answer(send_field("x-split", b"a\r\nx-injected: 1")),
            "nul-in-value" => answer(send_field("x-nul", b"a\0b")),
            "space-in-name" => answer(send_field("x split", b"a")),
            "line-break-in-name" => answer(send_field("x-split: a\r\nx-injected", b"1")),
            "empty-name" => answer(send_field("", b"a")),
            "forbidden" => answer(send_field(argument, b"close")),
            "too-many-fields" => answer(send(200, &vec![("x-many".to_string(), b"1".to_vec()); 1_001], b"not this")),
            "too-large-fields" => answer(send_field("x-large", &[b'x'; 128 * 1024])),
            "content-with" => answer(send(argument.parse().unwrap(), &[], b"not this")),
            "two-lengths" => {
                let length = ("content-length".to_string(), b"8".to_vec());
                answer(send(200, &[length.clone(), length], b"not this"));
            }
            "longer-than-declared" => answer(send(200, &[("content-length".into(), b"3".to_vec())], b"four")),
            "shorter-than-declared" => answer(send(200, &[("content-length".into(), b"5".to_vec())], b"four")),
            "length-is-no-number" => answer(send(200, &[("content-length".into(), b"many".to_vec())], b"four")),
            // The head is on its way here, so the error goes into the content.
            "start-twice" => answer_within(|| start(201, &[])),
            "send-after-start" => answer_within(|| send(201, &[], b"not this")),
            "more-than-declared" => {
                start(200, &[("content-length".into(), b"24".to_vec())]).unwrap();
                write(text(write(b"more than twenty-four bytes")).as_bytes()).unwrap();
            }
            // There is no content to say the error in.
            "write-with" => {
                start(argument.parse().unwrap(), &[]).unwrap();
                assert!(matches!(write(b"not this"), Err(Error::ContentNotAllowed)));
            }
            // The whole answer is on its way here, so an error can be shown nowhere; the answer must stand.
            "send-twice" => {
                send(200, &[], b"the first\n").unwrap();
                assert!(matches!(send(201, &[], b"the second\n"), Err(Error::AlreadyStarted)));
            }
            "start-after-send" => {
                send(200, &[], b"the first\n").unwrap();
                assert!(matches!(start(201, &[]), Err(Error::AlreadyStarted)));
            }
            "write-after-send" => {
                send(200, &[], b"the first\n").unwrap();
                assert!(write(b"more\n").is_err());
            }
            unknown => panic!("no such mistake: {unknown}"),
        }
    }
}

fn send_field(name: &str, value: &[u8]) -> Result<(), Error> {
    send(200, &[(name.into(), value.into())], b"not this")
}

fn answer(outcome: Result<(), Error>) {
    send(200, &[], text(outcome).as_bytes()).unwrap();
}

fn answer_within(mistake: impl FnOnce() -> Result<(), Error>) {
    start(200, &[]).unwrap();
    write(text(mistake()).as_bytes()).unwrap();
}

fn text(outcome: Result<(), Error>) -> String {
    match outcome {
        Ok(()) => "no error\n".into(),
        Err(Error::AlreadyStarted) => "already-started\n".into(),
        Err(Error::NotStarted) => "not-started\n".into(),
        Err(Error::InvalidStatus(status)) => format!("invalid-status({status})\n"),
        Err(Error::InvalidField(name)) => format!("invalid-field({name:?})\n"),
        Err(Error::ForbiddenField(name)) => format!("forbidden-field({name:?})\n"),
        Err(Error::ContentNotAllowed) => "content-not-allowed\n".into(),
        Err(Error::ContentLengthMismatch) => "content-length-mismatch\n".into(),
        Err(Error::TrailersNotPossible) => "trailers-not-possible\n".into(),
        Err(Error::UndeclaredTrailer(name)) => format!("undeclared-trailer {name}\n"),
        Err(Error::Aborted) => "aborted\n".into(),
    }
}

export!(AnswersWrongly);
