//! Which file of a crate refers to which, read from its source as text.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::graph::References;

/// What each file of the crate refers to of its others, by their modules' names.
pub(crate) fn references(src: &Path) -> References {
    let mut files = BTreeMap::new();
    read(src, &mut Vec::new(), &mut files);
    let uses: BTreeMap<_, _> = files.iter().map(|(module, text)| (module.clone(), Uses::of(text))).collect();
    let names = files.keys().cloned().collect();
    let krate = Crate { names, uses: &uses };
    let referred = |module: &Module, uses: &Uses| {
        let paths = uses.imports.iter().map(|import| &import.path).chain(&uses.paths);
        let modules = paths.filter_map(|path| krate.module_of(module, path, 0));
        let others = modules.filter(|other| other != module && !other.is_empty());
        others.map(|other| other.join("::")).collect::<BTreeSet<_>>()
    };
    let files = uses.iter().filter(|(module, _)| !module.is_empty());
    files.map(|(module, uses)| (module.join("::"), referred(module, uses))).collect()
}

/// The segments of a module's path. Empty: the crate's root.
type Module = Vec<String>;

/// Reads all files of production code below a folder.
fn read(folder: &Path, module: &mut Module, files: &mut BTreeMap<Module, String>) {
    for entry in fs::read_dir(folder).expect("the source is there") {
        let path = entry.expect("the folder can be read").path();
        let name = path.file_stem().and_then(|name| name.to_str()).expect("names are UTF-8").to_owned();
        let is_source = path.extension().is_some_and(|extension| extension == "rs");
        if name == "tests" || (is_source && name == "main") {
            continue;
        }
        let own = !matches!(name.as_str(), "lib" | "mod") || !is_source;
        module.extend(own.then_some(name));
        if path.is_dir() {
            read(&path, module, files);
        } else if is_source {
            files.insert(module.clone(), production(&fs::read_to_string(&path).expect("source is UTF-8")));
        }
        if own {
            module.pop();
        }
    }
}

/// The text without comments, and without the tests at its end.
fn production(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// What a file names.
struct Uses {
    imports: Vec<Import>,
    /// Paths elsewhere than in `use`.
    paths: Vec<Vec<String>>,
}

struct Import {
    path: Vec<String>,
    /// What it is called for others. `None`: it is for this file.
    passed_on: Option<String>,
}

impl Uses {
    fn of(text: &str) -> Self {
        let mut imports = Vec::new();
        let mut rest = String::new();
        for statement in text.split_inclusive(';') {
            match find_use(statement) {
                Some((at, tree)) => {
                    let is_public = is_public(&statement[..at]);
                    for (path, name) in expand(tree.trim().trim_end_matches(';')) {
                        imports.push(Import { path: segments(&path), passed_on: is_public.then_some(name) });
                    }
                    rest.push_str(&statement[..at]);
                }
                None => rest.push_str(statement),
            }
        }
        Self { imports, paths: paths(&rest) }
    }
}

/// Where `use` begins in a statement, and what follows it.
fn find_use(statement: &str) -> Option<(usize, &str)> {
    let begins = |at: &usize| statement[..*at].chars().next_back().is_none_or(char::is_whitespace);
    let at = statement.match_indices("use ").map(|(at, _)| at).filter(begins).last()?;
    Some((at, &statement[at + "use ".len()..]))
}

/// Whether what precedes `use` ends with `pub`, or `pub(…)`.
fn is_public(before: &str) -> bool {
    let before = before.trim_end();
    let before =
        before.strip_suffix(')').and_then(|within| within.rsplit_once('(')).map_or(before, |(before, _)| before);
    before.ends_with("pub")
}

/// Each path of a tree of `use`, with the name that it brings into scope.
fn expand(tree: &str) -> Vec<(String, String)> {
    let Some((prefix, rest)) = tree.split_once('{') else {
        let (path, name) = tree.split_once(" as ").unwrap_or((tree, tree.rsplit("::").next().unwrap_or(tree)));
        return vec![(path.trim().to_owned(), name.trim().to_owned())];
    };
    let within = rest.rsplit_once('}').map_or(rest, |(within, _)| within);
    let mut depth = 0;
    let branches = within.split(|character| {
        depth += i32::from(character == '{') - i32::from(character == '}');
        character == ',' && depth == 0
    });
    let branches = branches.map(str::trim).filter(|branch| !branch.is_empty());
    branches.flat_map(|branch| expand(&format!("{}{branch}", prefix.trim()))).collect()
}

/// Paths of at least two segments.
fn paths(text: &str) -> Vec<Vec<String>> {
    let words = text.split(|character: char| !(character.is_alphanumeric() || matches!(character, '_' | ':')));
    words.filter(|word| word.contains("::") && !word.starts_with(':')).map(segments).collect()
}

fn segments(path: &str) -> Vec<String> {
    path.split("::").map(|segment| segment.trim().to_owned()).filter(|segment| !segment.is_empty()).collect()
}

/// A crate's modules that are files.
struct Crate<'a> {
    names: BTreeSet<Module>,
    uses: &'a BTreeMap<Module, Uses>,
}

impl Crate<'_> {
    /// The file in which a path leads that `from` has. `None`: it leads elsewhere, or nowhere.
    fn module_of(&self, from: &Module, path: &[String], depth: usize) -> Option<Module> {
        let (first, mut rest) = path.split_first()?;
        let mut module = match first.as_str() {
            "crate" => Vec::new(),
            "self" => from.clone(),
            "super" => from[..from.len().checked_sub(1)?].to_vec(),
            _ if self.has(from, first) => [from.as_slice(), std::slice::from_ref(first)].concat(),
            _ => return None,
        };
        while let Some((next, more)) = rest.split_first() {
            if next == "super" {
                module.pop()?;
            } else if self.has(&module, next) {
                module.push(next.clone());
            } else {
                break;
            }
            rest = more;
        }
        // An item that the file only passes on is another's.
        if let Some(item) = rest.first().filter(|_| depth < MAX_DEPTH) {
            let passed_on = |import: &&Import| import.passed_on.as_ref() == Some(item);
            if let Some(import) = self.uses[&module].imports.iter().find(passed_on) {
                return self.module_of(&module, &import.path, depth + 1).or(Some(module));
            }
        }
        Some(module)
    }

    fn has(&self, module: &Module, child: &str) -> bool {
        self.names.contains(&[module.as_slice(), &[child.to_owned()]].concat())
    }
}

/// How often an item is passed on at most.
const MAX_DEPTH: usize = 8;

#[test]
fn what_a_file_names_is_read_from_its_text() {
    let text = "use std::fmt;\npub(crate) use self::a::{B, c::{D as E, self}};\n\n// crate::x::y\nfn f() { crate::g::h(super::i::j) }\n";
    let uses = Uses::of(&production(text));
    let imports: Vec<_> =
        uses.imports.iter().map(|import| (import.path.join("::"), import.passed_on.as_deref())).collect();
    let expected = [
        ("std::fmt", None),
        ("self::a::B", Some("B")),
        ("self::a::c::D", Some("E")),
        ("self::a::c::self", Some("self")),
    ];
    assert_eq!(imports, expected.map(|(path, name)| (path.to_owned(), name)));
    assert_eq!(uses.paths.iter().map(|path| path.join("::")).collect::<Vec<_>>(), ["crate::g::h", "super::i::j"]);
}
