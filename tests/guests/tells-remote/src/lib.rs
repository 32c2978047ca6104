//! Middleware: answers at `/remote` with the remote address that it is told, and lets everything else through.

wit_bindgen::generate!({ path: "../../../wit", world: "middleware" });

use windhover::http::{connection, request, response};

struct TellsRemote;

impl Guest for TellsRemote {
    fn handle() {
        if request::path() != "/remote" {
            return next();
        }
        let remote = connection::current().remote.map_or("none".into(), |remote| remote.address);
        response::send(200, &[], format!("middleware: {remote}\n").as_bytes()).unwrap();
    }
}

export!(TellsRemote);
