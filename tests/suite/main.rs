//! The suite: what Windhover promises on the wire, on every server. A test's name is a sentence about behaviour; its
//! body sends real bytes and compares real bytes. `tests/README.md` says where a new test belongs.

mod authentication; // the user that the server knows
mod blocking; // files and names that take long: what of it waits, and for whom
mod body; // the request's content: read in pieces or at once, with back-pressure, or not at all
mod buffers; // what the host holds of content for all guests together
mod cache; // compiled guests on disk: used when nobody else can have written them, and only then
mod connection; // the facts of the connection, and what happens when the client leaves
mod contract; // the table of features is true
mod drain; // the server's polite end
mod endpoints; // where the server listens, changed while it serves
mod examples; // each guest example does what its README says
mod expect_continue; // clients that wait to be asked for their content
mod fixtures; // every guest of the tests has a test
mod grants; // what a guest is granted of the machine, and nothing beside it
mod guest_library; // applications that are written with windhover-guest
mod half_close; // clients that send no more and wait for their answer
mod http2_answer_rate; // how slowly what a connection has may be taken
mod http2_exchange; // the same exchanges, over HTTP/2
mod http2_floods; // clients that keep the server busy with nothing
mod http2_limits; // every limit of HTTP/2, met
mod http2_reset; // the end of a stream before its time
mod http2_response; // the head of a response
mod http2_upgrade; // another protocol on a stream
mod identifier; // what an exchange is called, and its trace
mod informational; // interim responses
mod isolation; // what a guest does wrong stays in its own exchange, and what it leaves is gone
mod keep_alive; // several exchanges on one connection, and its end
mod lifetime; // the client's leaving, as a guest is told of it, and the breaking off
mod limit_answer_rate; // clients that take an answer slowly
mod limit_buffer_size; // how much of an answer waits in the server
mod limit_connections; // as many as allowed, and one more
mod limit_content_rate; // content that comes slowly
mod limit_content_size; // content that is too large
mod limit_fields; // too many, or too large
mod limit_guest_time; // how long an app may take, in every way
mod limit_head_time; // heads that come slowly
mod limit_idle_time; // connections on which nothing happens
mod limit_request_line; // one that is too long
mod limit_resources; // what the host holds for one instance
mod limits; // the limits of an exchange, as a guest changes them
mod load; // guests that are refused, and with which words
mod middleware; // what stands before an app, and is composed with it
mod outbound; // requests to other servers: those that are granted
mod proxy_protocol; // who the client is when a proxy connects for it
mod request; // the facts of the request
mod reset; // the end of a stream with an error code
mod response; // what a guest answers, and what it is not allowed to
mod reuse; // instances that answer more than one exchange
mod send_file; // answers from a granted folder
mod server_addresses; // what the server is bound to
mod server_variables; // the names of CGI
mod strict_content; // chunks that are not framed exactly
mod strict_head; // heads that are not exactly what HTTP says
mod strict_target; // the characters of a request target, in every version of HTTP
mod telemetry; // what a guest adds to the record of its exchange
mod tls; // the session, where there is one
mod tls_endpoint; // handshakes, certificates, and what is spoken where
mod trailers; // fields behind the content, both ways
mod unread_content; // content that the application leaves where it is
mod upgrade; // another protocol on the connection
mod wasi_http; // standard components of wasi:http 0.2
mod wasi_http_p3; // standard components of wasi:http 0.3
mod wasi_types; // what wasi:http/types 0.2 says to each call
mod websocket; // messages both ways, and clients that lie

use std::time::Duration;

use windhover_sandbox::Guest;
use windhover_tests::{Served, guest};

/// The guest that uses features, once for each world that it is built in: they must behave the same.
fn in_every_world() -> [Guest; 3] {
    [guest("uses-features"), guest("wasi-uses-features"), guest("wasi3-uses-features")]
}

/// A request without content.
fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nhost: a\r\n\r\n")
}

/// A request with content of a known length.
fn post(target: &str, content: &str) -> String {
    format!("POST {target} HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{content}", content.len())
}

/// The answer of a guest that sends this content and no fields.
fn ok(content: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\ndate: …\r\n\r\n{content}", content.len())
}

/// The same, where it says that the connection ends behind it.
fn ok_and_close(content: &str) -> String {
    ok(content).replace("content-length", "connection: close\r\ncontent-length")
}

/// The answer that the host gives in place of a guest: never with a word about the inside.
fn fault(status: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\ndate: …\r\n\r\n")
}

/// Sends a request to a guest that starts its answer and then traps. The client gets a 500, unless the head has left: a
/// guest that loses its turn in between has sent it, and its answer breaks off. So it is asked until it has kept its turn.
async fn expect_500_of_a_started_answer(served: &Served, request: &str) {
    for _ in 0..100 {
        let mut wire = served.connect().await;
        wire.send(request).await;
        let received = wire.receive_head().await;
        if received.status_line == "HTTP/1.1 500 Internal Server Error" {
            assert_eq!(received.fields, ["content-length: 0"]);
            return;
        }
        wire.expect_reset_mid_body(&received).await;
    }
    panic!("the answer has always left before its guest trapped");
}

/// What a test advances its clock by, so that the rest of a limit passes.
const SECOND: Duration = Duration::from_secs(1);

/// The answer of `rust-hello` to anything.
const HELLO: &str = "HTTP/1.1 200 OK\r\n\
    content-type: text/plain; charset=utf-8\r\n\
    content-length: 24\r\n\
    date: …\r\n\
    \r\n\
    Hello from WebAssembly!\n";
