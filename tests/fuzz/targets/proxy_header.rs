//! The header of the PROXY protocol, which comes before anybody is known: whatever the bytes are, nothing panics, no more
//! is asked for than the largest header has, and a header tells the same and ends at the same byte, however many bytes
//! have come before it is looked at.

#![no_main]

#[allow(dead_code, reason = "the room uses more of it")]
#[path = "../../../host/http/src/proxy_protocol"]
mod room {
    pub(crate) mod header;
}

use libfuzzer_sys::fuzz_target;
use room::header::{MAX_SIZE, parse};

fuzz_target!(|bytes: &[u8]| {
    let whole = parse(bytes);
    match &whole {
        Ok(None) => assert!(bytes.len() < MAX_SIZE, "it asks for more"),
        Ok(Some((told, size))) => {
            assert!(*size <= MAX_SIZE && *size <= bytes.len());
            assert!(bytes.starts_with(b"PROXY ") || bytes.starts_with(b"\r\n\r\n\0\r\nQUIT\n"));
            let is_local = bytes.starts_with(b"PROXY UNKNOWN") || bytes[0] == b'\r' && bytes[12] & 1 == 0;
            assert!(!is_local || told.ends.is_none() && told.tls.is_none() && told.variables.is_empty());
            for shorter in 0..*size {
                assert_eq!(parse(&bytes[..shorter]), Ok(None), "{shorter} bytes of {size}");
            }
            assert_eq!(parse(&bytes[..*size]), whole, "without what follows");
        }
        Err(_) => {
            // Refused once is refused for good, and what is refused was not taken before it was.
            for shorter in 0..bytes.len() {
                assert!(!matches!(parse(&bytes[..shorter]), Ok(Some(_))), "{shorter} bytes");
            }
        }
    }
});
