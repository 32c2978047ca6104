//! `windhover bindings`: what an app's WIT is in its language, for languages whose compilers know nothing of it.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use wit_bindgen_core::{Files, WorldGenerator};

use crate::args::{Bindings, Language};
use crate::output;
use crate::serve::say;
use crate::wit;

/// Writes them. Files that are the same already are left as they are, so that what is built of them need not be built
/// anew.
pub(crate) fn bindings(args: &Bindings) -> anyhow::Result<ExitCode> {
    let mut generator = generator(args.language)?;
    let (mut resolve, world) = wit::world(&args.wit, args.world.as_deref())?;
    let mut files = Files::default();
    generator
        .generate(&mut resolve, world, &mut files)
        .with_context(|| format!("cannot make bindings of {}", args.wit.display()))?;
    if args.language == Language::Go {
        for (name, content) in GO_RUNTIME {
            files.push(name, content);
        }
    }
    let (mut changed, mut all) = (0, 0);
    for (name, content) in files.iter() {
        all += 1;
        changed += usize::from(write(&args.out.join(name), content)?);
    }
    let world = &resolve.worlds[world].name;
    say(&format!("Bindings of {world}: {all} files in {}, {changed} of them new", args.out.display()));
    Ok(ExitCode::SUCCESS)
}

fn generator(language: Language) -> anyhow::Result<Box<dyn WorldGenerator>> {
    Ok(match language {
        Language::C | Language::Cpp | Language::Zig => wit_bindgen_c::Opts::default().build(),
        Language::Go => {
            // As it comes, whether gofmt is here or not: the same WIT gives the same files.
            wit_bindgen_go::Opts { quiet: true, format: wit_bindgen_go::Format::False, ..Default::default() }.build()
        }
        Language::Rust => {
            bail!("Rust makes its bindings while it builds: wit_bindgen::generate!({{ path: \"wit\" }})")
        }
        Language::Js | Language::Ts => bail!(
            "JavaScript needs no bindings; types for TypeScript are written by jco, which npm has:\n\
             npx --package @bytecodealliance/jco jco guest-types wit --out-dir build/types"
        ),
        Language::Python => bail!(
            "Python makes its bindings while it builds; for an editor they are written by componentize-py, which pip has:\n\
             componentize-py --wit-path wit --world app bindings build/bindings"
        ),
    })
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
    ("pkg/LICENSE", include_bytes!("../go-runtime/LICENSE")),
    ("pkg/go.mod", include_bytes!("../go-runtime/go.mod")),
    ("pkg/wit/async/async.go", include_bytes!("../go-runtime/wit/async/async.go")),
    ("pkg/wit/async/empty.s", include_bytes!("../go-runtime/wit/async/empty.s")),
    ("pkg/wit/runtime/empty.s", include_bytes!("../go-runtime/wit/runtime/empty.s")),
    ("pkg/wit/runtime/runtime.go", include_bytes!("../go-runtime/wit/runtime/runtime.go")),
    ("pkg/wit/types/future.go", include_bytes!("../go-runtime/wit/types/future.go")),
    ("pkg/wit/types/option.go", include_bytes!("../go-runtime/wit/types/option.go")),
    ("pkg/wit/types/result.go", include_bytes!("../go-runtime/wit/types/result.go")),
    ("pkg/wit/types/stream.go", include_bytes!("../go-runtime/wit/types/stream.go")),
    ("pkg/wit/types/tuple.go", include_bytes!("../go-runtime/wit/types/tuple.go")),
    ("pkg/wit/types/unit.go", include_bytes!("../go-runtime/wit/types/unit.go")),
];
