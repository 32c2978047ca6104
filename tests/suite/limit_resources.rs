//! What the host holds for one instance: thousands of timers and handles, as ordinary engines need them, and content of any
//! size; but not without end.

use windhover_sandbox::Guest;
use windhover_tests::{for_each_server, guest};

use crate::{fault, get};

for_each_server! {
    /// Guards against: 1,024 handles, which 1,000 timers or 900 pollables in one poll exceeded.
    async fn thousands_of_timers_may_be_waited_for_at_once(server) {
        for guest in [guest("hoards"), guest("wasi-hoards"), guest("wasi3-facts")] {
            let served = server.clone().serve(guest).await;
            let mut wire = served.connect().await;
            for count in ["900", "2000"] {
                wire.send(get(&format!("/timers/{count}"))).await;
                assert_eq!(wire.receive_response().await.text(), format!("{count}\n"));
            }
        }
    }

    async fn handles_may_be_held_by_the_ten_thousand(server) {
        for guest in [guest("hoards"), guest("wasi-hoards")] {
            let served = server.clone().serve(guest).await;
            let mut wire = served.connect().await;
            wire.send(get("/fields/100000") + &get("/large/1000")).await;
            assert_eq!(wire.receive_response().await.text(), "100000\n");
            assert_eq!(wire.receive_response().await.text(), "1000\n");
        }
    }

    async fn what_is_held_takes_up_no_more_than_its_limit(server) {
        for guest in [guest("hoards"), guest("wasi-hoards")] {
            let served = server.clone().sandbox_limits(|limits| limits.max_resource_memory = 4 << 20).serve(guest).await;
            let mut wire = served.connect().await;
            for (within, beyond) in [("/fields/32000", "/fields/33000"), ("/large/40", "/large/43"), ("/timers/16000", "/timers/17000")] {
                wire.send(get(within) + &get(beyond)).await;
                assert_eq!(wire.receive_response().await.status_line, "HTTP/1.1 200 OK", "{within}");
                wire.expect(&fault("500 Internal Server Error")).await;
            }
        }
    }

    async fn content_of_any_size_passes_in_both_directions(server) {
        let server = server.limits(|limits| limits.max_request_body_size = None);
        for (guest, path) in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut wire = served.connect().await;
            wire.send(format!("POST {path} HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n", PIECE * PIECES)).await;
            wire.receive_head().await;
            let mut piece = vec![0; PIECE];
            for turn in 0..PIECES {
                piece.fill(turn as u8);
                wire.send(&piece).await;
                assert!(wire.receive_content(PIECE).await == piece, "other bytes came back from {path}");
            }
            assert_eq!(wire.receive_chunk().await, None);
        }
    }
}

/// The last keeps a handle for each piece of four kibibytes.
fn in_every_world() -> [(Guest, &'static str); 4] {
    [
        (guest("echoes"), "/"),
        (guest("rust-wasi-http"), "/echo"),
        (guest("wasi3-facts"), "/copy"),
        (guest("wasi-hoards"), "/leaks"),
    ]
}

const PIECE: usize = 64 << 10;

/// Forty mebibytes together.
const PIECES: usize = 640;
