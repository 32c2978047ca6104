//! Accepts a body of any size at `/large`, and elsewhere up to the server's limit. Counts and hashes it piece by piece,
//! with one piece in memory.

wit_bindgen::generate!({
    path: "../../wit",
    world: "application",
    // Calls take `&str` and `&[u8]` instead of `String` and `Vec<u8>`.
    ownership: Borrowing { duplicate_if_necessary: false },
});

use sha2::{Digest, Sha256};
use windhover::http::request::{self, BodyError};
use windhover::http::{limits, response};

struct Upload;

export!(Upload);

impl Guest for Upload {
    fn handle() {
        if request::path() == "/large" {
            limits::set_max_request_body_size(None).expect("nothing was read yet");
            limits::set_timeout(None); // a large upload takes longer than other requests
        }
        match receive() {
            Ok((size, hash)) => send(200, &format!("{size} bytes, SHA-256 {hash}\n")),
            Err(BodyError::TooLarge) => {
                let max = limits::max_request_body_size().expect("what has no limit is not too large");
                send(413, &format!("More than {max} bytes are too many here; /large takes any number.\n"));
            }
            // The guest has not answered yet. If it ends here, the server answers with the status for the error: 400,
            // 408.
            Err(error) => panic!("the body did not come: {error}"),
        }
    }
}

/// Counts and hashes the body while it arrives.
fn receive() -> Result<(u64, String), BodyError> {
    let (mut size, mut hash) = (0, Sha256::new());
    loop {
        let piece = request::read(0)?;
        if piece.is_empty() {
            let digits = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
            return Ok((size, digits));
        }
        size += piece.len() as u64;
        hash.update(&piece);
    }
}

fn send(status: u16, content: &str) {
    let fields: [(&str, &[u8]); 1] = [("content-type", b"text/plain")];
    response::send(status, &fields, content.as_bytes()).expect("fields are well-formed, and nothing was sent before");
}
