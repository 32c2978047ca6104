//! A gRPC service with a method of each kind: one message or a stream of messages, in either direction. `call.rs`
//! implements gRPC on top of HTTP/2; the server does not know gRPC.

mod call;
mod messages;

wit_bindgen::generate!({
    path: "../../wit",
    world: "application",
    // Calls take `&str` and `&[u8]` instead of `String` and `Vec<u8>`.
    ownership: Borrowing { duplicate_if_necessary: false },
});

use call::{Call, Code, Status};
use messages::{Greeting, Name, Times};
use windhover::http::{request, response};

struct Greeter;

export!(Greeter);

impl Guest for Greeter {
    fn handle() {
        let Some(mut call) = Call::requested() else {
            // Clients that do not speak gRPC get an HTTP status.
            let fields: [(&str, &[u8]); 1] = [("content-type", b"text/plain")];
            return response::send(415, &fields, b"This is a gRPC service.\n").expect("nothing was sent before");
        };
        let outcome = match request::path().as_str() {
            "/greeter.Greeter/Greet" => greet(&mut call),
            "/greeter.Greeter/Repeat" => repeat(&mut call),
            "/greeter.Greeter/GreetAll" => greet_all(&mut call),
            "/greeter.Greeter/Chat" => chat(&mut call),
            path => Err(Status::new(Code::Unimplemented, format!("there is no method {path}"))),
        };
        call.end(outcome);
    }
}

fn greet(call: &mut Call) -> Result<(), Status> {
    let Name { name } = call.receive_one()?;
    if name.is_empty() {
        return Err(Status::new(Code::InvalidArgument, "a name is missing: naïve greetings cost 100 %"));
    }
    call.reply(&Greeting { text: format!("Hello, {name}!"), number: 1 })
}

fn repeat(call: &mut Call) -> Result<(), Status> {
    call.takes_its_time();
    let Times { name, times, pause_milliseconds } = call.receive_one()?;
    for number in 1..=times {
        if number > 1 {
            call.pause(pause_milliseconds)?;
        }
        call.reply(&Greeting { text: format!("Hello, {name}!"), number })?;
    }
    Ok(())
}

fn greet_all(call: &mut Call) -> Result<(), Status> {
    call.takes_its_time();
    let mut names = Vec::new();
    while let Some(Name { name }) = call.receive()? {
        if names.len() == MAX_NAMES {
            return Err(Status::new(Code::ResourceExhausted, format!("more than {MAX_NAMES} names")));
        }
        names.push(name);
    }
    let number = u32::try_from(names.len()).expect("they were counted above");
    call.reply(&Greeting { text: format!("Hello, {}!", names.join(", ")), number })
}

fn chat(call: &mut Call) -> Result<(), Status> {
    call.takes_its_time();
    for number in 1.. {
        let Some(Name { name }) = call.receive()? else { break };
        call.reply(&Greeting { text: format!("Hello, {name}!"), number })?;
    }
    Ok(())
}

/// The most names that `GreetAll` keeps in memory.
const MAX_NAMES: usize = 1000;
