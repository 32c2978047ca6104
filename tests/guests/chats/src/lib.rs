//! Writes ten thousand lines to its standard output and error, one enormous line, octets that are no text, and a last
//! line without an end; then answers as if nothing were. Whatever the host does with all that, the client must not
//! notice.

wit_bindgen::generate!({ path: "../../../wit", world: "application" });

use std::io::Write;

use windhover::http::response;

struct Chats;

impl Guest for Chats {
    fn handle() {
        for line in 0..10_000 {
            println!("line {line} of a guest that chats");
            eprintln!("line {line} of a guest that complains");
        }
        println!("{}", "x".repeat(4 * 1024 * 1024));
        let mut out = std::io::stdout();
        out.write_all(b"\xff\xfe\x00\x1b[31m\r\n").unwrap();
        out.write_all(b"a line without an end").unwrap();
        out.flush().unwrap();
        response::send(200, &[], b"said a lot\n").unwrap();
    }
}

export!(Chats);
