//! Writes content over time: `/` two pieces, the second when the client has sent something after the first; `/endless`
//! pieces of 64 KiB for as long as the client takes them; `/empty` starts and returns; `/flushed` flushes the head and
//! waits for the client before the first piece; `/large` ends with a second piece of 8 MiB, larger than any buffer;
//! `/mebibyte` writes one in pieces of 64 KiB (for the benchmark); `/measure` reads all content and then tells its length
//! (for tests/siege, which wants all of these in one guest).

wit_bindgen::generate!({ path: "../../../wit", world: "application" });

use windhover::http::{request, response};

struct Streams;

impl Guest for Streams {
    fn handle() {
        response::start(200, &[("content-type".into(), b"text/plain".to_vec())]).unwrap();
        match request::path().as_str() {
            "/" => {
                response::write(b"first\n").unwrap();
                response::flush().unwrap();
                request::read(0).unwrap();
                response::write(b"second\n").unwrap();
            }
            "/flushed" => {
                response::flush().unwrap();
                request::read(0).unwrap();
                response::write(b"first\n").unwrap();
            }
            "/empty" => {}
            "/large" => {
                response::write(b"first\n").unwrap();
                response::flush().unwrap();
                response::write(&vec![b'x'; 8 << 20]).unwrap();
            }
            "/mebibyte" => {
                for _ in 0..16 {
                    response::write(&[b'x'; 64 * 1024]).unwrap();
                }
            }
            "/endless" => loop {
                response::write(&[b'x'; 64 * 1024]).unwrap();
            },
            "/measure" => {
                let pieces = std::iter::from_fn(|| Some(request::read(0).unwrap().len()).filter(|length| *length > 0));
                response::write(format!("{}\n", pieces.sum::<usize>()).as_bytes()).unwrap();
            }
            path => panic!("no such path: {path}"),
        }
    }
}

export!(Streams);
