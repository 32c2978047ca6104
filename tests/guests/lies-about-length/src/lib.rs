//! Promises ten bytes and writes other than ten: `/fewer` three and returns, `/none` none and returns, `/honest` ten.

wit_bindgen::generate!({ path: "../../../wit", world: "application" });

use windhover::http::{request, response};

struct LiesAboutLength;

impl Guest for LiesAboutLength {
    fn handle() {
        response::start(200, &[("content-length".into(), b"10".to_vec())]).unwrap();
        match request::path().as_str() {
            "/none" => {}
            "/fewer" => response::write(b"abc").unwrap(),
            "/honest" => response::write(b"abcdefghij").unwrap(),
            path => panic!("no such path: {path}"),
        }
    }
}

export!(LiesAboutLength);
