//! A server process: started, pinned to the first core, found by the address it prints, asked for its processor time
//! and memory, ended by its own pid.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context;

/// How to start a server.
pub(crate) struct Contender {
    program: OsString,
    args: Vec<OsString>,
    address: Address,
    is_pinned: bool,
}

/// Where a server says what its address is.
enum Address {
    /// Behind these words, in what it prints.
    Printed(&'static str),
    /// The same, in what it logs.
    Logged(&'static str),
    /// It was told.
    Known(String),
}

/// A server that runs.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: String,
}

impl Contender {
    pub(crate) fn new(program: &Path, args: impl IntoIterator<Item = OsString>) -> Self {
        let address = Address::Printed("Listening on http://");
        Self { program: program.into(), args: args.into_iter().collect(), address, is_pinned: true }
    }

    /// A server that logs its address behind these words.
    pub(crate) fn logging(mut self, words: &'static str) -> Self {
        self.address = Address::Logged(words);
        self
    }

    /// A server that was told its address.
    pub(crate) fn at(mut self, address: String) -> Self {
        self.address = Address::Known(address);
        self
    }

    /// A server that has every core.
    pub(crate) fn on_all_cores(mut self) -> Self {
        self.is_pinned = false;
        self
    }

    pub(crate) fn start(&self) -> anyhow::Result<Server> {
        let mut command = if self.is_pinned { pinned(SERVER_CORE) } else { Command::new("env") };
        command.arg(&self.program).args(&self.args).stdout(Stdio::null()).stderr(Stdio::null());
        match self.address {
            Address::Printed(_) => command.stdout(Stdio::piped()),
            Address::Logged(_) => command.stderr(Stdio::piped()),
            Address::Known(_) => &mut command,
        };
        let child = command.spawn().with_context(|| format!("cannot start {}", self.program.display()))?;
        let mut server = Server { child, address: String::new() };
        server.address = match &self.address {
            Address::Printed(words) => find(server.child.stdout.take().context("it is piped")?, words),
            Address::Logged(words) => find(server.child.stderr.take().context("it is piped")?, words),
            Address::Known(address) => wait_for(address).then(|| address.clone()),
        }
        .with_context(|| format!("{} ended without listening", self.program.display()))?;
        Ok(server)
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

/// What stands behind these words, up to a slash or the end of the line. What follows is read and left, so that a server
/// that logs goes on.
fn find(output: impl Read + Send + 'static, words: &str) -> Option<String> {
    let mut output = BufReader::new(output);
    let mut line = String::new();
    while output.read_line(&mut line).ok()? > 0 {
        if let Some((_, address)) = line.split_once(words) {
            let address = address.trim_end().trim_end_matches('/').to_owned();
            std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
            return Some(address);
        }
        line.clear();
    }
    None
}

/// Whether somebody listens there, in the end.
fn wait_for(address: &str) -> bool {
    let is_there = |_| {
        let is_there = TcpStream::connect(address).is_ok();
        if !is_there {
            std::thread::sleep(Duration::from_millis(10));
        }
        is_there
    };
    (0..500).any(is_there)
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
