//! Answers and leaves the request's content where it is.

wit_bindgen::generate!({ path: "../../../wit", world: "application" });

use windhover::http::response;

struct NeverReads;

impl Guest for NeverReads {
    fn handle() {
        response::send(200, &[], b"not interested\n").unwrap();
    }
}

export!(NeverReads);
