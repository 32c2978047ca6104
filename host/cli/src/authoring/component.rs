//! `windhover component`: makes a component from a core module.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use windhover_sandbox::inspect;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata, metadata};

use crate::args::authoring::Component;
use crate::authoring::wit;
use crate::output;
use windhover_server::say;

/// Makes the component, and replaces the file atomically if the component can be served.
pub(crate) fn component(args: &Component) -> anyhow::Result<ExitCode> {
    let core = &args.core;
    let mut module = module(core)?;
    match &args.wit {
        Some(wit) => embed(&mut module, wit, args.world.as_deref(), core)?,
        None => require_type(&module, core)?,
    }
    let component = encode(&module).with_context(|| format!("cannot make a component of {}", core.display()))?;
    let inspected = inspect(&component, core)?;
    let world = inspected.world_name().unwrap_or_else(|| "no world that is known".to_owned());
    if let Some(refusal) = inspected.refusal {
        bail!("{refusal}");
    }
    let out = args.out.clone().unwrap_or_else(|| core.with_extension("component.wasm"));
    output::write(&out, &component)?;
    say(&format!("Made {} of {}: {world}, {:.1} kB", out.display(), core.display(), component.len() as f64 / 1e3));
    Ok(ExitCode::SUCCESS)
}

/// Reads a core module, binary or text.
fn module(file: &Path) -> anyhow::Result<Vec<u8>> {
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let binary = match wat::parse_bytes(&bytes) {
        Ok(binary) => binary,
        Err(mut error) => {
            error.set_path(file);
            bail!("{} is neither WebAssembly nor its text: {error}", file.display());
        }
    };
    // After the magic: a version of two bytes, then the layer: 0 for a core module, 1 for a component.
    match binary.get(6..8) {
        Some([0, 0]) => Ok(binary.into_owned()),
        Some(_) if binary.starts_with(b"\0asm") => {
            bail!("{} is a component already; serve it as it is", file.display())
        }
        _ => bail!("{} is not WebAssembly: it does not begin with the bytes \\0asm and a version", file.display()),
    }
}

/// Adds the WIT that the module was written for to it.
fn embed(module: &mut Vec<u8>, wit: &Path, world: Option<&str>, core: &Path) -> anyhow::Result<()> {
    if has_type(module, core)? {
        bail!(
            "{} says itself what it was written for; leave --wit out, or build it without the bindings' object file",
            core.display()
        );
    }
    let (resolve, world) = wit::world(wit, world)?;
    embed_component_metadata(module, &resolve, world, StringEncoding::UTF8, false)
}

fn require_type(module: &[u8], core: &Path) -> anyhow::Result<()> {
    if !has_type(module, core)? {
        bail!(
            "{} does not say what it was written for.\nLink the object file that `wit-bindgen` writes beside its bindings, \
             or name the WIT and the world: --wit wit --world application",
            core.display()
        );
    }
    Ok(())
}

/// Whether the module contains the types of its imports and exports.
fn has_type(module: &[u8], core: &Path) -> anyhow::Result<bool> {
    let (without, _) = metadata::decode(module).with_context(|| format!("{} cannot be read", core.display()))?;
    Ok(without.is_some())
}

fn encode(module: &[u8]) -> anyhow::Result<Vec<u8>> {
    ComponentEncoder::default()
        .module(module)?
        .adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER)?
        .validate(true)
        .encode()
}
