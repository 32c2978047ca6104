//! The world that a component was written for: how its handler is called. Its exports show it, so no flag is needed.

use std::fmt;

use super::Wasi;

/// The world that a component was written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum World {
    /// It exports `handle`, as the world `application` of `wit/` asks.
    Application,
    /// It exports `wasi:http/incoming-handler` 0.2, as the standard world `wasi:http/proxy` asks.
    WasiHttp,
    /// It exports `wasi:http/handler` 0.3, as the standard world `wasi:http/service` asks.
    WasiHttp3,
}

impl World {
    const ALL: [Self; 3] = [Self::Application, Self::WasiHttp, Self::WasiHttp3];

    /// `None`: there is no handler. Other exports are fine: some toolchains add their own.
    pub(crate) fn of(exports: &[String]) -> Option<Self> {
        Self::ALL.into_iter().find(|world| world.handler(exports).is_some())
    }

    /// The export that is called for each request.
    pub(crate) fn handler(self, exports: &[String]) -> Option<&str> {
        exports.iter().map(String::as_str).find(|name| match self {
            Self::Application => *name == "handle",
            Self::WasiHttp => name.strip_prefix("wasi:http/incoming-handler@").and_then(Wasi::of) == Some(Wasi::V0_2),
            Self::WasiHttp3 => name.strip_prefix("wasi:http/handler@").and_then(Wasi::of) == Some(Wasi::V0_3),
        })
    }

    /// The import by which a middleware of this world calls the next handler.
    pub(crate) fn next(self, imports: &[String]) -> Option<&str> {
        match self {
            Self::Application => imports.iter().map(String::as_str).find(|name| *name == "next"),
            Self::WasiHttp | Self::WasiHttp3 => self.handler(imports),
        }
    }
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Application => "windhover:http/application 0.1",
            Self::WasiHttp => "wasi:http/proxy 0.2",
            Self::WasiHttp3 => "wasi:http/service 0.3",
        })
    }
}
