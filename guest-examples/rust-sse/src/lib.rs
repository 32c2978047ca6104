//! Server-sent events: an answer that goes on for as long as the client listens, an event a second. It notices when the
//! client leaves, and has the time to say so, and it ends when the server shuts down.

wit_bindgen::generate!({
    path: "../../wit",
    world: "application",
    // Calls take `&str` and `&[u8]` instead of `String` and `Vec<u8>`.
    ownership: Borrowing { duplicate_if_necessary: false },
});

use windhover::http::lifetime::{self, Notice};
use windhover::http::{limits, request, response};

struct Events;

export!(Events);

impl Guest for Events {
    fn handle() {
        // An answer may go on for as long as it takes. Were events rare, it could be silent for as long as this.
        limits::set_timeout(None);
        let fields: [(&str, &[u8]); 2] = [("content-type", b"text/event-stream"), ("cache-control", b"no-store")];
        response::start(200, &fields).expect("fields are well-formed, and nothing was sent before");

        let mut number = last_seen();
        loop {
            number += 1;
            let event = format!("id: {number}\ndata: This is event {number}.\n\n");
            // Whoever imports `lifetime` is told that the client has left, by an error or by `true`, and may still put
            // its things away. Whoever does not import it ends without a word in the call in which it waits.
            let notice = match response::write(event.as_bytes()) {
                Ok(()) => lifetime::wait_for_notice(SECOND),
                Err(_) => Some(Notice::ClientLeft),
            };
            match notice {
                None => {}
                Some(Notice::ClientLeft) => return eprintln!("the client left after event {number}"),
                // It connects again, and says what it has seen, to whoever answers then.
                Some(Notice::ShuttingDown) => return,
            }
        }
    }
}

/// The last event that this client has seen: it says so when it connects again.
fn last_seen() -> u64 {
    let id = request::field("last-event-id").unwrap_or_default();
    str::from_utf8(&id).ok().and_then(|id| id.parse().ok()).unwrap_or(0)
}

/// In milliseconds.
const SECOND: u32 = 1000;
