//! Computes, for as many million steps as the path says or 5 (a step takes about a nanosecond), and answers with a line; or,
//! to a POST, gives each piece of content back after it has computed, which it does not do for `rest`, and traps if that is
//! `trap`.

wit_bindgen::generate!({ path: "../../../wit", world: "application" });

use windhover::http::{request, response};

struct Computes;

impl Guest for Computes {
    fn handle() {
        let millions: u64 = request::path().trim_start_matches('/').parse().unwrap_or(5);
        if request::method() != "POST" {
            compute(millions);
            return response::send(200, &[], b"done\n").unwrap();
        }
        response::start(200, &[]).unwrap();
        loop {
            let piece = request::read(64).unwrap();
            if piece.is_empty() {
                return;
            }
            if piece != b"rest" {
                compute(millions);
            }
            assert_ne!(piece, b"trap");
            response::write(&piece).unwrap();
            response::flush().unwrap();
        }
    }
}

fn compute(millions: u64) {
    for step in 0..millions * 1_000_000 {
        std::hint::black_box(step);
    }
}

export!(Computes);
