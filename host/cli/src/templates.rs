//! What `windhover new` writes: the examples that are templates, as they are in `guest-examples/`, embedded.

use clap::ValueEnum;
use clap::builder::PossibleValue;

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
    let value = |value: Option<PossibleValue>| value.expect("each has a name").get_name().to_owned();
    let name = format!("{}-{}", value(language.to_possible_value()), value(kind.to_possible_value()));
    TEMPLATES.iter().find(|template| template.name == name).expect("each has its folder in guest-examples")
}

// `static TEMPLATES: &[Template]`, of the build script.
include!(concat!(env!("OUT_DIR"), "/templates.rs"));

#[cfg(test)]
mod tests {
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
