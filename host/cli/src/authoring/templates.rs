//! What `windhover new` writes: the examples that are templates, as they are in `guest-examples/`, embedded.

use clap::ValueEnum;
use clap::builder::PossibleValue;

use crate::args::authoring::{Kind, Language};

/// An example.
pub(crate) struct Template {
    /// Its folder's name, which is also its app's.
    pub(crate) name: &'static str,
    /// Its files by their paths, with `/`.
    pub(crate) files: &'static [(&'static str, &'static [u8])],
}

/// The one of a language and a kind. `None`: the language's tools cannot make apps of this kind.
pub(crate) fn template(language: Language, kind: Kind) -> Option<&'static Template> {
    let value = |value: Option<PossibleValue>| value.expect("each has a name").get_name().to_owned();
    let name = format!("{}-{}", value(language.to_possible_value()), value(kind.to_possible_value()));
    TEMPLATES.iter().find(|template| template.name == name)
}

/// The kinds that there are in a language.
pub(crate) fn kinds(language: Language) -> Vec<String> {
    let kinds = Kind::value_variants().iter().filter(|kind| template(language, **kind).is_some());
    kinds.filter_map(|kind| Some(kind.to_possible_value()?.get_name().to_owned())).collect()
}

// `static TEMPLATES: &[Template]`, of the build script.
include!(concat!(env!("OUT_DIR"), "/templates.rs"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_language_has_a_template_of_each_kind_that_its_tools_can_make() {
        for language in Language::value_variants() {
            for kind in Kind::value_variants() {
                let template = template(*language, *kind);
                let may_lack = *kind == Kind::WasiHttpP3
                    && matches!(language, Language::Cpp | Language::Go | Language::Ts | Language::Zig);
                assert_eq!(template.is_none(), may_lack, "{language:?} {kind:?}");
                let Some(template) = template else { continue };
                for file in ["README.md", "tests.toml", "windhover.toml"] {
                    assert!(template.files.iter().any(|(path, _)| *path == file), "{}: {file}", template.name);
                }
            }
        }
    }
}
