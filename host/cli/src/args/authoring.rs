//! The arguments of the commands for authors of apps.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

use super::settings::{Settings, Takes};

/// What authors of apps use.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create an app in a new folder
    ///
    /// Writes source, the WIT that it was written for, tests, and windhover.toml, which says how it is built and
    /// served; then lists the tools of the language that this machine lacks. Needs no network, and overwrites nothing.
    New(New),
    /// Build the apps of a configuration file
    ///
    /// Runs apps.NAME.build.commands in the folder of the file, one after the other, then checks the result. The exit
    /// code is 0 if every app can be served, else 1.
    Build(Build),
    /// Build and serve the apps of a configuration file, and build again whenever a source changes
    ///
    /// The last good version serves. If a build fails, the browser and the terminal show the output of its commands.
    /// Pages reload by themselves. Ctrl-C ends the server and a running build.
    Dev(Dev),
    /// Send the requests of a test file to the apps of a configuration, and compare the responses
    ///
    /// Opens no socket: each request goes through a pipe, and otherwise through the whole server. The exit code is 0 if
    /// all responses are as expected, else 1.
    Test(Test),
    /// Profile an app
    ///
    /// Sends the same request again and again, without a socket, and samples the app 500 times a second. Writes a file
    /// for the Firefox Profiler (https://profiler.firefox.com), and prints the functions in which most of the time
    /// went. Line numbers need debug information in the component.
    Profile(Profile),
    /// Make a component from a core module, which is what most compilers produce
    ///
    /// A module that was linked with the bindings of wit-bindgen names its imports and exports; for others name the WIT
    /// and the world with --wit and --world. Calls of WASI 0.1 become calls of WASI 0.2.
    Component(Component),
    /// Generate the bindings of an app: its WIT in its language
    ///
    /// The generators for C (also for C++ and Zig), Go and Rust are built in. For TypeScript and Python it runs jco and
    /// componentize-py, if a build has installed them or they are on the PATH. Python and Rust can be built without
    /// generated bindings.
    Bindings(Bindings),
    /// Create a certificate for HTTPS on this machine
    ///
    /// Writes dev-cert.pem and dev-key.pem for localhost, 127.0.0.1 and ::1, signed by an authority that is created
    /// once and kept in the user's data folder, and prints how to trust it. Run it again to renew them.
    DevCert(DevCert),
}

/// `windhover new`.
#[derive(Debug, Parser)]
pub struct New {
    /// The folder to create; its name becomes the app's
    #[arg(value_name = "NAME")]
    pub folder: PathBuf,

    /// The language that the app is written in
    #[arg(long = "lang", value_name = "LANGUAGE", value_enum)]
    pub language: Language,

    /// The interface of the app: Windhover's own, with all features, or the standard that other servers run too
    #[arg(long, value_name = "KIND", value_enum, default_value_t = Kind::Application)]
    pub kind: Kind,
}

/// The languages of the templates.
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

/// The interface that an app is written for.
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

    /// Open it in a browser
    #[arg(long)]
    pub open: bool,

    /// What flags and variables set over the configuration file.
    #[command(flatten)]
    pub settings: Settings<Self>,
}

impl Takes for Dev {
    fn takes(flag: &str) -> bool {
        ["url", "log", "guest-log", "access-log"].contains(&flag)
    }
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

    /// Also write the results as JUnit XML, for build servers
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

    /// The path of the request, with its query
    #[arg(long, value_name = "PATH", default_value = "/")]
    pub path: String,

    /// The method of the request
    #[arg(long, value_name = "METHOD", default_value = "GET")]
    pub method: String,

    /// A file to send as the content of the request [default: no content]
    #[arg(long, value_name = "FILE")]
    pub content: Option<PathBuf>,

    /// How many seconds to send requests
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

    /// The folder to write to; unchanged files are not written
    #[arg(long, value_name = "FOLDER", default_value = "build/bindings")]
    pub out: PathBuf,
}

/// `windhover component`.
#[derive(Debug, Parser)]
pub struct Component {
    /// The core module: a .wasm file, or its text (.wat)
    #[arg(value_name = "CORE.wasm")]
    pub core: PathBuf,

    /// The file to write [default: the module's name with .component.wasm, in its folder]
    #[arg(short, long, value_name = "APP.wasm")]
    pub out: Option<PathBuf>,

    /// The WIT that the module was written for, a file or a folder with its dependencies in deps; for a module that
    /// does not name its imports and exports itself
    #[arg(long, value_name = "WIT")]
    pub wit: Option<PathBuf>,

    /// The world of that WIT [default: the only one]
    #[arg(long, value_name = "WORLD", requires = "wit")]
    pub world: Option<String>,
}

/// `windhover dev-cert`.
#[derive(Debug, Parser)]
pub struct DevCert {
    /// Another DNS name or IP address for the certificate; may be given more than once
    #[arg(long = "host", value_name = "NAME")]
    pub hosts: Vec<String>,

    /// Folder for the certificate and its key
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    pub out: PathBuf,
}
