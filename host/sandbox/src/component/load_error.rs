//! Errors of loading. Each names the file, what is wrong with it, and what to do.

use std::io;
use std::path::PathBuf;

use crate::engine::config::EngineError;

/// Why a file cannot be served.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are what the messages show")]
pub enum LoadError {
    /// It cannot be read.
    #[error("cannot read {}: {reason}", file.display())]
    Unreadable { file: PathBuf, reason: io::Error },
    /// It is neither WebAssembly nor its text format.
    #[error("{} is not WebAssembly: {reason}.\nName a component: a .wasm file, or its text as .wat.", file.display())]
    NotWasm { file: PathBuf, reason: &'static str },
    /// It is text that does not parse.
    #[error("{} is not valid WebAssembly text: {reason}", file.display())]
    Text { file: PathBuf, reason: wat::Error },
    /// It is a core module.
    #[error(
        "{} is a core module, and a server runs components.\nBuild it for a component target (Rust: `cargo build \
         --target wasm32-wasip2`), or convert it with `windhover component`.",
        file.display()
    )]
    CoreModule { file: PathBuf },
    /// It is machine code that another program compiled, which cannot be checked.
    #[error(
        "{} is machine code of another program, which cannot be verified and so is not run.\nName the component that it \
         was compiled from, or the output of `windhover compile`.",
        file.display()
    )]
    Precompiled { file: PathBuf },
    /// It is not what `windhover compile` has written.
    #[error("{} is damaged: it is not what `windhover compile` wrote.\nCopy it or compile it again.", file.display())]
    Damaged { file: PathBuf },
    /// It cannot be compiled for this kind of machine.
    #[error(
        "cannot compile for {target:?}: {reason:#}.\nUse a target triple as Rust does: x86_64-unknown-linux-gnu, \
         aarch64-unknown-linux-gnu, aarch64-apple-darwin, x86_64-pc-windows-msvc."
    )]
    Target { target: String, reason: wasmtime::Error },
    /// It is malformed, or uses what the engine does not have.
    #[error("{} does not compile: {reason:#}", file.display())]
    Invalid { file: PathBuf, reason: wasmtime::Error },
    /// It needs concurrency, and the engine with it does not start.
    #[error("{} needs an engine with concurrency: {reason}", file.display())]
    NoEngine { file: PathBuf, reason: EngineError },
    /// It is nested more deeply than any toolchain nests.
    #[error("{} has more than 100 nested components; no compiler produces that.", file.display())]
    TooDeep { file: PathBuf },
    /// It is larger than an instance may be.
    #[error("{} has {what}.\n{remedy}", file.display())]
    TooLarge { file: PathBuf, what: String, remedy: String },
    /// It imports interfaces that the host does not have.
    #[error("{} imports interfaces that this host does not have:{}", file.display(), list(imports))]
    UnknownImports {
        file: PathBuf,
        /// Each name with what to do.
        imports: Vec<(String, &'static str)>,
    },
    /// It has no handler for requests.
    #[error("{} has no handler for requests; it exports {}.\n{hint}", file.display(), names(exports))]
    NoHandler { file: PathBuf, exports: Vec<String>, hint: &'static str },
    /// Its imports or exports have the right names but the wrong types.
    #[error("{} does not fit this host: {reason:#}", file.display())]
    DoesNotFit { file: PathBuf, reason: wasmtime::Error },
    /// The server lacks a feature that it needs.
    #[error(
        "{} needs the feature windhover:http/{feature}, which this server does not offer.\nServe it over HTTP: that \
         server offers every feature.",
        file.display()
    )]
    FeatureAbsent { file: PathBuf, feature: &'static str },
}

fn list(imports: &[(String, &'static str)]) -> String {
    imports.iter().map(|(name, remedy)| format!("\n  {name}: {remedy}")).collect()
}

/// Names in a sentence.
pub(crate) fn names(exports: &[String]) -> String {
    if exports.is_empty() { "nothing".to_owned() } else { exports.join(", ") }
}
