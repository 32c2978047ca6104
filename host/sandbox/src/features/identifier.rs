//! `wit/identifier.wit`.

use windhover_contract::{Feature, TraceContext};

use crate::exchange::Exchange;
use crate::features::bindings::identifier::{Host, TraceContext as Context};
use crate::features::offered::offered;

impl Host for Exchange {
    fn request_id(&mut self) -> wasmtime::Result<String> {
        let identifier = offered(self.features.identifier.as_ref(), Feature::Identifier)?;
        Ok(identifier.to_string())
    }

    fn trace(&mut self) -> Option<Context> {
        let TraceContext { trace_id, parent_id, flags, state } = TraceContext::from_fields(&self.fields)?;
        Some(Context { trace_id, parent_id, trace_flags: flags, state })
    }
}
