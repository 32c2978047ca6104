//! The server as a service: sockets that it is given, what it tells its manager, Unix sockets.

#![cfg(unix)]

mod support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use support::{Server, command};
use windhover_tests::guest_file;

#[test]
fn it_serves_a_socket_that_it_is_given_by_name() {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = socket.local_addr().expect("it is bound").to_string();
    // Who came before it was there is served too.
    let mut early = TcpStream::connect(&address).expect("it listens");
    early.write_all(GET).expect("it can be written to");
    let server = Server::run(&mut given(socket.into(), "--url systemd:web"));
    assert_eq!(server.address, address);
    assert!(rest_of(&mut early).ends_with("Hello from WebAssembly!\n"));
    assert!(server.ask(std::str::from_utf8(GET).expect("it is text")).ends_with("Hello from WebAssembly!\n"));
    server.signal(Signal::TERM);
    assert!(server.ended().status.success());
    // The socket is its giver's, who may hold it while the server restarts.
    assert!(TcpStream::connect(&address).is_err(), "nobody holds it here");
}

#[test]
fn a_unix_socket_can_be_given_too() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("a.sock");
    let socket = UnixListener::bind(&path).expect("it can be bound");
    let mut command = given(socket.into(), "--url http://127.0.0.1:0 --url systemd:");
    let server = Server::run(&mut command);
    let mut client = UnixStream::connect(&path).expect("it listens");
    client.write_all(GET).expect("the server reads");
    assert!(rest_of(&mut client).ends_with("Hello from WebAssembly!\n"));
    drop(server);
}

#[test]
fn a_socket_that_it_was_not_given_is_an_error_that_names_those_that_it_was() {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let output = given(socket.into(), "--url systemd:other").output().expect("the command runs");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    let expected = "cannot listen on systemd:other: this process inherited no socket of that name; there is web";
    assert!(!output.status.success() && error.contains(expected), "{error}");
    let output = command().args(["serve", "--url", "systemd:"]).output().expect("the command runs");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(error.contains("this process inherited no socket; systemd gives it some by a .socket unit"), "{error}");
}

/// Its clients would wait for ever: who passed it holds it open.
#[test]
fn a_socket_that_no_endpoint_serves_is_refused_by_name() {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = socket.local_addr().expect("it is bound");
    for args in ["", "--url http://127.0.0.1:0", "--url unix:@windhover-test-other"] {
        let output = given(socket.try_clone().expect("it can").into(), args).output().expect("the command runs");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        let expected = format!("no endpoint serves the inherited socket web ({address})");
        assert!(!output.status.success() && error.contains(&expected), "{error}");
        assert!(error.contains("add an endpoint with the URL systemd:web"), "{error}");
    }
}

#[test]
fn its_manager_is_told_that_it_is_ready_lives_reads_anew_and_leaves() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("notify.sock");
    let manager = UnixDatagram::bind(&path).expect("it can be bound");
    manager.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout can be set");
    let file = folder.path().join("windhover.toml");
    let app = guest_file("rust-hello");
    let written = format!(
        "[server]\nwatch-interval = '200ms'\n[endpoints.a]\nurl = 'http://127.0.0.1:0'\n[apps.a]\ncomponent = '{}'\n",
        app.display()
    );
    std::fs::write(&file, &written).expect("it can be written to");
    let server = Server::run(
        command()
            .args(["serve", "--no-cache", "--config"])
            .arg(&file)
            .env("NOTIFY_SOCKET", &path)
            .env("WATCHDOG_USEC", "100000"),
    );
    assert_eq!(told(&manager), "READY=1\n");
    assert_eq!(told(&manager), "WATCHDOG=1\n");
    server.signal(Signal::HUP);
    let reloading = next(&manager);
    assert!(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{reloading}");
    assert_eq!(next(&manager), "READY=1\n");
    // It says that it lives more often than it looks at the file, and looks all the same.
    std::fs::write(&file, written + "[log]\naccess = true\n").expect("it can be written to");
    assert!(next(&manager).starts_with("RELOADING=1\n"));
    assert_eq!(next(&manager), "READY=1\n");
    server.signal(Signal::TERM);
    assert_eq!(next(&manager), "STOPPING=1\n");
    assert!(server.ended().status.success());
}

#[test]
fn a_unix_socket_is_served_with_its_mode_and_is_gone_when_the_server_is() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("a.sock");
    let url = format!("unix:{}", path.display());
    let app = guest_file("rust-hello");
    let run =
        || Server::run(command().args(["serve", "--no-cache", "--url", "http://127.0.0.1:0", "--url", &url]).arg(&app));
    let ask = || {
        let mut client = UnixStream::connect(&path).expect("it listens");
        client.write_all(GET).expect("the server reads");
        rest_of(&mut client)
    };
    let server = run();
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).expect("it is there").permissions());
    assert_eq!(mode & 0o777, 0o660);
    assert!(ask().ends_with("Hello from WebAssembly!\n"));
    let output = command().args(["serve", "--url", &url]).output().expect("the command runs");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && error.contains("another program listens there"), "{error}");
    server.signal(Signal::KILL);
    server.ended();
    assert!(path.exists(), "nobody was there to remove it");
    let server = run();
    assert!(ask().ends_with("Hello from WebAssembly!\n"));
    server.signal(Signal::TERM);
    server.ended();
    assert!(!path.exists());
}

#[test]
fn looking_at_files_often_does_not_keep_it_from_saying_that_it_lives() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("notify.sock");
    let manager = UnixDatagram::bind(&path).expect("it can be bound");
    manager.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout can be set");
    let app = guest_file("rust-hello");
    let written = format!(
        "[server]\nwatch-interval = '10ms'\n[endpoints.a]\nurl = 'http://127.0.0.1:0'\n[apps.a]\ncomponent = '{}'\n",
        app.display()
    );
    std::fs::write(folder.path().join("windhover.toml"), written).expect("it can be written to");
    let _server = Server::run(
        command()
            .args(["serve", "--no-cache"])
            .current_dir(folder.path())
            .env("NOTIFY_SOCKET", &path)
            .env("WATCHDOG_USEC", "1000000"),
    );
    assert_eq!(told(&manager), "READY=1\n");
    for _ in 0..3 {
        assert_eq!(told(&manager), "WATCHDOG=1\n");
    }
}

/// A server that is given the socket as systemd gives it: as descriptor 3, called `web`.
fn given(socket: OwnedFd, args: &str) -> Command {
    let mut command = Command::new("sh");
    let script = format!(
        "exec 3<&0 0</dev/null; export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web; exec \"$0\" serve --no-cache {args} \"$1\""
    );
    command.args(["-c", &script, env!("CARGO_BIN_EXE_windhover")]).arg(guest_file("rust-hello"));
    command.stdin(Stdio::from(socket));
    command
}

/// What the manager is told next, whether the server lives or something else.
fn told(manager: &UnixDatagram) -> String {
    let mut bytes = [0; 256];
    let count = manager.recv(&mut bytes).expect("something is told");
    String::from_utf8_lossy(&bytes[..count]).into_owned()
}

/// What it is told next besides that the server lives.
fn next(manager: &UnixDatagram) -> String {
    loop {
        let told = told(manager);
        if told != "WATCHDOG=1\n" {
            return told;
        }
    }
}

fn rest_of(stream: &mut impl Read) -> String {
    let mut rest = String::new();
    stream.read_to_string(&mut rest).expect("the server answers and closes");
    rest
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
