//! A filter that replaces the remote address of the connection by the one that a content delivery network has written
//! into `true-client-ip`. Everything else about the connection stays the same.

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

use std::net::IpAddr;

use exports::windhover::http::connection::{Connection, Endpoint, Guest, SocketRoute};
use windhover::http::{connection, request};

struct RemoteAddress;

impl Guest for RemoteAddress {
    fn current() -> Connection {
        let seen = connection::current();
        Connection { id: seen.id, remote: reported().or(seen.remote.map(endpoint)), local: seen.local.map(endpoint) }
    }

    fn route() -> SocketRoute {
        let seen = connection::route();
        SocketRoute {
            remote: seen.remote.map(endpoint),
            local: seen.local.map(endpoint),
            proxies: seen.proxies.into_iter().map(|proxy| proxy.map(endpoint)).collect(),
        }
    }
}

fn endpoint(end: connection::Endpoint) -> Endpoint {
    Endpoint { address: end.address, port: end.port }
}

/// The address in `true-client-ip`.
fn reported() -> Option<Endpoint> {
    let field = request::field("true-client-ip")?;
    let address: IpAddr = str::from_utf8(&field).ok()?.trim().parse().ok()?;
    Some(Endpoint { address: address.to_string(), port: 0 })
}

export!(RemoteAddress);
