//! The imports of a component: which of them are features, and which of them the host lacks.

use std::path::Path;

use windhover_contract::Feature;

use super::{LoadError, Wasi};
use crate::grants::config;

/// The imports of one component.
pub(crate) struct Imports {
    /// The features it needs.
    pub(super) features: Vec<Feature>,
    /// Whether it asks for facts or powers of the exchange that it is in: of any interface of `wit/`.
    pub(super) has_current_exchange: bool,
    unknown: Vec<(String, &'static str)>,
}

impl Imports {
    pub(super) fn read<'a>(names: impl IntoIterator<Item = &'a String>) -> Self {
        let mut imports = Self { features: Vec::new(), has_current_exchange: false, unknown: Vec::new() };
        for name in names {
            if let Err(remedy) = imports.add(name) {
                imports.unknown.push((name.clone(), remedy));
            }
        }
        imports
    }

    pub(super) fn check(&self, file: &Path) -> Result<(), LoadError> {
        if self.unknown.is_empty() {
            return Ok(());
        }
        Err(LoadError::UnknownImports { file: file.into(), imports: self.unknown.clone() })
    }

    /// `Err`: the host does not have it, and what to do about it.
    fn add(&mut self, import: &str) -> Result<(), &'static str> {
        let (package, rest) = import.split_once('/').unwrap_or((import, ""));
        let (interface, version) = rest.split_once('@').unwrap_or((rest, ""));
        let wasi = Wasi::of(version);
        self.has_current_exchange |= package == "windhover:http";
        match (package, interface) {
            ("windhover:http", _) if !is_served(version) => {
                Err("this version of Windhover has windhover:http 0.1.0; build the guest with its wit/ folder")
            }
            // Every server has these.
            ("windhover:http", "request" | "response" | "send-file" | "telemetry") => Ok(()),
            ("windhover:http", feature) => match Feature::from_name(feature) {
                Some(feature) => {
                    self.features.push(feature);
                    Ok(())
                }
                None => Err("this version of Windhover does not have this feature; a newer one may"),
            },
            ("next", "") | ("wasi:http", "incoming-handler" | "handler") => Err(MIDDLEWARE),
            (package, _)
                if package.starts_with("wasi:") && Wasi::is_draft(version) && !config::is_linked(package, version) =>
            {
                Err(DRAFT_OF_WASI)
            }
            ("wasi:http", "types" | "outgoing-handler") if wasi == Some(Wasi::V0_2) => Ok(()),
            ("wasi:http", "types" | "client") if wasi == Some(Wasi::V0_3) => Ok(()),
            // A draft that all hosts have as it is.
            (package, "store") if config::is_linked(package, version) => Ok(()),
            ("wasi:io", _) if wasi == Some(Wasi::V0_3) => {
                Err("WASI 0.3 has no wasi:io; build the guest again, without it")
            }
            (package, _) if LINKED_WASI.contains(&package) && wasi.is_some() => Ok(()),
            ("wasi_snapshot_preview1", _) => {
                Err("the guest is built for WASI preview 1; add the preview 1 adapter when you make the component")
            }
            ("wasi:http", "types" | "outgoing-handler" | "client") => Err(OTHER_WASI),
            (package, _) if LINKED_WASI.contains(&package) => Err(OTHER_WASI),
            (package, _) if package.starts_with("wasi:") => Err("Windhover does not offer this part of WASI"),
            _ => Err("compose the guest with a component that exports it (`wac plug`), or remove the import"),
        }
    }
}

/// The version of `wit/`. Its patches only add, so components that were built for an earlier patch fit.
const PATCH: u32 = 0;

fn is_served(version: &str) -> bool {
    let patch = version.strip_prefix("0.1.").and_then(|patch| patch.parse::<u32>().ok());
    patch.is_some_and(|patch| (0..=PATCH).contains(&patch))
}

/// The packages that `wasi::add_to_linker` and `wasi::p3::add_to_linker` link completely.
const LINKED_WASI: [&str; 6] = ["wasi:cli", "wasi:clocks", "wasi:filesystem", "wasi:io", "wasi:random", "wasi:sockets"];

const OTHER_WASI: &str = "this version of Windhover has WASI 0.2 and 0.3; build the guest for one of them";

const DRAFT_OF_WASI: &str = "it belongs to a draft, which differs from WASI 0.2 and 0.3; build the guest again, with \
                             tools that have the release";

/// The import of a middleware that calls the next handler.
const MIDDLEWARE: &str = "the component is middleware; serve an app, and name this file with --middleware";
