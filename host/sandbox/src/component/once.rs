//! Finds out from the binary whether the engine of a component answers only once, so that its instances cannot be
//! reused. StarlingMonkey does, which componentize-js and others embed, if it answers by the `fetch` event: at the
//! second call it returns without an answer.

use wasmparser::{BinaryReaderError, Parser, Payload};

use super::Outline;

/// Whether an instance of it answers once. What is malformed does not: compiling it says what is wrong.
pub(crate) fn answers_once(binary: &[u8], outline: &Outline) -> bool {
    // The engine has its handler in every app, also where the component has another.
    let is_called = outline.exports.iter().any(|name| name.starts_with(HANDLER));
    is_called && exports_of_a_module(binary, has_fetch_event).unwrap_or(false)
}

/// Whether its engine keeps a resource for each piece of content that it reads: StarlingMonkey does, for 8 KiB each.
pub(crate) fn keeps_resources(binary: &[u8], outline: &Outline) -> bool {
    let has_content = outline.imports.iter().any(|name| name.starts_with(TYPES));
    has_content && exports_of_a_module(binary, |exports| exports.contains(&SNAPSHOT)).unwrap_or(false)
}

/// Whether this is so of what one of its modules exports.
fn exports_of_a_module(binary: &[u8], is_so: impl Fn(&[&str]) -> bool) -> Result<bool, BinaryReaderError> {
    for payload in Parser::new(0).parse_all(binary) {
        let Payload::ExportSection(exports) = payload? else { continue };
        let names =
            exports.into_iter().map(|export| Ok(export?.name)).collect::<Result<Vec<_>, BinaryReaderError>>()?;
        if is_so(&names) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The engine's own handler, which fires the event, is there always. One of the app takes its place with a function
/// that is called behind it.
fn has_fetch_event(exports: &[&str]) -> bool {
    let handler = exports.iter().find(|name| name.starts_with(HANDLER) && name.ends_with("#handle"));
    let Some(handler) = handler else { return false };
    exports.contains(&SNAPSHOT) && !exports.iter().any(|name| name.strip_prefix("cabi_post_") == Some(*handler))
}

const HANDLER: &str = "wasi:http/incoming-handler@";

/// Where it reads content from.
const TYPES: &str = "wasi:http/types@0.2.";

/// What the tool calls that runs the engine's start ahead.
const SNAPSHOT: &str = "wizer.resume";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_is_told_by_what_its_module_exports() {
        let exporting = |names: &[&str]| {
            let exports: String = names.iter().map(|name| format!("(export \"{name}\" (func 0))")).collect();
            let text = format!("(component (core module (func) {exports}))");
            let binary = wat::parse_str(text).expect("it is well formed");
            let imports = vec!["wasi:http/types@0.2.10".to_owned()];
            let of = |handler: &str| Outline { imports: imports.clone(), exports: vec![handler.to_owned()] };
            assert!(!answers_once(&binary, &of("handle")), "another handler is called");
            assert_eq!(keeps_resources(&binary, &of("handle")), names.contains(&"wizer.resume"));
            assert!(!keeps_resources(&binary, &Outline { imports: Vec::new(), exports: Vec::new() }));
            answers_once(&binary, &of("wasi:http/incoming-handler@0.2.10"))
        };
        let handler = "wasi:http/incoming-handler@0.2.10#handle";
        assert!(exporting(&["wizer.resume", handler]));
        assert!(!exporting(&["wizer.resume", handler, "cabi_post_wasi:http/incoming-handler@0.2.10#handle"]));
        assert!(!exporting(&[handler]));
        assert!(!exporting(&["wizer.resume", "handle"]));
        let outline = Outline { imports: Vec::new(), exports: vec!["wasi:http/incoming-handler@0.2.10".to_owned()] };
        assert!(!answers_once(b"no component", &outline));
    }
}
