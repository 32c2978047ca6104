//! A filter that replaces the remote address of the connection by the one that a proxy has written into
//! `x-forwarded-for`. Everything else about the connection stays the same.

wit_bindgen::generate!({
    inline: "
        package example:remote-address;

        world filter {
            import windhover:http/request@0.1.0;
            import windhover:http/connection@0.1.0;
            export windhover:http/connection@0.1.0;
        }
    ",
    path: "../../wit",
    world: "example:remote-address/filter",
    generate_all,
});

use std::net::{IpAddr, SocketAddr};

use exports::windhover::http::connection::{Connection, Endpoint, Guest};
use windhover::http::{connection, request};

struct RemoteAddress;

impl Guest for RemoteAddress {
    fn current() -> Connection {
        let seen = connection::current();
        let endpoint = |end: connection::Endpoint| Endpoint { address: end.address, port: end.port };
        Connection { id: seen.id, remote: forwarded().or(seen.remote.map(endpoint)), local: seen.local.map(endpoint) }
    }
}

/// The first address of `x-forwarded-for`. It is the client's if every proxy on the way adds the address that it sees.
fn forwarded() -> Option<Endpoint> {
    let field = request::field("x-forwarded-for")?;
    let first = str::from_utf8(&field).ok()?.split(',').next()?.trim();
    // Most proxies write no port, and then no brackets.
    let (address, port) = match first.parse::<IpAddr>() {
        Ok(address) => (address, 0),
        Err(_) => first.parse::<SocketAddr>().map(|address| (address.ip(), address.port())).ok()?,
    };
    Some(Endpoint { address: address.to_string(), port })
}

export!(RemoteAddress);
