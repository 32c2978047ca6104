//! `wit/connection.wit`.

use std::net::SocketAddr;

use windhover_contract::Feature;

use crate::exchange::Exchange;
use crate::features::bindings::connection::{Connection, Endpoint, Host, SocketRoute};
use crate::features::offered::offered;

impl Host for Exchange {
    fn current(&mut self) -> wasmtime::Result<Connection> {
        let connection = offered(self.features.connection.as_deref(), Feature::Connection)?;
        Ok(Connection {
            id: connection.id.clone(),
            remote: connection.remote().map(Endpoint::from),
            local: connection.local().map(Endpoint::from),
        })
    }

    fn route(&mut self) -> wasmtime::Result<SocketRoute> {
        let connection = offered(self.features.connection.as_deref(), Feature::Connection)?;
        Ok(SocketRoute {
            remote: connection.socket.remote.map(Endpoint::from),
            local: connection.socket.local.map(Endpoint::from),
            proxies: connection.proxies().map(|proxy| proxy.map(Endpoint::from)).collect(),
        })
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Self { address: ip(address), port: address.port() }
    }
}

/// The address of one end as guests see it: an IPv4 client of a dual-stack socket is an IPv4 client.
pub(super) fn ip(address: SocketAddr) -> String {
    address.ip().to_canonical().to_string()
}
