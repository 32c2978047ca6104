//! What a configuration grants an app, in words. Values are not shown.

use windhover_server::config::file::{Access, Grants, OutboundRule};

/// A line for each kind of thing that is granted.
pub(super) fn granted(grants: &Grants) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(folder) = &grants.files {
        lines.push(format!("files to send: {}", folder.display()));
    }
    let names = [
        ("environment variables", grants.environment.keys().collect::<Vec<_>>()),
        ("secrets, as environment variables", grants.secrets.keys().collect()),
        ("configuration values", grants.config.keys().collect()),
    ];
    for (kind, names) in names.into_iter().filter(|(_, names)| !names.is_empty()) {
        let names: Vec<&str> = names.into_iter().map(String::as_str).collect();
        lines.push(format!("{kind}: {}", names.join(", ")));
    }
    for (path, folder) in &grants.folders {
        let access = match folder.access {
            Access::Read => "to read",
            Access::ReadWrite => "to read and write",
        };
        lines.push(format!("folder {path}: {}, {access}", folder.path.display()));
    }
    lines.extend(grants.outbound.iter().map(outbound));
    lines
}

fn outbound(rule: &OutboundRule) -> String {
    let methods = if rule.methods.is_empty() { "every method".to_owned() } else { rule.methods.join(", ") };
    let private = if rule.private { ", also in private networks" } else { "" };
    format!("outbound HTTP: {}, {methods}{private}", rule.url)
}
