//! `upgrade`.

use crate::windhover::http::{request, response, upgrade};

pub fn act(what: &str) {
    match what {
        "requested" => super::answer_with(upgrade::requested()),
        "decline" => super::answer("no, thank you"),
        "accept-another" => super::answer_with(upgrade::accept("another", &[])),
        "with-length" => super::answer_with(upgrade::accept("echo", &[super::field("content-length", "3")])),
        "unaccepted" => {
            let (read, write) = (upgrade::read(0).map(drop), upgrade::write(b"x"));
            super::answer_with((read, write));
        }
        "late" => {
            response::start(200, &[]).unwrap();
            let outcome = upgrade::accept("echo", &[]);
            response::write(format!("{outcome:?}\n").as_bytes()).unwrap();
        }
        "echo" => {
            accept();
            loop {
                let bytes = upgrade::read(0).unwrap();
                if bytes.is_empty() || bytes.starts_with(b"quit") {
                    break upgrade::write(b"bye").unwrap();
                }
                upgrade::write(&bytes).unwrap();
            }
        }
        "mistakes" => {
            accept();
            let again = upgrade::accept("echo", &[]);
            let (read, send) =
                (request::read(0).map(drop).map_err(|error| error.name()), response::send(200, &[], b"x"));
            let write = response::write(b"x");
            let mistakes = format!("{again:?} {read:?} {send:?} {write:?} {}\n", response::has_started());
            upgrade::write(mistakes.as_bytes()).unwrap();
        }
        "traps" => {
            accept();
            upgrade::write(b"begun").unwrap();
            panic!("as the path says");
        }
        what => panic!("no such use: {what}"),
    }
}

fn accept() {
    upgrade::accept("echo", &[super::field("x-more", "yes")]).unwrap();
}
