//! Environment variables, by `wasi:cli/environment`, which is linked with the rest of `wasi:cli`.

use std::collections::BTreeMap;

use wasmtime_wasi::WasiCtxBuilder;

use super::grant::{Grant, Granted};

/// The variables of a guest, by name.
#[derive(Default)]
pub(crate) struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The last of one name stands.
    pub(super) fn insert(&mut self, name: String, value: String) {
        self.0.insert(name, value);
    }
}

impl Granted for Environment {
    const GRANT: Grant = Grant {
        name: "environment variables",
        option: Some("grants.environment"),
        interfaces: &["wasi:cli/environment"],
    };

    fn prepare(&self, builder: &mut WasiCtxBuilder) -> wasmtime::Result<()> {
        for (name, value) in &self.0 {
            builder.env(name, value);
        }
        Ok(())
    }

    fn describe(&self) -> Option<String> {
        let names: Vec<&str> = self.0.keys().map(String::as_str).collect();
        (!names.is_empty()).then(|| names.join(", "))
    }
}
