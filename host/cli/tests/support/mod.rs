//! `windhover serve` as a process of its own.

#![allow(dead_code, reason = "not every test of the command needs all of it")]

pub(crate) mod folder;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// `windhover serve`, on a free port.
pub(crate) struct Server {
    process: Child,
    /// What it logs, line by line.
    log: Receiver<String>,
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
        let log = lines(process.stderr.take().expect("it is piped"));
        let mut printed = Vec::new();
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if let Some(address) = line.strip_prefix("Listening on http://") {
                return Self { process, log, printed, address: address.to_owned() };
            }
            printed.push(line);
        }
        let _ = process.wait();
        panic!("it ended before it listened: {}", log.iter().collect::<String>());
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).expect("it listens where it said");
        stream.set_read_timeout(Some(WAIT_LIMIT)).expect("a timeout can be set");
        stream
    }

    /// Sends a request that closes the connection, and returns all that comes.
    pub(crate) fn ask(&self, request: &str) -> String {
        ask_at(&self.address, request).expect("the server answers and closes")
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let process = Pid::from_child(&self.process);
        kill_process(process, signal).expect("the process is there");
    }

    /// Waits until the log says so, and returns the line. What it said before is gone.
    pub(crate) fn wait_for(&mut self, awaited: &str) -> String {
        let mut said = String::new();
        loop {
            match self.log.recv_timeout(WAIT_LIMIT) {
                Ok(line) if line.contains(awaited) => return line,
                Ok(line) => said.push_str(&line),
                Err(reason) => panic!("it did not say {awaited:?} ({reason}), but:\n{said}"),
            }
        }
    }

    /// Waits for the end, which somebody has asked for.
    pub(crate) fn ended(mut self) -> Ended {
        let mut stderr = String::new();
        loop {
            match self.log.recv_timeout(WAIT_LIMIT) {
                Ok(line) => stderr.push_str(&line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("it does not end, and said:\n{stderr}"),
            }
        }
        Ended { status: self.process.wait().expect("it can be waited for"), stderr }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Sends a request that closes the connection to an address, and returns all that comes.
pub(crate) fn ask_at(address: &str, request: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(WAIT_LIMIT))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// The lines of a stream, with their ends, for whoever waits for them with a bound.
pub(crate) fn lines(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        while stream.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
            if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                return;
            }
            line.clear();
        }
    });
    receiver
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

/// Leaves a server once it has said that, and so that it hears of it: who closes a socket without having read what came
/// resets its connection.
pub(crate) fn leave_unread(stream: TcpStream, awaited: &str) {
    let mut piece = [0; 1024];
    loop {
        let count = stream.peek(&mut piece).expect("the server goes on answering");
        assert_ne!(count, 0, "the server closed before it said {awaited:?}");
        if String::from_utf8_lossy(&piece[..count]).contains(awaited) {
            return;
        }
        std::thread::yield_now();
    }
}

pub(crate) const WAIT_LIMIT: Duration = Duration::from_secs(60);
