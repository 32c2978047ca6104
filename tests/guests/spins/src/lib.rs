//! Never returns: `/` before an answer, `/late` after the head and one piece of content, `/sent` after a whole answer.
//! `/waits` does: it waits for the content and sends it back.

wit_bindgen::generate!({ path: "../../../wit", world: "application" });

use windhover::http::{request, response};

struct Spins;

impl Guest for Spins {
    fn handle() {
        match request::path().as_str() {
            "/late" => {
                response::start(200, &[]).unwrap();
                response::write(b"the first piece\n").unwrap();
            }
            "/waits" => return response::send(200, &[], &request::read_all(9).unwrap()).unwrap(),
            "/sent" => response::send(200, &[], b"all of it\n").unwrap(),
            _ => {}
        }
        let mut spins = 0_u64;
        loop {
            spins = std::hint::black_box(spins.wrapping_add(1));
        }
    }
}

export!(Spins);
