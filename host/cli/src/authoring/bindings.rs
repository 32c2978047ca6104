//! `windhover bindings`: generates the bindings of an app, which are its WIT in its language.

mod tool;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use wit_bindgen_core::{Files, WorldGenerator};
use wit_parser::{Resolve, WorldId};

use crate::args::authoring::{Bindings, Language};
use crate::authoring::wit;
use crate::output;
use windhover_server::say;

/// Writes the bindings. Unchanged files are not written, so that builds do not compile them again.
pub(crate) fn bindings(args: &Bindings) -> anyhow::Result<ExitCode> {
    let (mut resolve, world) = wit::world(&args.wit, args.world.as_deref())?;
    let name = resolve.worlds[world].name.clone();
    let files = match args.language {
        Language::C | Language::Cpp | Language::Zig => {
            generate(wit_bindgen_c::Opts::default().build().as_mut(), &mut resolve, world, &args.wit)?
        }
        Language::Go => {
            // Not formatted, whether gofmt is installed or not, so that the same WIT gives the same files.
            let format = wit_bindgen_go::Format::False;
            let mut go = wit_bindgen_go::Opts { quiet: true, format, ..Default::default() }.build();
            let mut files = generate(go.as_mut(), &mut resolve, world, &args.wit)?;
            for (name, content) in GO_MODULE {
                files.push(&format!("pkg/{name}"), content);
            }
            files
        }
        // For reading: `wit_bindgen::generate!` generates the same in the build of an app.
        Language::Rust => {
            let mut rust = wit_bindgen_rust::Opts { format: true, generate_all: true, ..Default::default() }.build();
            generate(&mut rust, &mut resolve, world, &args.wit)?
        }
        Language::Js | Language::Ts => tool::JCO.files(&args.wit, &name)?,
        Language::Python => tool::COMPONENTIZE_PY.files(&args.wit, &name)?,
    };
    let (mut changed, mut all) = (0, 0);
    for (name, content) in files.iter() {
        all += 1;
        changed += usize::from(write(&args.out.join(name), content)?);
    }
    say(&format!("Bindings of {name}: {all} files in {}, {changed} of them changed", args.out.display()));
    Ok(ExitCode::SUCCESS)
}

fn generate(
    generator: &mut dyn WorldGenerator,
    resolve: &mut Resolve,
    world: WorldId,
    wit: &Path,
) -> anyhow::Result<Files> {
    let mut files = Files::default();
    let made = generator.generate(resolve, world, &mut files);
    made.with_context(|| format!("cannot make bindings of {}", wit.display()))?;
    Ok(files)
}

/// Whether the content was another.
fn write(file: &Path, content: &[u8]) -> anyhow::Result<bool> {
    if fs::read(file).is_ok_and(|old| old == content) {
        return Ok(false);
    }
    let folder = file.parent().unwrap_or(Path::new(""));
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    output::write(file, content)?;
    Ok(true)
}

// `static GO_MODULE: &[(&str, &[u8])]`: `go.bytecodealliance.org/pkg`, which bindings for Go call. It is written beside
// them, so that an app builds without a module proxy.
include!(concat!(env!("OUT_DIR"), "/go_module.rs"));
