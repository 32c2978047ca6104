//! Processes that the tests start, and end by their ids.

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, geteuid, kill_process};

/// A process whose output goes to a file.
pub(crate) struct Process {
    child: Child,
    name: &'static str,
    log: PathBuf,
}

impl Process {
    /// Starts a command. Its standard output and error go to `log`.
    pub(crate) fn start(name: &'static str, command: &mut Command, log: &Path) -> Result<Self> {
        let output = File::options().create(true).append(true).open(log)?;
        owned(log)?; // nginx opens it by its name too
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        Self::spawn(name, command, log)
    }

    /// The same, with standard input and output as the command has them.
    pub(crate) fn spawn(name: &'static str, command: &mut Command, log: &Path) -> Result<Self> {
        let child = command.spawn().with_context(|| format!("{name}: {:?}", command.get_program()))?;
        Ok(Self { child, name, log: log.to_owned() })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has said so far.
    pub(crate) fn said(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Waits until something holds. An error: the process ended, or it took too long.
    pub(crate) async fn wait_until(&mut self, awaited: &str, holds: impl Fn(&Self) -> bool) -> Result<()> {
        let began = Instant::now();
        loop {
            if holds(self) {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended ({status}) before {awaited}: {}", self.name, self.said());
            }
            if began.elapsed() > LIMIT {
                bail!("{}: waited {LIMIT:?} for {awaited}; it said: {}", self.name, self.said());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// The most memory that it and its children have had resident, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        memory(self.id())
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let _ = kill_process(Pid::from_child(&self.child), signal); // it may have ended
    }

    /// Waits for its end, which somebody has asked for.
    pub(crate) async fn ended(&mut self) -> Result<ExitStatus> {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if began.elapsed() > 3 * LIMIT {
                bail!("{} does not end: {}", self.name, self.said());
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

impl Drop for Process {
    /// SIGTERM first, because nginx and Apache end their children by it.
    fn drop(&mut self) {
        self.signal(Signal::TERM);
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(3) {
            if let Ok(Some(_)) = self.child.try_wait() {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn memory(id: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let own = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok()).unwrap_or(0) << 10;
    let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
    own + children.split_whitespace().filter_map(|id| Some(memory(id.parse().ok()?))).sum::<u64>()
}

/// Has a command run by a user without privileges, where the tests run as root.
pub(crate) fn unprivileged(command: &mut Command) -> &mut Command {
    match geteuid().is_root() {
        true => command.uid(NOBODY).gid(NOBODY),
        false => command,
    }
}

/// A folder that such a user may write.
pub(crate) fn folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    owned(path)
}

/// Writes a file that such a user may read.
pub(crate) fn write(path: &Path, text: impl AsRef<[u8]>) -> Result<()> {
    fs::write(path, text).with_context(|| path.display().to_string())?;
    owned(path)
}

fn owned(path: &Path) -> Result<()> {
    if geteuid().is_root() {
        chown(path, Some(NOBODY), Some(NOBODY))?;
    }
    Ok(())
}

/// A port of loopback that was free a moment ago.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// Whether somebody listens at a port.
pub(crate) fn listens(port: u16) -> bool {
    std::net::TcpStream::connect_timeout(&([127, 0, 0, 1], port).into(), Duration::from_millis(200)).is_ok()
}

/// `nobody` and `nogroup`.
const NOBODY: u32 = 65_534;

/// Far longer than any of them takes.
const LIMIT: Duration = Duration::from_secs(20);
