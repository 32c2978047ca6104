//! Named values, by `wasi:config/store`.

use wasmtime::component::Linker;
use wasmtime_wasi_config::{WasiConfig, WasiConfigVariables};

use super::grant::{Grant, GrantStore, Granted};

/// The values of a guest, by name.
#[derive(Default)]
pub(crate) struct Config {
    values: WasiConfigVariables,
    names: Vec<String>,
}

impl Config {
    /// The last of one name stands.
    pub(super) fn insert(&mut self, name: String, value: String) {
        self.names.push(name.clone());
        self.values.insert(name, value);
    }
}

impl Granted for Config {
    const GRANT: Grant =
        Grant { name: "configuration values", option: Some("grants.config"), interfaces: &["wasi:config/store"] };

    fn link<T: GrantStore<Grants: AsRef<Self>>>(linker: &mut Linker<T>, _: bool) -> wasmtime::Result<()> {
        wasmtime_wasi_config::add_to_linker(linker, |store| WasiConfig::from(&store.grants().as_ref().values))
    }

    fn describe(&self) -> Option<String> {
        (!self.names.is_empty()).then(|| self.names.join(", "))
    }
}

/// Whether this is the version of `wasi:config` that is linked: a draft that all hosts have.
pub(crate) fn is_linked(package: &str, version: &str) -> bool {
    package == "wasi:config" && version == "0.2.0-rc.1"
}
