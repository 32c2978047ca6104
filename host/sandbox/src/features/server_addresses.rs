//! `wit/server-addresses.wit`.

use windhover_contract::Feature;

use crate::exchange::Exchange;
use crate::features::bindings::server_addresses::Host;
use crate::features::offered::offered;

impl Host for Exchange {
    fn addresses(&mut self) -> wasmtime::Result<Vec<String>> {
        let addresses = offered(self.features.server_addresses.as_deref(), Feature::ServerAddresses)?;
        Ok(addresses.iter().map(str::to_owned).collect())
    }
}
