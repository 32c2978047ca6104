//! A server process: started, pinned to the first core, found by the address it prints, asked for its processor time
//! and memory, ended by its own pid.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, bail};

/// How to start a server.
pub(crate) struct Contender {
    program: OsString,
    args: Vec<OsString>,
}

/// A server that runs.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: String,
}

impl Contender {
    pub(crate) fn new(program: &Path, args: impl IntoIterator<Item = OsString>) -> Self {
        Self { program: program.into(), args: args.into_iter().collect() }
    }

    pub(crate) fn start(&self) -> anyhow::Result<Server> {
        let mut child = pinned(SERVER_CORE)
            .arg(&self.program)
            .args(&self.args)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", self.program.display()))?;
        let output = child.stdout.take().context("its output is piped")?;
        for line in BufReader::new(output).lines() {
            if let Some(address) = line?.strip_prefix("Listening on http://") {
                return Ok(Server { child, address: address.to_owned() });
            }
        }
        bail!("{} ended without listening", self.program.display())
    }
}

impl Server {
    /// Nanoseconds of processor time of all threads so far.
    pub(crate) fn cpu_time(&self) -> anyhow::Result<u64> {
        let mut total = 0;
        for thread in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let statistics = fs::read_to_string(thread?.path().join("schedstat"))?;
            total += statistics.split(' ').next().context("schedstat has fields")?.parse::<u64>()?;
        }
        Ok(total)
    }

    /// Bytes of memory that only this process has, resident now.
    pub(crate) fn memory(&self) -> anyhow::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find(|line| line.starts_with("RssAnon:")).context("status has RssAnon")?;
        Ok(line.split_whitespace().nth(1).context("RssAnon has a value")?.parse::<u64>()? * 1024)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A command on one core. The same core for server and load would measure the scheduler.
pub(crate) fn pinned(core: usize) -> Command {
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", &core.to_string()]);
    command
}

const SERVER_CORE: usize = 0;
