//! Holds what the path names, so many of them, and answers with the number: `/timers/N` waits for N timers in one poll, until
//! each has come; `/fields/N` holds N sets of fields; `/large/N` the same, each of 100,000 bytes.

wit_bindgen::generate!({ path: "../../../wit", world: "application" });

mod hoard;

use windhover::http::{request, response};

struct Hoards;

impl Guest for Hoards {
    fn handle() {
        response::send(200, &[], hoard::hoard(&request::path()).as_bytes()).unwrap();
    }
}

export!(Hoards);
