//! Calls the function that the path names as often as the query says, and then answers with a line: for
//! `just bench-sandbox`, which tells what a call costs.

wit_bindgen::generate!({ path: "../../../wit", world: "application" });

use std::hint::black_box;

use windhover::http::{
    authentication, connection, identifier, lifetime, limits, request, response, server_addresses, server_variables,
    telemetry, tls, upgrade, websocket,
};

struct Calls;

impl Guest for Calls {
    fn handle() {
        let times = request::query().map_or(1, |times| times.parse().expect("the query is a number"));
        match request::path().as_str() {
            "/authentication.current" => repeat(times, authentication::current),
            "/connection.current" => repeat(times, connection::current),
            "/identifier.request-id" => repeat(times, identifier::request_id),
            "/lifetime.is-aborted" => repeat(times, lifetime::is_aborted),
            "/lifetime.time-left" => repeat(times, lifetime::time_left),
            "/limits.timeout" => repeat(times, limits::timeout),
            "/request.field" => repeat(times, || request::field("host")),
            "/request.fields" => repeat(times, request::fields),
            "/request.head" => repeat(times, request::head),
            "/request.method" => repeat(times, request::method),
            "/response.has-started" => repeat(times, response::has_started),
            "/response.write" => {
                response::start(200, &[]).expect("nothing was answered before");
                return repeat(times, || response::write(b""));
            }
            "/server-addresses.addresses" => repeat(times, server_addresses::addresses),
            "/server-variables.get" => repeat(times, || server_variables::get("SERVER_SOFTWARE")),
            "/telemetry.set-tag" => repeat(times, || telemetry::set_tag("name", "value")),
            "/tls.current" => repeat(times, tls::current),
            "/upgrade.requested" => repeat(times, upgrade::requested),
            "/websocket.requested" => repeat(times, websocket::requested),
            path => panic!("no such function: {path}"),
        }
        response::send(200, &[], b"done\n").expect("nothing was answered before");
    }
}

fn repeat<T>(times: u32, mut call: impl FnMut() -> T) {
    for _ in 0..times {
        black_box(call());
    }
}

export!(Calls);
