//! Reads the sections that state what made a component (producers and names), and counts the core modules. A section
//! that cannot be read is ignored, because it does not change what the component does.

use wasmparser::{ComponentName, CustomSectionReader, KnownCustom, Parser, Payload};

/// What the sections say.
#[derive(Default)]
pub(super) struct Sections {
    /// All core modules, also those of inner components.
    pub(super) modules: usize,
    /// What the component says of itself.
    pub(super) outside: Producers,
    /// Its own core modules, in order.
    pub(super) own_modules: Vec<Module>,
    /// Their names: a place among them, and the name.
    pub(super) module_names: Vec<(usize, String)>,
}

/// A core module.
#[derive(Default)]
pub(super) struct Module {
    pub(super) producers: Producers,
    pub(super) size: usize,
    /// Its data names the library of AssemblyScript, which writes no producers.
    pub(super) is_assembly_script: bool,
}

/// A producers section.
#[derive(Default)]
pub(super) struct Producers {
    pub(super) languages: Vec<String>,
    /// Name and version.
    pub(super) tools: Vec<(String, String)>,
}

impl Sections {
    pub(super) fn read(binary: &[u8]) -> Self {
        let mut sections = Self::default();
        let mut inside = Vec::new(); // for each level, whether it is a core module of the component's own
        for payload in Parser::new(0).parse_all(binary).map_while(Result::ok) {
            match payload {
                Payload::ModuleSection { unchecked_range, .. } => {
                    sections.modules += 1;
                    inside.push(inside.is_empty());
                    if inside.len() == 1 {
                        sections.own_modules.push(Module { size: unchecked_range.len(), ..Module::default() });
                    }
                }
                Payload::ComponentSection { .. } => inside.push(false),
                Payload::End(_) => drop(inside.pop()),
                Payload::CustomSection(section) if inside.is_empty() => sections.outside(&section),
                Payload::CustomSection(section) if inside == [true] => {
                    if let Some(module) = sections.own_modules.last_mut() {
                        module.producers.add(&section);
                    }
                }
                Payload::DataSection(data) if inside == [true] => {
                    if let Some(module) = sections.own_modules.last_mut() {
                        let range = data.range();
                        let data = binary.get(range.start..range.end).unwrap_or_default();
                        module.is_assembly_script = data.windows(ASSEMBLY_SCRIPT.len()).any(|at| at == ASSEMBLY_SCRIPT);
                    }
                }
                _ => {}
            }
        }
        sections
    }

    fn outside(&mut self, section: &CustomSectionReader<'_>) {
        self.outside.add(section);
        if let KnownCustom::ComponentName(names) = section.as_known() {
            for names in names.into_iter().map_while(Result::ok) {
                let ComponentName::CoreModules(names) = names else { continue };
                let names = names.into_iter().map_while(Result::ok);
                self.module_names.extend(names.map(|name| (name.index as usize, name.name.to_owned())));
            }
        }
    }

    /// The names of its own core modules.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.module_names.iter().map(|(_, name)| name.as_str())
    }

    /// The core module that is the program: toolchains call it `main`; else the largest. The others are adapters.
    pub(super) fn main(&self) -> Option<&Module> {
        let main = self.module_names.iter().find(|(_, name)| name == "main");
        let main = main.and_then(|(at, _)| self.own_modules.get(*at));
        main.or_else(|| self.own_modules.iter().max_by_key(|module| module.size))
    }
}

impl Producers {
    fn add(&mut self, section: &CustomSectionReader<'_>) {
        let KnownCustom::Producers(fields) = section.as_known() else { return };
        for field in fields.into_iter().map_while(Result::ok) {
            for value in field.values.into_iter().map_while(Result::ok) {
                if field.name == "language" {
                    self.languages.push(printable(value.name));
                } else {
                    // `1.95.0 (59807616e 2026-04-14)`: the first word is enough.
                    let version = value.version.split_whitespace().next().unwrap_or_default();
                    self.tools.push((printable(value.name), printable(version)));
                }
            }
        }
    }

    /// A tool with its version.
    pub(super) fn tool(&self, wanted: &str) -> Option<String> {
        let (name, version) = self.tools.iter().find(|(name, _)| name == wanted)?;
        Some(format!("{name} {version}").trim_end().to_owned())
    }
}

/// What comes from a file goes to a terminal: no control characters, and not without end.
fn printable(text: &str) -> String {
    text.chars().filter(|char| !char.is_control()).take(80).collect()
}

/// `~lib/` in UTF-16: the file names in its messages of failed assertions begin so.
const ASSEMBLY_SCRIPT: &[u8] = b"~\0l\0i\0b\0/\0";
