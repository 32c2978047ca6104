//! `windhover serve` and `windhover front`.

use std::fs;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::process::{self, Process};

/// What all columns share.
pub(crate) struct Machine {
    /// The command.
    pub(crate) windhover: PathBuf,
    /// The guest.
    pub(crate) module: PathBuf,
    /// Where everything is written.
    pub(crate) folder: PathBuf,
    /// A certificate for localhost with its key, in one file.
    pub(crate) certificate: PathBuf,
}

/// How Windhover is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Tcp,
    Unix,
    /// TLS.
    Secure,
    /// TLS behind the PROXY protocol.
    Proxied,
    /// A socket that another process holds, as systemd does: TCP.
    Held,
}

/// A server at work.
pub(crate) struct Windhover {
    pub(crate) process: Process,
    pub(crate) folder: PathBuf,
    /// Of TCP endpoints.
    pub(crate) port: u16,
    pub(crate) endpoint: Endpoint,
    command: PathBuf,
    held: Option<OwnedFd>,
}

impl Windhover {
    /// Starts one in a folder of its own, with the module as it is.
    pub(crate) async fn start(machine: &Machine, name: &str, endpoint: Endpoint, hops: u32) -> Result<Self> {
        let folder = machine.folder.join(name);
        process::folder(&folder)?;
        let port = process::free_port()?;
        let mut held = None;
        let url = match endpoint {
            Endpoint::Tcp => format!("http://127.0.0.1:{port}"),
            Endpoint::Unix => format!("unix:{}", folder.join("windhover.sock").display()),
            Endpoint::Secure | Endpoint::Proxied => format!("https://127.0.0.1:{port}"),
            Endpoint::Held => {
                held = Some(OwnedFd::from(TcpListener::bind(("127.0.0.1", port))?));
                "systemd:web".to_owned()
            }
        };
        let module = folder.join("conformance.wasm");
        fs::copy(&machine.module, &module)?;
        let tls = match endpoint {
            Endpoint::Secure | Endpoint::Proxied => {
                format!("tls = {{ certificate = {:?} }}\n", machine.certificate.display().to_string())
            }
            Endpoint::Unix => "mode = \"0666\"\n".to_owned(),
            Endpoint::Tcp | Endpoint::Held => String::new(),
        };
        let proxy = proxy(endpoint, hops);
        let text = format!(
            "[server]
cache = {cache:?}
watch-interval = \"50ms\"
drain-idle-grace = \"500ms\"
[limits]
max-request-body-size = \"100MB\"
[log]
access = true
[endpoints.web]
url = {url:?}
{tls}{proxy}[apps.conformance]
component = \"conformance.wasm\"
routes = [\"/\", \"/below/this\"]
",
            cache = machine.folder.join("cache").display().to_string(),
        );
        process::write(&folder.join("windhover.toml"), text)?;
        let command = machine.windhover.clone();
        let process = spawn(&command, &folder, held.as_ref())?;
        let mut server = Self { process, folder, port, endpoint, command, held };
        server.wait().await?;
        Ok(server)
    }

    async fn wait(&mut self) -> Result<()> {
        self.process.wait_until("it listens", |process| process.said().contains("Listening on ")).await
    }

    /// Starts another process on the same socket once this one has ended by SIGTERM.
    pub(crate) async fn restart(&mut self) -> Result<()> {
        ensure!(self.held.is_some(), "only a socket that somebody holds outlasts a process");
        self.process.signal(rustix::process::Signal::TERM);
        let status = self.process.ended().await?;
        ensure!(status.success(), "it did not answer every request: {status}");
        let log = self.folder.join("windhover.log");
        fs::write(&log, "")?;
        self.process = spawn(&self.command, &self.folder, self.held.as_ref())?;
        self.wait().await
    }

    /// `windhover front` for its configuration.
    pub(crate) fn front(&self, proxy: &str, options: &[&str]) -> Result<String> {
        let mut command = Command::new(&self.command);
        command.current_dir(&self.folder).args(["front", proxy]).args(options);
        if self.endpoint == Endpoint::Held {
            command.args(["--upstream", &format!("127.0.0.1:{}", self.port)]);
        }
        let output = command.output()?;
        ensure!(output.status.success(), "windhover front {proxy}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).context("it prints text")
    }
}

fn spawn(command: &Path, folder: &Path, held: Option<&OwnedFd>) -> Result<Process> {
    let log = folder.join("windhover.log");
    let mut serve = Command::new("sh");
    match held {
        // As systemd passes a socket on. $$ stays the id of the process that `exec` becomes.
        Some(socket) => {
            serve
                .args(["-c", "exec 3<&0 0</dev/null; LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web exec \"$0\" serve"]);
            serve.stdin(socket.try_clone()?);
        }
        None => {
            serve.args(["-c", "exec \"$0\" serve"]).stdin(Stdio::null());
        }
    }
    let output = fs::File::options().create(true).append(true).open(&log)?;
    serve.arg(command).current_dir(folder).stdout(output.try_clone()?).stderr(output);
    Process::spawn("windhover", &mut serve, &log)
}

/// What `windhover front` says that windhover.toml needs.
fn proxy(endpoint: Endpoint, hops: u32) -> String {
    let trusted = if endpoint == Endpoint::Unix { "\"unix\"" } else { "\"127.0.0.1\", \"::1\"" };
    let protocol = if endpoint == Endpoint::Proxied { "protocol = \"required\"\n" } else { "" };
    match hops {
        0 => String::new(),
        hops => format!("[endpoints.web.proxy]\ntrusted = [{trusted}]\n{protocol}hops = {hops}\n"),
    }
}
