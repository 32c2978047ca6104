//! A WebSocket that echoes messages, and sends one by itself if none come; with a page that contains a client. The
//! server does the handshake, framing and pings, and enforces the limits.

wit_bindgen::generate!({
    path: "../../wit",
    world: "application",
    // Calls take `&str` and `&[u8]` instead of `String` and `Vec<u8>`.
    ownership: Borrowing { duplicate_if_necessary: false },
});

use windhover::http::websocket::{self, Error, Event};
use windhover::http::{request, response};

struct Chat;

export!(Chat);

impl Guest for Chat {
    fn handle() {
        match websocket::requested() {
            Some(offered) => {
                let subprotocol = offered.iter().find(|protocol| *protocol == "chat").map(String::as_str);
                websocket::accept(subprotocol, &[]).expect("it was requested, and nothing was sent before");
                // An error means that the client has disconnected, so nothing is left to do.
                let _ = chat();
            }
            None if request::path() == "/" => send(200, "text/html; charset=utf-8", PAGE),
            None => send(404, "text/plain", b"There is a page at /\n"),
        }
    }
}

/// Exchanges messages until the connection is closed.
fn chat() -> Result<(), Error> {
    let tick = tick();
    for number in 1.. {
        loop {
            match websocket::receive(Some(tick))? {
                Event::Text(text) => answer(&text)?,
                Event::Binary(data) => websocket::send_binary(&data)?,
                Event::Closed(close) => {
                    eprintln!("closed with {} {}", close.code, close.reason);
                    return Ok(());
                }
                Event::TimedOut => break,
            }
        }
        websocket::send_text(&format!("tick {number}"))?;
    }
    Ok(())
}

/// Sends the text back, or closes the connection if it is `close 4000 and why`.
fn answer(text: &str) -> Result<(), Error> {
    let wish = text.strip_prefix("close ").and_then(|wish| wish.split_once(' '));
    match wish.and_then(|(code, reason)| Some((code.parse().ok()?, reason))) {
        Some((code, reason)) => match websocket::close(code, reason) {
            Err(Error::InvalidClose) => websocket::send_text("this code or reason cannot be sent"),
            closed => closed,
        },
        None => websocket::send_text(text),
    }
}

/// How long to wait for a message before sending one, in milliseconds: `/?tick=250`, or one second by default.
fn tick() -> u32 {
    let query = request::query().unwrap_or_default();
    let given = query.split('&').find_map(|pair| pair.strip_prefix("tick=")?.parse().ok());
    given.unwrap_or(1000).max(10)
}

fn send(status: u16, content_type: &str, content: &[u8]) {
    let fields = [("content-type", content_type.as_bytes())];
    response::send(status, &fields, content).expect("fields are well-formed, and nothing was sent before");
}

/// A client in a few lines of JavaScript.
const PAGE: &[u8] = include_bytes!("page.html");
