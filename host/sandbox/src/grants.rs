//! Everything that an app grants its guest beyond the exchange itself. By default that is nothing.
//!
//! Each grant is one file: how guests import it, and how it is opened, linked, prepared for an instance, and described.
//! A new grant is a new file and one line in the list below.

pub(crate) mod config;
mod environment;
mod files;
mod folders;
pub(crate) mod grant;
mod network;
pub(crate) mod outbound;

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use wasmtime::component::Linker;
use wasmtime_wasi::WasiCtxBuilder;

use crate::scheduling::blocking::Blocking;
use grant::Granted;
use outbound::{Outbound, OutboundError};

pub use folders::Access;
pub use grant::Grant;
pub(crate) use grant::GrantStore;

/// The list of all grants: makes a field of [`Grants`] of each, and what is done with each in turn.
macro_rules! grants {
    ($($field:ident: $Type:ty,)+) => {
        /// What a guest is granted. The default grants nothing.
        #[derive(Default)]
        pub struct Grants {
            $(pub(crate) $field: $Type,)+
            /// Where files and names of other servers are waited for.
            pub(crate) blocking: Arc<Blocking>,
        }

        /// Every grant that there is.
        pub(crate) const ALL: &[Grant] = &[$(<$Type as Granted>::GRANT,)+];

        /// Links what guests call to use their grants, once the packages that they belong to are linked.
        pub(crate) fn link<T: GrantStore<Grants = Grants>>(
            linker: &mut Linker<T>,
            has_concurrency: bool,
        ) -> wasmtime::Result<()> {
            $(<$Type as Granted>::link(linker, has_concurrency)?;)+
            Ok(())
        }

        $(impl AsRef<$Type> for Grants {
            fn as_ref(&self) -> &$Type {
                &self.$field
            }
        })+

        impl Grants {
            /// Hands them to the WASI side of one instance. An error: a folder that is not there any more.
            pub(crate) fn prepare(&self, builder: &mut WasiCtxBuilder) -> wasmtime::Result<()> {
                let prepared = Ok(());
                $(let prepared = prepared.and(self.$field.prepare(builder));)+
                prepared
            }

            /// What is granted, with its kind, in words.
            fn describe(&self) -> impl Iterator<Item = (&'static str, String)> {
                let all = [$((<$Type as Granted>::GRANT.name, self.$field.describe()),)+];
                all.into_iter().filter_map(|(name, granted)| Some((name, granted?)))
            }
        }
    };
}

grants! {
    files: files::Files,
    folders: folders::Folders,
    environment: environment::Environment,
    config: config::Config,
    network: network::Network,
    outbound: outbound::OutboundHttp,
}

impl Grants {
    /// Lets the guest send the files of a folder, and of the folders in it, by `windhover:http/send-file`. It cannot
    /// reach outside of it, not even by a symbolic link. An error: there is no such folder.
    pub fn files(mut self, folder: &Path) -> io::Result<Self> {
        self.files = files::Files::open(folder)?;
        Ok(self)
    }

    /// Gives the guest an environment variable (`wasi:cli/environment`). The last of one name stands.
    pub fn variable(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.environment.insert(name.into(), value.into());
        self
    }

    /// Gives the guest a value that it asks for by name (`wasi:config/store`).
    pub fn config(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.config.insert(key.into(), value.into());
        self
    }

    /// Lets the guest use a folder, and the folders in it, at `path` (`wasi:filesystem`, preopened). It cannot reach
    /// outside of it, not even by a symbolic link. An error: there is no such folder now. Each instance opens it again, so
    /// one that takes its place is used from then on.
    pub fn folder(mut self, path: impl Into<String>, folder: &Path, access: Access) -> io::Result<Self> {
        self.folders.add(path.into(), folder, access)?;
        Ok(self)
    }

    /// Lets the guest send requests to other servers (`wasi:http/outgoing-handler`, and `wasi:http/client` of 0.3). An
    /// error: the authorities are none.
    pub fn outbound(mut self, outbound: Outbound) -> Result<Self, OutboundError> {
        self.outbound = outbound::OutboundHttp::open(outbound, &self.blocking)?;
        Ok(self)
    }

    /// Where guests are to be polled, because they may block. `None`: they do not block.
    pub(crate) fn blocking_guests(&self) -> Option<Arc<Blocking>> {
        self.folders.may_block().then(|| Arc::clone(&self.blocking))
    }
}

/// Without the values, which may be secret.
impl fmt::Debug for Grants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.describe()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_never_shown() {
        let grants = Grants::default().variable("PASSWORD", "open sesame").config("token", "open sesame");
        let shown = format!("{grants:?}");
        assert!(shown.contains("PASSWORD") && !shown.contains("sesame"), "{shown}");
    }

    #[test]
    fn a_folder_that_does_not_exist_is_refused() {
        let error = Grants::default().folder("/data", Path::new("/no/such"), Access::Read).expect_err("there is none");
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
