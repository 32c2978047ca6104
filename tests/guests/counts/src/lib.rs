//! Counts its requests in a global and answers with the count. In an instance of one's own it is always 1.

wit_bindgen::generate!({ path: "../../../wit", world: "application" });

use std::sync::atomic::{AtomicU32, Ordering};

use windhover::http::response;

static REQUESTS: AtomicU32 = AtomicU32::new(0);

struct Counts;

impl Guest for Counts {
    fn handle() {
        let count = REQUESTS.fetch_add(1, Ordering::Relaxed) + 1;
        response::send(200, &[], format!("{count}\n").as_bytes()).unwrap();
    }
}

export!(Counts);
