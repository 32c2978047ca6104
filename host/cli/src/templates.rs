//! What `windhover new` writes: the examples that are templates, as they are in `guest-examples/`, embedded.

use crate::args::{Kind, Language};

/// An example.
pub(crate) struct Template {
    /// Its folder's name, which is also its app's.
    pub(crate) name: &'static str,
    /// Its files by their paths, with `/`.
    pub(crate) files: &'static [(&'static str, &'static [u8])],
}

/// The one of a language and a kind.
pub(crate) fn template(language: Language, kind: Kind) -> &'static Template {
    let name = match (language, kind) {
        (Language::C, Kind::Application) => "c-application",
        (Language::C, Kind::WasiHttp) => "c-wasi-http",
        (Language::Go, Kind::Application) => "go-application",
        (Language::Go, Kind::WasiHttp) => "go-wasi-http",
        (Language::Js, Kind::Application) => "js-application",
        (Language::Js, Kind::WasiHttp) => "js-wasi-http",
        (Language::Python, Kind::Application) => "python-application",
        (Language::Python, Kind::WasiHttp) => "python-wasi-http",
        (Language::Rust, Kind::Application) => "rust-application",
        (Language::Rust, Kind::WasiHttp) => "rust-wasi-http",
        (Language::Ts, Kind::Application) => "ts-application",
        (Language::Ts, Kind::WasiHttp) => "ts-wasi-http",
    };
    TEMPLATES.iter().find(|template| template.name == name).expect("the build script found it")
}

// `static TEMPLATES: &[Template]`, of the build script.
include!(concat!(env!("OUT_DIR"), "/templates.rs"));

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn each_language_has_a_template_of_each_kind() {
        for language in Language::value_variants() {
            for kind in Kind::value_variants() {
                let template = template(*language, *kind);
                for file in ["README.md", "tests.toml", "windhover.toml"] {
                    assert!(template.files.iter().any(|(path, _)| *path == file), "{}: {file}", template.name);
                }
            }
        }
    }
}
