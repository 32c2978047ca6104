//! `websocket`.

use crate::windhover::http::websocket::{self, Event};
use crate::windhover::http::{lifetime, response};

pub fn act(what: &str, query: &str) {
    match what {
        "requested" => super::answer_with(websocket::requested()),
        "accept" => {
            let subprotocol = Some(query).filter(|subprotocol| !subprotocol.is_empty());
            match websocket::accept(subprotocol, &[super::field("x-more", "yes")]) {
                Ok(()) => echo(),
                Err(error) => super::answer_with(error),
            }
        }
        "own-field" => {
            super::answer_with(websocket::accept(None, &[super::field("sec-websocket-extensions", "x")]));
        }
        "unaccepted" => {
            let receive = websocket::receive(Some(0)).map(drop).map_err(|error| error.name());
            let send = websocket::send_text("x").map_err(|error| error.name());
            super::answer_with((receive, send, websocket::close(1000, "").map_err(|error| error.name())));
        }
        "late" => {
            response::start(200, &[]).unwrap();
            let outcome = websocket::accept(None, &[]);
            response::write(format!("{outcome:?}\n").as_bytes()).unwrap();
        }
        "pushes" => {
            accept();
            for tick in 0..3 {
                websocket::send_text(&format!("tick {tick}")).unwrap();
            }
            echo();
        }
        // Sends on its own whenever nothing comes, and answers what comes.
        "chats" => {
            accept();
            for tick in 0.. {
                match websocket::receive(Some(10)).unwrap() {
                    Event::TimedOut => websocket::send_text(&format!("tick {tick}")).unwrap(),
                    Event::Text(text) => return websocket::send_text(&text).unwrap(),
                    event => panic!("{event:?}"),
                }
            }
        }
        "polls" => {
            accept();
            let event = websocket::receive(Some(0)).unwrap();
            websocket::send_text(&format!("{event:?}")).unwrap();
        }
        "closes" => {
            accept();
            let outcome = websocket::close(query.parse().unwrap(), "as the path says").map_err(|error| error.name());
            if outcome.is_err() {
                websocket::send_text(&format!("{outcome:?}")).unwrap();
            }
            let after = websocket::send_text("x").map_err(|error| error.name());
            eprintln!("after the close: {after:?}");
            echo();
        }
        "ignores-close" => {
            accept();
            loop {
                let _ = websocket::receive(None);
            }
        }
        "long-reason" => {
            accept();
            let outcome = websocket::close(1000, &"x".repeat(124)).map_err(|error| error.name());
            websocket::send_text(&format!("{outcome:?}")).unwrap();
        }
        "returns" => accept(),
        "traps" => {
            accept();
            panic!("as the path says");
        }
        // Says in the log how it was closed.
        "tells" => {
            accept();
            loop {
                if let Ok(Event::Closed(close)) = websocket::receive(None) {
                    let again = websocket::receive(Some(0));
                    eprintln!("closed with {} {:?}, and again {again:?}", close.code, close.reason);
                    break eprintln!(
                        "then: {:?} {}",
                        websocket::send_text("x").map_err(|error| error.name()),
                        lifetime::is_aborted()
                    );
                }
            }
        }
        what => panic!("no such use: {what}"),
    }
}

fn accept() {
    websocket::accept(None, &[]).unwrap();
}

fn echo() {
    loop {
        match websocket::receive(None).unwrap() {
            Event::Text(text) => websocket::send_text(&text).unwrap(),
            Event::Binary(data) => websocket::send_binary(&data).unwrap(),
            Event::Closed(_) | Event::TimedOut => break,
        }
    }
}
