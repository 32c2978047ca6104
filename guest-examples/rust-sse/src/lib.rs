//! Server-sent events: sends an event each second for as long as the client listens. It logs when the client
//! disconnects, and ends when the server shuts down.

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
        // A response may last as long as it needs. This also allows long pauses between events.
        limits::set_timeout(None);
        let fields: [(&str, &[u8]); 2] = [("content-type", b"text/event-stream"), ("cache-control", b"no-store")];
        response::start(200, &fields).expect("fields are well-formed, and nothing was sent before");

        let mut number = last_seen();
        loop {
            number += 1;
            let event = format!("id: {number}\ndata: This is event {number}.\n\n");
            // A guest that imports `lifetime` is notified when the client disconnects, and can clean up. Without the
            // import, it would end in the call in which it waits.
            let notice = match response::write(event.as_bytes()) {
                Ok(()) => lifetime::wait_for_notice(SECOND),
                Err(_) => Some(Notice::ClientLeft),
            };
            match notice {
                None => {}
                Some(Notice::ClientLeft) => return eprintln!("the client left after event {number}"),
                // The client connects again, and names the last event that it received.
                Some(Notice::ShuttingDown) => return,
            }
        }
    }
}

/// The last event that this client received, which it names when it connects again.
fn last_seen() -> u64 {
    let id = request::field("last-event-id").unwrap_or_default();
    str::from_utf8(&id).ok().and_then(|id| id.parse().ok()).unwrap_or(0)
}

/// In milliseconds.
const SECOND: u32 = 1000;
