//! Gives the request's content back. Each path reads it in a way of its own:
//!
//! - `/` piece by piece, each written before the next is read (`/?MAX` reads at most MAX bytes at a time)
//! - `/all?MAX` all in one call, then answers in one call; `/must?MAX` the same, but an error ends the guest
//! - `/measure` reads all pieces and answers with the sum of their lengths, and `then nothing` if the end stays the end

wit_bindgen::generate!({ path: "../../../wit", world: "application" });

use windhover::http::{request, response};

struct Echoes;

impl Guest for Echoes {
    fn handle() {
        let max = request::query().map_or(0, |max| max.parse().unwrap());
        match request::path().as_str() {
            "/" => pieces(max),
            "/all" => match request::read_all(max) {
                Ok(content) => response::send(200, &[], &content).unwrap(),
                Err(error) => response::send(200, &[], format!("error: {}\n", error.name()).as_bytes()).unwrap(),
            },
            "/must" => response::send(200, &[], &request::read_all(max).unwrap()).unwrap(),
            "/measure" => response::send(200, &[], measure(max).as_bytes()).unwrap(),
            path => panic!("no such path: {path}"),
        }
    }
}

fn pieces(max: u32) {
    response::start(200, &[]).unwrap();
    loop {
        match request::read(max) {
            Ok(piece) if piece.is_empty() => return,
            Ok(piece) => response::write(&piece).unwrap(),
            Err(error) => return response::write(format!("error: {}\n", error.name()).as_bytes()).unwrap(),
        }
    }
}

fn measure(max: u32) -> String {
    let mut sum = 0;
    loop {
        match request::read(max) {
            Ok(piece) if piece.is_empty() => break,
            Ok(piece) if max > 0 && piece.len() > max as usize => return "a piece is larger than asked\n".into(),
            Ok(piece) => sum += piece.len(),
            Err(error) => return format!("{sum} then {}\n", error.name()),
        }
    }
    let again = request::read(max).unwrap();
    if again.is_empty() { format!("{sum} then nothing\n") } else { "something follows the end\n".into() }
}

export!(Echoes);
