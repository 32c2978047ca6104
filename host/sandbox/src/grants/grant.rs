//! What all grants have in common.

use wasmtime::component::Linker;
use wasmtime_wasi::filesystem::WasiFilesystemCtxView;
use wasmtime_wasi::{WasiCtxBuilder, WasiView};

/// Something that a guest has only if it is granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    pub(super) name: &'static str,
    pub(super) option: Option<&'static str>,
    /// The interfaces by which guests import it, without their versions; `wasi:sockets/*` is each of a package.
    pub(super) interfaces: &'static [&'static str],
}

impl Grant {
    /// In words.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What gives it to a guest: a flag of `windhover serve`, or a key of `[apps.NAME.grants]` in its configuration file.
    /// `None`: nothing does; the guest finds it empty or denied.
    pub fn option(&self) -> Option<&'static str> {
        self.option
    }

    /// Whether a guest imports it by this name.
    pub(crate) fn is_imported_by(&self, import: &str) -> bool {
        let (interface, _) = import.split_once('@').unwrap_or((import, ""));
        self.interfaces.iter().any(|own| match own.strip_suffix('*') {
            Some(package) => interface.starts_with(package),
            None => *own == interface,
        })
    }
}

/// One kind of grant, as one app has it.
pub(super) trait Granted: Sized {
    /// Which it is.
    const GRANT: Grant;

    /// Links what is not linked with the package that it belongs to.
    fn link<T: GrantStore<Grants: AsRef<Self>>>(linker: &mut Linker<T>, has_concurrency: bool) -> wasmtime::Result<()> {
        let _ = (linker, has_concurrency);
        Ok(())
    }

    /// Gives it to the WASI side of one instance. An error: it is not there any more.
    fn prepare(&self, builder: &mut WasiCtxBuilder) -> wasmtime::Result<()> {
        let _ = builder;
        Ok(())
    }

    /// What of it is granted, in words and without values, which may be secret. `None`: nothing.
    fn describe(&self) -> Option<String>;
}

/// A store whose guest has grants.
pub(crate) trait GrantStore: WasiView + Send + 'static {
    /// All of them.
    type Grants;

    /// What the guest is granted.
    fn grants(&self) -> &Self::Grants;

    /// The files that the guest has open, for a call that may open another.
    fn files(&mut self) -> WasiFilesystemCtxView<'_>;
}
