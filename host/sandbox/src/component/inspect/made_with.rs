//! The language of a component and the tools that made it, as its sections state them, which is not binding. The engine
//! of a scripting language is itself a program in Rust or C++, so the outer component is asked before the inner ones.

mod sections;

use sections::{Producers, Sections};

/// What made a component, as far as it says.
#[derive(Clone, Debug, Default)]
pub struct MadeWith {
    /// The language of its author. `None`: not recognised.
    pub language: Option<String>,
    /// The tools, with versions: first the one that speaks that language.
    pub tools: Vec<String>,
}

/// The number of core modules in a valid component, and what made it.
pub(super) fn read(binary: &[u8]) -> (usize, MadeWith) {
    let sections = Sections::read(binary);
    (sections.modules, made_with(&sections))
}

fn made_with(sections: &Sections) -> MadeWith {
    let made = |language: &str, tool: Option<String>, producers: &[&Producers]| {
        let all = producers
            .iter()
            .flat_map(|producers| producers.tools.iter().map(|(name, version)| format!("{name} {version}")));
        let mut tools: Vec<String> = tool.into_iter().collect();
        for tool in all {
            let tool = tool.trim_end().to_owned();
            if !tools.contains(&tool) {
                tools.push(tool);
            }
        }
        MadeWith { language: (!language.is_empty()).then(|| language.to_owned()), tools }
    };
    let outside = &sections.outside;
    if let Some(language) = outside.languages.first() {
        return made(language, outside.tool("ComponentizeJS"), &[outside]);
    }
    // componentize-py links the interpreter as shared libraries, which keep their names.
    if let Some(version) = sections.names().find_map(|name| name.strip_prefix("libpython")) {
        let version = version.trim_end_matches(".so");
        let by = sections.names().any(|name| name.contains("componentize_py")).then(|| "componentize-py".to_owned());
        let mut made = made("Python", by, &[outside]);
        made.tools.push(format!("CPython {version}"));
        return made;
    }
    let Some(main) = sections.main() else { return made("", None, &[outside]) };
    for (language, shown, tool) in LANGUAGES {
        if main.producers.languages.iter().any(|its| is_language(its, language)) {
            return made(shown, main.producers.tool(tool), &[&main.producers, outside]);
        }
    }
    match main.producers.languages.first() {
        Some(other) => made(other, None, &[&main.producers, outside]),
        None if main.is_assembly_script => made("AssemblyScript", None, &[&main.producers, outside]),
        None => made("", None, &[&main.producers, outside]),
    }
}

/// `C11`, `C_plus_plus_14`: some have their edition behind their name.
fn is_language(written: &str, language: &str) -> bool {
    let edition = written.strip_prefix(language).map(|rest| rest.trim_start_matches('_'));
    edition.is_some_and(|edition| edition.chars().all(|char| char.is_ascii_digit()))
}

/// A language as producers write it, as people do, and the tool that speaks it. The first that is found counts:
/// libraries in C are part of most programs.
const LANGUAGES: [(&str, &str, &str); 5] = [
    ("Go", "Go", "Go cmd/compile"),
    ("Rust", "Rust", "rustc"),
    ("Zig", "Zig", "Zig"),
    ("C_plus_plus", "C++", "clang"),
    ("C", "C", "clang"),
];

#[cfg(test)]
mod tests {
    use super::sections::Module;
    use super::*;

    fn of(language: &[&str], tools: &[(&str, &str)]) -> Producers {
        let owned = |text: &&str| (*text).to_owned();
        let tools = tools.iter().map(|(name, version)| ((*name).to_owned(), (*version).to_owned()));
        Producers { languages: language.iter().map(owned).collect(), tools: tools.collect() }
    }

    fn shown(outside: Producers, main: Producers) -> (Option<String>, Option<String>) {
        let main = Module { producers: main, size: 1, is_assembly_script: false };
        let sections = Sections { modules: 1, outside, own_modules: vec![main], module_names: Vec::new() };
        let made = made_with(&sections);
        (made.language, made.tools.first().cloned())
    }

    #[test]
    fn libraries_in_c_do_not_make_a_rust_program_c() {
        let main = of(&["C11", "Rust"], &[("clang", "21.1.4"), ("rustc", "1.95.0")]);
        assert_eq!(shown(of(&[], &[]), main), (Some("Rust".into()), Some("rustc 1.95.0".into())));
        let main = of(&["C11", "C_plus_plus_14"], &[("clang", "19.1.7")]);
        assert_eq!(shown(of(&[], &[]), main), (Some("C++".into()), Some("clang 19.1.7".into())));
    }

    #[test]
    fn what_an_engine_is_written_in_is_not_what_its_app_is_written_in() {
        let outside = of(&["JavaScript"], &[("wit-component", "0.245.1"), ("ComponentizeJS", "0.23.0")]);
        let main = of(&["C11", "Rust", "C_plus_plus_14"], &[("rustc", "1.88.0")]);
        assert_eq!(shown(outside, main), (Some("JavaScript".into()), Some("ComponentizeJS 0.23.0".into())));
    }

    #[test]
    fn a_component_that_says_nothing_is_not_guessed() {
        assert_eq!(shown(of(&[], &[]), of(&[], &[])), (None, None));
    }
}
