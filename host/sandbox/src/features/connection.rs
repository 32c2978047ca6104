//! `wit/connection.wit`.

use std::net::SocketAddr;

use windhover_contract::Feature;

use crate::bindings::connection::{Connection, Endpoint, Host};
use crate::exchange::Exchange;

impl Host for Exchange {
    fn current(&mut self) -> wasmtime::Result<Connection> {
        let connection = self.features.connection.as_deref().ok_or_else(|| super::absent(Feature::Connection))?;
        Ok(Connection {
            id: connection.id.clone(),
            remote: connection.remote.map(Endpoint::from),
            local: connection.local.map(Endpoint::from),
        })
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        // An IPv4 client of a dual-stack socket is an IPv4 client.
        Self { address: address.ip().to_canonical().to_string(), port: address.port() }
    }
}
