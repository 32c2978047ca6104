//! `windhover serve` as a process of its own.

#![allow(dead_code, reason = "not every test of the command needs all of it")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// `windhover serve`, on a free port.
pub(crate) struct Server {
    process: Child,
    pub(crate) printed: Vec<String>,
    pub(crate) address: String,
}

pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stderr: String,
}

impl Server {
    pub(crate) fn start(args: &[&Path]) -> Self {
        Self::start_with(&[args, &["--no-cache".as_ref()]].concat())
    }

    pub(crate) fn start_with(args: &[&Path]) -> Self {
        Self::run(command().args(["serve", "--url", "http://127.0.0.1:0"]).args(args))
    }

    /// Runs a command that serves.
    pub(crate) fn run(command: &mut Command) -> Self {
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the command runs");
        let stdout = process.stdout.take().expect("it is piped");
        let mut printed = Vec::new();
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if let Some(address) = line.strip_prefix("Listening on http://") {
                return Self { process, printed, address: address.to_owned() };
            }
            printed.push(line);
        }
        let output = process.wait_with_output().expect("it can be waited for");
        panic!("it ended before it listened: {}", String::from_utf8_lossy(&output.stderr));
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).expect("it listens where it said");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
        stream
    }

    /// Sends a request that closes the connection, and returns all that comes.
    pub(crate) fn ask(&self, request: &str) -> String {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).expect("the server reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("the server answers and closes");
        answer
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let process = Pid::from_child(&self.process);
        kill_process(process, signal).expect("the process is there");
    }

    /// Waits until the log says so. What it said before is gone. The test runner bounds the wait.
    pub(crate) fn wait_for(&mut self, awaited: &str) {
        let log = self.process.stderr.as_mut().expect("it is piped");
        let mut line = Vec::new();
        while !String::from_utf8_lossy(&line).contains(awaited) {
            let mut octet = [0];
            assert_ne!(log.read(&mut octet).expect("the log can be read"), 0, "it ended before it said {awaited:?}");
            if line.last() == Some(&b'\n') {
                line.clear();
            }
            line.extend(octet);
        }
    }

    /// Waits for the end, which somebody has asked for. The test runner bounds the wait.
    pub(crate) fn ended(mut self) -> Ended {
        let mut stderr = String::new();
        self.process.stderr.take().expect("it is piped").read_to_string(&mut stderr).expect("the log is text");
        Ended { status: self.process.wait().expect("it can be waited for"), stderr }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) fn command() -> Command {
    Command::new(env!("CARGO_BIN_EXE_windhover"))
}

pub(crate) fn read_until(stream: &mut TcpStream, awaited: &str) -> String {
    let mut read = String::new();
    while !read.contains(awaited) {
        let mut piece = [0; 1024];
        let count = stream.read(&mut piece).expect("the server goes on answering");
        assert_ne!(count, 0, "the server closed after {read:?}");
        read.push_str(&String::from_utf8_lossy(&piece[..count]));
    }
    read
}

const PATIENCE: Duration = Duration::from_secs(10);
