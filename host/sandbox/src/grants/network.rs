//! The network, by `wasi:sockets`, which no guest is granted: a rule of addresses for it would have to hold for each
//! connection and each packet. Guests send requests to other servers by [`super::outbound`].

use wasmtime_wasi::WasiCtxBuilder;

use super::grant::{Grant, Granted};

/// The network of a guest: none.
#[derive(Default)]
pub(crate) struct Network;

impl Granted for Network {
    const GRANT: Grant = Grant { name: "network", option: None, interfaces: &["wasi:sockets/*"] };

    fn prepare(&self, builder: &mut WasiCtxBuilder) -> wasmtime::Result<()> {
        builder.allow_tcp(false).allow_udp(false).allow_ip_name_lookup(false);
        Ok(())
    }

    fn describe(&self) -> Option<String> {
        None
    }
}
