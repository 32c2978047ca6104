//! Recognizes what a file is before it is compiled, so that common mistakes get a clear error.

use std::borrow::Cow;
use std::path::Path;

use super::LoadError;

/// The binary of a component; its text is turned into it.
pub(crate) fn binary<'a>(bytes: &'a [u8], file: &Path) -> Result<Cow<'a, [u8]>, LoadError> {
    let not_wasm = |reason| LoadError::NotWasm { file: file.into(), reason };
    let binary = if bytes.starts_with(MAGIC) {
        Cow::Borrowed(bytes)
    } else if bytes.starts_with(b"\x7fELF") {
        return match wasmtime::Engine::detect_precompiled(bytes) {
            Some(_) => Err(LoadError::Precompiled { file: file.into() }),
            None => Err(not_wasm("it is a native program")),
        };
    } else if bytes.is_empty() {
        return Err(not_wasm("it is empty"));
    } else if looks_like_text(bytes) {
        let mut error = match wat::parse_bytes(bytes) {
            Ok(binary) => return check_layer(binary, file),
            Err(error) => error,
        };
        error.set_path(file);
        return Err(LoadError::Text { file: file.into(), reason: error });
    } else {
        return Err(not_wasm("it does not begin with the bytes \\0asm"));
    };
    check_layer(binary, file)
}

fn check_layer<'a>(binary: Cow<'a, [u8]>, file: &Path) -> Result<Cow<'a, [u8]>, LoadError> {
    // After the magic: a version of two bytes, then the layer: 0 for a core module, 1 for a component.
    match binary.get(6..8) {
        Some([0, 0]) => Err(LoadError::CoreModule { file: file.into() }),
        Some(_) => Ok(binary),
        None => Err(LoadError::NotWasm { file: file.into(), reason: "it ends inside its first eight bytes" }),
    }
}

/// A text begins with a parenthesis, after white space and comments.
fn looks_like_text(bytes: &[u8]) -> bool {
    let begin = bytes.trim_ascii_start();
    begin.starts_with(b"(") || begin.starts_with(b";;")
}

const MAGIC: &[u8] = b"\0asm";
