//! Takes memory and touches it until it is refused. Rust ends a program that is refused memory, so this traps; with
//! `/politely` it asks so that it can be told no, and answers with the MiB it got.

wit_bindgen::generate!({ path: "../../../wit", world: "application" });

use windhover::http::{request, response};

const STEP: usize = 1024 * 1024;

struct HogsMemory;

impl Guest for HogsMemory {
    fn handle() {
        let politely = request::path() == "/politely";
        let mut taken: Vec<Vec<u8>> = Vec::with_capacity(8 * 1024);
        loop {
            let mut piece = Vec::new();
            match piece.try_reserve_exact(STEP) {
                Ok(()) => piece.resize(STEP, 1),
                Err(_) if politely => break,
                Err(error) => panic!("{error} after {} MiB", taken.len()),
            }
            taken.push(piece);
        }
        let count = taken.len();
        drop(taken); // what follows needs a little memory itself
        response::send(200, &[], format!("{count}\n").as_bytes()).unwrap();
    }
}

export!(HogsMemory);
