//! Which grants a component may want, judged by its imports. Only *may*: the runtimes of most languages import files,
//! variables and more whether the app uses them or not.

/// Something that a guest has only if it is granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// Files to send, by `windhover:http/send-file`.
    FilesToSend,
    /// Folders, by `wasi:filesystem`.
    Folders,
    /// Environment variables and arguments, by `wasi:cli/environment`.
    Environment,
    /// Values by name, by `wasi:config`.
    Configuration,
    /// The network, by `wasi:sockets`.
    Network,
    /// Requests to other servers, by `wasi:http`.
    OutboundHttp,
}

/// A grant, and why a component may want it.
#[derive(Debug)]
pub struct Want {
    /// What it may want.
    pub grant: Grant,
    /// The imports that say so.
    pub imports: Vec<String>,
}

impl Grant {
    const ALL: [Self; 6] =
        [Self::FilesToSend, Self::Folders, Self::Environment, Self::Configuration, Self::Network, Self::OutboundHttp];

    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::FilesToSend => "files to send",
            Self::Folders => "folders",
            Self::Environment => "environment variables",
            Self::Configuration => "configuration values",
            Self::Network => "network",
            Self::OutboundHttp => "outbound HTTP",
        }
    }

    /// What gives it to a guest: a flag of `windhover serve`, or a key of `[apps.NAME.grants]` in its configuration file.
    /// `None`: nothing does; the guest finds it empty or denied.
    pub fn option(self) -> Option<&'static str> {
        match self {
            Self::FilesToSend => Some("--files FOLDER"),
            Self::Folders => Some("grants.folders"),
            Self::Environment => Some("grants.environment"),
            Self::Configuration => Some("grants.config"),
            Self::OutboundHttp => Some("grants.outbound"),
            Self::Network => None,
        }
    }

    fn is_wanted_by(self, import: &str) -> bool {
        let (interface, _) = import.split_once('@').unwrap_or((import, ""));
        match self {
            Self::FilesToSend => interface == "windhover:http/send-file",
            Self::Folders => interface.starts_with("wasi:filesystem/"),
            Self::Environment => interface == "wasi:cli/environment",
            Self::Configuration => interface == "wasi:config/store",
            Self::Network => interface.starts_with("wasi:sockets/"),
            Self::OutboundHttp => matches!(interface, "wasi:http/outgoing-handler" | "wasi:http/client"),
        }
    }
}

/// What a component with these imports may want.
pub(super) fn wants(imports: &[String]) -> Vec<Want> {
    let want = |grant: Grant| Want {
        grant,
        imports: imports.iter().filter(|import| grant.is_wanted_by(import)).cloned().collect(),
    };
    Grant::ALL.into_iter().map(want).filter(|want| !want.imports.is_empty()).collect()
}
