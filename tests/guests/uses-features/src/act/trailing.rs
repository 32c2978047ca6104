//! Trailers, in both directions.

use crate::windhover::http::{request, response};

pub fn act(what: &str) {
    let checksum = || [super::field("x-checksum", "1"), super::field("x-checksum", "2")];
    match what {
        "request" => {
            let before = request::trailers().is_some();
            while request::read(0).is_ok_and(|piece| !piece.is_empty()) {}
            let trailers = request::trailers().map(|trailers| {
                let line = |(name, value): (String, Vec<u8>)| format!("{name}: {}", value.escape_ascii());
                trailers.into_iter().map(line).collect::<Vec<_>>()
            });
            super::answer_with((before, trailers));
        }
        "response" => {
            start();
            response::write(b"content").unwrap();
            response::set_trailers(&[super::field("x-other", "never sent")]).unwrap();
            response::set_trailers(&checksum()).unwrap();
        }
        "without-content" => {
            start();
            response::set_trailers(&checksum()).unwrap();
        }
        "traps" => {
            start();
            response::write(b"content").unwrap();
            response::set_trailers(&checksum()).unwrap();
            panic!("as the path says");
        }
        "mistakes" => {
            let early = response::set_trailers(&checksum());
            start();
            let undeclared = response::set_trailers(&[super::field("x-undeclared", "1")]);
            let forbidden = response::set_trailers(&[super::field("content-type", "text/plain")]);
            let malformed = response::set_trailers(&[super::field("x-checksum", "\r\n")]);
            response::write(format!("{early:?} {undeclared:?} {forbidden:?} {malformed:?}\n").as_bytes()).unwrap();
        }
        "with-length" => {
            let length = super::field("content-length", "32");
            response::start(200, &[length, super::field("trailer", "x-checksum")]).unwrap();
            response::write(format!("{:?}\n", response::set_trailers(&checksum())).as_bytes()).unwrap();
        }
        "possible" => {
            start();
            let outcome = response::set_trailers(&checksum());
            response::write(format!("{outcome:?}\n").as_bytes()).unwrap();
        }
        "has-started" => {
            let before = response::has_started();
            response::start(200, &[]).unwrap();
            response::write(format!("{before} {}\n", response::has_started()).as_bytes()).unwrap();
        }
        what => panic!("no such use: {what}"),
    }
}

fn start() {
    response::start(200, &[super::field("trailer", "x-checksum, X-Other, content-type")]).unwrap();
}
