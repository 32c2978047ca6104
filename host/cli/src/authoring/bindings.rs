//! `windhover bindings`: what an app's WIT is in its language.

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

/// Writes them. Files that are the same already are left as they are, so that what is built of them need not be built
/// anew.
pub(crate) fn bindings(args: &Bindings) -> anyhow::Result<ExitCode> {
    let (mut resolve, world) = wit::world(&args.wit, args.world.as_deref())?;
    let name = resolve.worlds[world].name.clone();
    let files = match args.language {
        Language::C | Language::Cpp | Language::Zig => {
            generate(wit_bindgen_c::Opts::default().build().as_mut(), &mut resolve, world, &args.wit)?
        }
        Language::Go => {
            // As it comes, whether gofmt is here or not: the same WIT gives the same files.
            let format = wit_bindgen_go::Format::False;
            let mut go = wit_bindgen_go::Opts { quiet: true, format, ..Default::default() }.build();
            let mut files = generate(go.as_mut(), &mut resolve, world, &args.wit)?;
            for (name, content) in GO_RUNTIME {
                files.push(name, content);
            }
            files
        }
        // For reading: `wit_bindgen::generate!` makes the same while an app is built.
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
    say(&format!("Bindings of {name}: {all} files in {}, {changed} of them new", args.out.display()));
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

/// Whether it was other than this.
fn write(file: &Path, content: &[u8]) -> anyhow::Result<bool> {
    if fs::read(file).is_ok_and(|old| old == content) {
        return Ok(false);
    }
    let folder = file.parent().unwrap_or(Path::new(""));
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    output::write(file, content)?;
    Ok(true)
}

/// What bindings for Go call: `go.bytecodealliance.org/pkg`, of the release of their generator.
const GO_RUNTIME: [(&str, &[u8]); 12] = [
    ("pkg/LICENSE", include_bytes!("../../go-runtime/LICENSE")),
    ("pkg/go.mod", include_bytes!("../../go-runtime/go.mod")),
    ("pkg/wit/async/async.go", include_bytes!("../../go-runtime/wit/async/async.go")),
    ("pkg/wit/async/empty.s", include_bytes!("../../go-runtime/wit/async/empty.s")),
    ("pkg/wit/runtime/empty.s", include_bytes!("../../go-runtime/wit/runtime/empty.s")),
    ("pkg/wit/runtime/runtime.go", include_bytes!("../../go-runtime/wit/runtime/runtime.go")),
    ("pkg/wit/types/future.go", include_bytes!("../../go-runtime/wit/types/future.go")),
    ("pkg/wit/types/option.go", include_bytes!("../../go-runtime/wit/types/option.go")),
    ("pkg/wit/types/result.go", include_bytes!("../../go-runtime/wit/types/result.go")),
    ("pkg/wit/types/stream.go", include_bytes!("../../go-runtime/wit/types/stream.go")),
    ("pkg/wit/types/tuple.go", include_bytes!("../../go-runtime/wit/types/tuple.go")),
    ("pkg/wit/types/unit.go", include_bytes!("../../go-runtime/wit/types/unit.go")),
];
