//! Writes bytes that are no text to its standard output, ten thousand lines to it and to its error, one enormous line,
//! and a last line without an end; then answers as if nothing were. Whatever the host does with all that, the client
//! must not notice.

wit_bindgen::generate!({ path: "../../../wit", world: "application" });

use std::io::Write;

use windhover::http::response;

struct Chats;

impl Guest for Chats {
    fn handle() {
        let mut out = std::io::stdout();
        out.write_all(b"\xff\xfe\x00\x1b[31m\r\n").unwrap();
        for line in 0..10_000 {
            println!("line {line} of a guest that chats");
            eprintln!("line {line} of a guest that complains");
        }
        println!("{}", "x".repeat(4 * 1024 * 1024));
        out.write_all(b"a line without an end").unwrap();
        out.flush().unwrap();
        response::send(200, &[], b"said a lot\n").unwrap();
    }
}

export!(Chats);
