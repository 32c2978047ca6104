//! `wit/connection.wit`.

use std::net::SocketAddr;

use windhover_contract::Feature;

use crate::exchange::Exchange;
use crate::features::bindings::connection::{Connection, Endpoint, Host};

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
        Self { address: super::ip(address), port: address.port() }
    }
}
