//! The start of a server: what it says and does while its apps are still being loaded, and what signals mean to it.

#![cfg(unix)] // signals, and an app that is a named pipe

mod support;

use std::fs;
use std::io::Write;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError};

use rustix::process::{Pid, Signal, kill_process};
use support::folder::Folder;
use support::{Server, WAIT_LIMIT, ask_at, command, lines};
use windhover_tests::guest_file;

#[test]
fn while_apps_are_loaded_the_admin_endpoint_says_that_the_server_lives_and_is_not_ready() {
    let site = site();
    let mut start = Start::of(&site);
    let admin = start.wait_for_print("Administered at http://");
    let status = |path: &str| {
        let answer = ask_at(&admin, &format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"));
        answer.expect("the admin endpoint answers").lines().next().map(str::to_owned).unwrap_or_default()
    };
    start.wait_for_log("loading");
    assert_eq!(status("/healthz"), "HTTP/1.1 200 OK");
    assert_eq!(status("/readyz"), "HTTP/1.1 503 Service Unavailable");
    assert_eq!(status("/metrics"), "HTTP/1.1 200 OK");
    // The second app is a pipe, which is read when somebody writes.
    start.wait_for_log("loading");
    assert_eq!(status("/healthz"), "HTTP/1.1 200 OK");
    site.feed();
    start.wait_for_print("Listening on http://");
    while status("/readyz") != "HTTP/1.1 200 OK" {} // a moment after that
}

#[test]
fn the_log_names_what_is_being_loaded_and_compiled() {
    let site = site();
    let mut start = Start::of(&site);
    let line = start.wait_for_log("loading");
    assert!(line.contains("first.wasm (1 of 2)") && line.contains("app=first"), "{line}");
    let line = start.wait_for_log("compiling");
    assert!(line.contains("first.wasm, ") && line.contains(" kB"), "{line}");
    let line = start.wait_for_log("loading");
    assert!(line.contains("second.wasm (2 of 2)") && line.contains("app=second"), "{line}");
}

#[test]
fn a_signal_that_asks_to_leave_ends_a_start_at_once_and_well() {
    for signal in [Signal::TERM, Signal::INT, Signal::QUIT] {
        let site = site();
        let mut start = Start::of(&site);
        start.wait_for_log("second.wasm (2 of 2)");
        start.signal(signal);
        let (status, log) = start.ended();
        assert_eq!(status.code(), Some(0), "{signal:?}: {log}");
        assert!(log.contains("leaving before the start is complete"), "{signal:?}: {log}");
    }
}

#[test]
fn no_other_signal_ends_a_start_and_what_it_asks_for_is_done_after_it() {
    let site = site();
    let mut start = Start::of(&site);
    start.wait_for_log("second.wasm (2 of 2)");
    for (signal, said) in OTHERS {
        start.signal(signal);
        if let Some(said) = said {
            start.wait_for_log(said);
        }
    }
    start.signal(Signal::HUP);
    start.wait_for_log("the configuration is read anew when the start is complete");
    site.feed();
    start.wait_for_print("Listening on http://");
    start.wait_for_log("was read again");
    start.signal(Signal::TERM);
    let (status, log) = start.ended();
    assert!(status.success(), "{log}");
}

#[test]
fn no_signal_ends_a_server_but_those_that_ask_it_to_leave() {
    for leave in [Signal::TERM, Signal::INT, Signal::QUIT] {
        let mut server = Server::start(&[&guest_file("rust-hello")]);
        for (signal, said) in OTHERS.into_iter().chain([(Signal::HUP, Some("there is no file"))]) {
            server.signal(signal);
            if let Some(said) = said {
                server.wait_for(said);
            }
            let answer = server.ask("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
            assert!(answer.ends_with("Hello from WebAssembly!\n"), "{signal:?}: {answer}");
        }
        server.signal(leave);
        let ended = server.ended();
        assert_eq!(ended.status.code(), Some(0), "{leave:?}: {}", ended.stderr);
        assert!(ended.stderr.contains("every request was answered"), "{leave:?}: {}", ended.stderr);
    }
}

#[test]
fn what_signals_mean_is_in_the_help_and_in_the_documentation() {
    let help = command().args(["serve", "--help"]).output().expect("the command runs").stdout;
    let help = String::from_utf8(help).expect("it speaks UTF-8");
    let operations = include_str!("../../../docs/operations.md");
    for signal in ["TERM", "INT", "QUIT", "HUP", "USR1", "USR2", "PIPE", "WINCH"] {
        let is_told = |text: &str| text.split(|letter: char| !letter.is_alphanumeric()).any(|word| word == signal);
        let (_, help) = help.split_once("\nSignals:\n").expect("the help has a part about them");
        assert!(is_told(help), "{signal}: {help}");
        assert!(is_told(operations), "{signal} in docs/operations.md");
    }
}

/// Two apps, of which the second is a named pipe: whoever loads it waits until somebody has written it.
struct Site(Folder);

fn site() -> Site {
    let folder = Folder::with(&[(
        "windhover.toml",
        "[server]\nwatch-interval = '0s'\ncache = 'none'\n[admin]\nurl = 'http://127.0.0.1:0'\n\
         [endpoints.a]\nurl = 'http://127.0.0.1:0'\n\
         [apps.first]\ncomponent = 'first.wasm'\nroutes = ['/first']\n\
         [apps.second]\ncomponent = 'second.wasm'\nroutes = ['/second']\n",
    )]);
    folder.copy("first.wasm", &guest_file("rust-hello"));
    let made = Command::new("mkfifo").arg(folder.path("second.wasm")).status().expect("mkfifo runs");
    assert!(made.success());
    Site(folder)
}

impl Site {
    /// Writes the second app for whoever reads it, and leaves a file in its place for who looks later.
    fn feed(&self) {
        let mut pipe = fs::File::options().write(true).open(self.0.path("second.wasm")).expect("it is a pipe");
        self.0.copy("later.wasm", &guest_file("rust-hello"));
        fs::rename(self.0.path("later.wasm"), self.0.path("second.wasm")).expect("it is ours");
        pipe.write_all(&fs::read(guest_file("rust-hello")).expect("it is built")).expect("somebody reads");
    }
}

/// `windhover serve` that has begun.
struct Start {
    process: Child,
    printed: Receiver<String>,
    log: Receiver<String>,
}

impl Start {
    fn of(site: &Site) -> Self {
        let mut command = command();
        command.args(["serve", "--config"]).arg(site.0.path("windhover.toml"));
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the command runs");
        let printed = lines(process.stdout.take().expect("it is piped"));
        let log = lines(process.stderr.take().expect("it is piped"));
        Self { process, printed, log }
    }

    /// Waits for a printed line that begins so, and returns what is behind that.
    fn wait_for_print(&self, prefix: &str) -> String {
        loop {
            let line = self.printed.recv_timeout(WAIT_LIMIT).expect("it is printed");
            if let Some(rest) = line.strip_prefix(prefix) {
                return rest.trim_end().to_owned();
            }
        }
    }

    fn wait_for_log(&mut self, awaited: &str) -> String {
        loop {
            let line = self.log.recv_timeout(WAIT_LIMIT).expect("it is logged");
            if line.contains(awaited) {
                return line;
            }
        }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).expect("the process is there");
    }

    fn ended(mut self) -> (ExitStatus, String) {
        let mut log = String::new();
        loop {
            match self.log.recv_timeout(WAIT_LIMIT) {
                Ok(line) => log.push_str(&line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("it does not end, and said:\n{log}"),
            }
        }
        (self.process.wait().expect("it can be waited for"), log)
    }
}

impl Drop for Start {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What servers customarily get besides, and what means nothing here, with what the log says of it.
const OTHERS: [(Signal, Option<&str>); 4] = [
    (Signal::WINCH, None),
    (Signal::PIPE, None),
    (Signal::USR1, Some("SIGUSR1 is ignored")),
    (Signal::USR2, Some("SIGUSR2 is ignored")),
];
