//! What every server and every proxy must get right, by path. `just fronts` serves this one file behind each proxy.

wit_bindgen::generate!({ path: "../../../wit", world: "application" });

mod facts;

use windhover::http::{informational, lifetime, request, response, websocket};

struct Conformance;

impl Guest for Conformance {
    fn handle() {
        let path = request::path();
        let query = request::query().unwrap_or_default();
        match path.as_str() {
            _ if request::field("want").as_deref() == Some(b"target") => answer(&(request::raw_target() + "\n")),
            "/facts" => answer(&facts::facts()),
            // Each piece of the content comes back before the next is read.
            "/echo" => {
                response::start(200, &[field("content-type", "application/octet-stream")]).unwrap();
                response::flush().unwrap();
                echo();
            }
            "/count" => {
                let (mut size, mut sum) = (0_u64, 0_u64);
                loop {
                    let piece = request::read(0).unwrap();
                    if piece.is_empty() {
                        break;
                    }
                    size += piece.len() as u64;
                    sum += piece.iter().map(|byte| u64::from(*byte)).sum::<u64>();
                }
                answer(&format!("{size} bytes, sum {sum}\n"));
            }
            "/large" => {
                let size: u64 = query.parse().unwrap();
                response::start(200, &[field("content-length", &size.to_string())]).unwrap();
                let piece: Vec<u8> = (0..65_536_u32).map(|at| at as u8).collect();
                let mut left = size;
                while left > 0 {
                    let next = left.min(piece.len() as u64) as usize;
                    response::write(&piece[..next]).unwrap();
                    left -= next as u64;
                }
            }
            "/status" => {
                let status = query.parse().unwrap();
                response::send(status, &[field("etag", "\"one\""), field("x-status", &query)], b"").unwrap();
            }
            "/head" => {
                response::send(200, &[field("content-length", "12345"), field("x-method", &request::method())], b"")
                    .unwrap();
            }
            // The content is not read.
            "/early" => response::send(403, &[], b"not for you\n").unwrap(),
            "/cookies" => {
                let cookies =
                    ["one=1; Path=/", "two=2; Expires=Wed, 21 Oct 2065 07:28:00 GMT", "three=\"3,4\"; HttpOnly"];
                let fields: Vec<_> = cookies.iter().map(|cookie| field("set-cookie", cookie)).collect();
                response::send(200, &fields, b"cookies\n").unwrap();
            }
            "/trailers" => {
                response::start(200, &[field("trailer", "x-sum, x-end")]).unwrap();
                response::write(b"content\n").unwrap();
                response::set_trailers(&[field("x-sum", "8"), field("x-end", "yes")]).unwrap();
            }
            "/request-trailers" => {
                while !request::read(0).unwrap().is_empty() {}
                let trailers = request::trailers().unwrap_or_default();
                let lines = trailers.iter().map(|(name, value)| format!("{name}: {}\n", value.escape_ascii()));
                answer(&lines.collect::<String>());
            }
            "/grpc" => {
                let fields = [field("content-type", "application/grpc"), field("trailer", "grpc-status, grpc-message")];
                response::start(200, &fields).unwrap();
                response::flush().unwrap();
                echo();
                response::set_trailers(&[field("grpc-status", "0"), field("grpc-message", "done")]).unwrap();
            }
            // An event, and then nothing until the client leaves.
            "/events" => {
                response::start(200, &[field("content-type", "text/event-stream"), field("cache-control", "no-cache")])
                    .unwrap();
                response::write(b"data: one\n\n").unwrap();
                response::flush().unwrap();
                let has_left = lifetime::wait(60_000);
                eprintln!("events {query}: the client has left: {has_left}");
            }
            // An event again and again, until the client leaves.
            "/ticks" => {
                response::start(200, &[field("content-type", "text/event-stream")]).unwrap();
                while response::write(b"data: one\n\n").is_ok() && !lifetime::wait(50) {}
                eprintln!("events {query}: the client has left: {}", lifetime::is_aborted());
            }
            "/websocket" => {
                websocket::accept(None, &[]).unwrap();
                loop {
                    match websocket::receive(None).unwrap() {
                        websocket::Event::Text(text) => websocket::send_text(&text).unwrap(),
                        websocket::Event::Binary(data) => websocket::send_binary(&data).unwrap(),
                        websocket::Event::Closed(close) => {
                            break eprintln!("websocket: closed with {} {:?}", close.code, close.reason);
                        }
                        websocket::Event::TimedOut => {}
                    }
                }
            }
            "/hints" => {
                informational::send(103, &[field("link", "</style.css>; rel=preload; as=style")]).unwrap();
                // The hint is on its way before the answer is made.
                lifetime::wait(50);
                answer("after the hint\n");
            }
            // Counted by who compares what a proxy forwards with what is answered.
            path => answer(&format!("{} {path}\n", request::method())),
        }
    }
}

fn echo() {
    loop {
        let piece = request::read(0).unwrap();
        if piece.is_empty() {
            break;
        }
        response::write(&piece).unwrap();
        response::flush().unwrap();
    }
}

fn answer(text: &str) {
    response::send(200, &[field("content-type", "text/plain")], text.as_bytes()).unwrap();
}

fn field(name: &str, value: &str) -> (String, Vec<u8>) {
    (name.into(), value.into())
}

export!(Conformance);
