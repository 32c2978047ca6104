//! Panics: `/` before an answer, `/started` after `start` alone, `/late` after the head, one piece of content and a
//! sign of the client that it has seen them, `/sent` after a whole answer. `/exits` exits well after
//! a whole answer, `/exits-at-once` before one. What it says in the panic must never be
//! seen by a client.

wit_bindgen::generate!({ path: "../../../wit", world: "application" });

use windhover::http::{request, response};

struct Traps;

impl Guest for Traps {
    fn handle() {
        match request::path().as_str() {
            "/started" => response::start(200, &[]).unwrap(),
            "/late" => {
                response::start(200, &[]).unwrap();
                response::write(b"the first piece\n").unwrap();
                response::flush().unwrap();
                request::read(0).unwrap();
            }
            "/sent" => response::send(200, &[], b"all of it\n").unwrap(),
            "/exits" => {
                response::send(200, &[], b"all of it\n").unwrap();
                std::process::exit(0);
            }
            "/exits-at-once" => std::process::exit(0),
            _ => {}
        }
        panic!("a secret of the guest");
    }
}

export!(Traps);
