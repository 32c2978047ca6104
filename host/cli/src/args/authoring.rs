//! The commands of those who write apps: from an empty folder to where the time goes.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use super::word::word;
use super::{GuestLog, Level};

/// `windhover new`.
#[derive(Debug, Parser)]
pub struct New {
    /// The folder to make; its name is the app's
    #[arg(value_name = "NAME")]
    pub folder: PathBuf,

    /// The language that the app is written in
    #[arg(long = "lang", value_name = "LANGUAGE", value_enum)]
    pub language: Language,

    /// What it is written for: Windhover's own world, with all features, or the standard that other servers run too
    #[arg(long, value_name = "KIND", value_enum, default_value_t = Kind::Application)]
    pub kind: Kind,
}

/// The languages that an app can be begun in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Language {
    /// C, by clang and wasi-libc
    C,
    /// C++, by clang and libc++
    Cpp,
    /// Go, by its own compiler
    Go,
    /// JavaScript, in the engine StarlingMonkey; for wasi-http-p3 in QuickJS
    #[value(alias = "javascript")]
    Js,
    /// Python, in CPython
    Python,
    /// Rust
    Rust,
    /// TypeScript, in the engine StarlingMonkey
    #[value(alias = "typescript")]
    Ts,
    /// Zig
    Zig,
}

/// What an app is written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// windhover:http/application
    Application,
    /// wasi:http/proxy 0.2
    WasiHttp,
    /// wasi:http/service 0.3, whose handlers are async: in C, JavaScript, Python and Rust
    WasiHttpP3,
}

/// `windhover build`.
#[derive(Debug, Parser)]
pub struct Build {
    /// Build only this app
    #[arg(value_name = "NAME")]
    pub app: Option<String>,

    /// The configuration file
    #[arg(long, env = "WINDHOVER_CONFIG", value_name = "FILE", default_value = "windhover.toml")]
    pub config: PathBuf,
}

/// `windhover dev`.
#[derive(Debug, Parser)]
pub struct Dev {
    /// The configuration file
    #[arg(long, env = "WINDHOVER_CONFIG", value_name = "FILE", default_value = "windhover.toml")]
    pub config: PathBuf,

    /// Where to listen, as for `serve` [default: as the configuration file says, or http://127.0.0.1:8080]
    #[arg(long = "url", env = "WINDHOVER_URL", value_name = "URL", value_delimiter = ',')]
    pub urls: Vec<String>,

    /// Show it in a browser
    #[arg(long)]
    pub open: bool,

    /// What to log to standard error [default: info]
    #[arg(long, env = "WINDHOVER_LOG", value_name = "LEVEL", value_parser = word::<Level>())]
    pub log: Option<Level>,

    /// Which output of apps is logged [default: all if --log is info or says more, else off]
    #[arg(long, env = "WINDHOVER_GUEST_LOG", value_name = "WHICH", value_parser = word::<GuestLog>())]
    pub guest_log: Option<GuestLog>,

    /// Log each request when it has ended
    #[arg(long, env = "WINDHOVER_ACCESS_LOG")]
    pub access_log: bool,
}

/// `windhover test`.
#[derive(Debug, Parser)]
pub struct Test {
    /// Files of tests
    #[arg(value_name = "FILE", default_value = "tests.toml")]
    pub files: Vec<PathBuf>,

    /// The configuration file
    #[arg(long, env = "WINDHOVER_CONFIG", value_name = "FILE", default_value = "windhover.toml")]
    pub config: PathBuf,

    /// Write what came of it as JUnit's XML too, for build servers
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
}

/// `windhover profile`.
#[derive(Debug, Parser)]
pub struct Profile {
    /// The app: a .wasm component, or its text (.wat) [default: the apps of the configuration file]
    #[arg(value_name = "APP.wasm")]
    pub app: Option<PathBuf>,

    /// The configuration file, if no app is given
    #[arg(long, env = "WINDHOVER_CONFIG", value_name = "FILE", default_value = "windhover.toml")]
    pub config: PathBuf,

    /// What is asked: a path with its query
    #[arg(long, value_name = "PATH", default_value = "/")]
    pub path: String,

    /// By which method
    #[arg(long, value_name = "METHOD", default_value = "GET")]
    pub method: String,

    /// A file that is sent with it [default: no content]
    #[arg(long, value_name = "FILE")]
    pub content: Option<PathBuf>,

    /// How long
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = clap::value_parser!(u64).range(1..=120))]
    pub seconds: u64,

    /// The file to write
    #[arg(short, long, value_name = "FILE", default_value = "profile.json")]
    pub out: PathBuf,
}

/// `windhover bindings`.
#[derive(Debug, Parser)]
pub struct Bindings {
    /// The language that the bindings are for
    #[arg(value_name = "LANGUAGE", value_enum)]
    pub language: Language,

    /// The WIT: a file, or a folder with its dependencies in deps
    #[arg(long, value_name = "WIT", default_value = "wit")]
    pub wit: PathBuf,

    /// The world of that WIT [default: the only one]
    #[arg(long, value_name = "WORLD")]
    pub world: Option<String>,

    /// The folder to write to; files that are the same already are left alone
    #[arg(long, value_name = "FOLDER", default_value = "build/bindings")]
    pub out: PathBuf,
}
