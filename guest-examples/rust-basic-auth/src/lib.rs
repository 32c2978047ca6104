//! Middleware that asks for a name and a password (RFC 7617) before it passes a request on to the app.

wit_bindgen::generate!({ path: "../../wit", world: "middleware" });

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use subtle::ConstantTimeEq;
use windhover::http::{request, response};

struct BasicAuth;

impl Guest for BasicAuth {
    fn handle() {
        let credentials = request::field("authorization").unwrap_or_default();
        if is_known(&credentials) { next() } else { ask() }
    }
}

/// `Basic` in any case, one or more spaces, and the base64 of `user:password` (RFC 9110 section 11.4).
fn is_known(credentials: &[u8]) -> bool {
    let Some((scheme, token)) = credentials.split_at_checked("Basic ".len()) else { return false };
    let expected = BASE64_STANDARD.encode(format!("{USER}:{PASSWORD}"));
    // In constant time, because the time of a refusal must not reveal how much of a guess was right.
    scheme.eq_ignore_ascii_case(b"Basic ") && token.trim_ascii().ct_eq(expected.as_bytes()).into()
}

fn ask() {
    let fields = [
        ("www-authenticate".into(), r#"Basic realm="Windhover", charset="UTF-8""#.into()),
        ("content-type".into(), "text/plain".into()),
    ];
    // An error would mean that the client has disconnected.
    let _ = response::send(401, &fields, b"Who are you?\n");
}

// Set by environment variables at build time: BASIC_AUTH_PASSWORD=secret cargo build …
const USER: &str = match option_env!("BASIC_AUTH_USER") {
    Some(user) => user,
    None => "windhover",
};
const PASSWORD: &str = match option_env!("BASIC_AUTH_PASSWORD") {
    Some(password) => password,
    None => "open sesame",
};

export!(BasicAuth);
