//! What this machine has for each language that an app can be written in.

use clap::ValueEnum;

use super::finding::{Finding, State};
use crate::args::authoring::Language;
use crate::authoring::languages::found;

/// Which languages this machine can build apps of.
pub(super) fn languages() -> Vec<Finding> {
    let language = |language: &Language| {
        let (state, told) = match found(*language) {
            Ok(tools) => (State::Good, tools),
            Err(lack) => (State::None, lack),
        };
        Finding { state, about: name(*language), told, remedy: "" }
    };
    Language::value_variants().iter().map(language).collect()
}

fn name(language: Language) -> &'static str {
    match language {
        Language::C => "C",
        Language::Cpp => "C++",
        Language::Go => "Go",
        Language::Js => "JavaScript",
        Language::Python => "Python",
        Language::Rust => "Rust",
        Language::Ts => "TypeScript",
        Language::Zig => "Zig",
    }
}
