//! The command as its users meet it: what it prints, logs and answers, how it leaves, and what it says when it cannot
//! begin. Runs the real binary.

#![cfg(unix)] // it asks the server to leave by signals

mod support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Output;

use rustix::process::Signal;
use support::{Server, command, leave_unread, read_until};
use windhover_tests::guest_file;

#[test]
fn without_an_app_it_serves_the_welcome_page() {
    let server = Server::start(&[]);
    assert!(server.printed[0].starts_with("Serving the welcome app (windhover:http/application 0.1), "));
    let answer = server.ask("GET / HTTP/1.1\r\nhost: a.example\r\nconnection: close\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\ncontent-type: text/html; charset=utf-8\r\n"), "{answer}");
    assert!(answer.contains("Windhover is running") && answer.contains("a.example"), "{answer}");
    server.signal(Signal::TERM);
    assert!(server.ended().status.success());
}

#[test]
fn an_app_is_served_at_the_address_that_is_printed() {
    let server = Server::start(&[guest_file("rust-hello").as_ref()]);
    assert!(server.printed[0].contains("rust_hello.wasm (windhover:http/application 0.1), compiled in "));
    let answer = server.ask("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    assert!(answer.ends_with("\r\n\r\nHello from WebAssembly!\n"), "{answer}");
}

#[test]
fn an_app_is_served_behind_its_middleware() {
    let (app, auth) = (guest_file("rust-hello"), guest_file("rust-basic-auth"));
    let filter = guest_file("rust-remote-address");
    let option = Path::new("--middleware");
    let server = Server::start(&[&app, option, &auth, option, &filter]);
    let expected = format!(
        "Serving {} behind {}, {} (windhover:http/application 0.1), compiled in ",
        app.display(),
        auth.display(),
        filter.display()
    );
    assert!(server.printed[0].starts_with(&expected), "{}", server.printed[0]);
    let answer = server.ask("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 401 Unauthorized\r\n"), "{answer}");
    server.signal(Signal::TERM);
    let log = server.ended().stderr;
    assert!(log.contains("WARN") && log.contains("connection@0.1.0, which no component behind it imports"), "{log}");
}

#[test]
fn the_welcome_page_can_have_middleware_too() {
    let server = Server::start(&["--middleware".as_ref(), guest_file("rust-basic-auth").as_ref()]);
    assert!(server.printed[0].starts_with("Serving the welcome app behind "), "{}", server.printed[0]);
}

#[test]
fn compiled_apps_are_kept_where_the_option_says() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let app = guest_file("rust-hello");
    let start = || Server::start_with(&[app.as_ref(), "--cache".as_ref(), folder.path()]);
    assert!(start().printed[0].contains("compiled in "));
    assert!(start().printed[0].contains("loaded from the cache in "));
}

#[test]
fn a_trap_is_in_the_log_with_its_backtrace_and_not_on_the_wire() {
    let server = Server::start(&[guest_file("traps").as_ref()]);
    let answer = server.ask("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 500 Internal Server Error\r\n"), "{answer}");
    assert!(answer.contains("\r\ncontent-length: 0\r\n") && answer.ends_with("\r\n\r\n"), "{answer}");
    server.signal(Signal::INT);
    let log = server.ended().stderr;
    assert!(log.contains("ERROR") && log.contains("the guest trapped") && log.contains("app=traps"), "{log}");
    assert!(log.contains("wasm backtrace") && log.contains("traps.wasm!"), "{log}");
    assert!(!log.contains("tokio"), "the host's own stack is not the guest's business: {log}");
}

#[test]
fn a_guest_that_waits_for_itself_is_explained_in_the_log() {
    let server = Server::start(&[guest_file("wasi-writes-early").as_ref()]);
    let answer = server.ask("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 500 Internal Server Error\r\n"), "{answer}");
    server.signal(Signal::TERM);
    let log = server.ended().stderr;
    assert!(log.contains("it filled the buffer of its content before it called response-outparam.set"), "{log}");
}

#[test]
fn instances_are_reused_as_the_options_say() {
    for (app, world) in [("wasi3-facts", "wasi:http/service 0.3"), ("wasi-counts", "wasi:http/proxy 0.2")] {
        let app = guest_file(app);
        let options = ["--reuse", "concurrent", "--reuse-requests", "2", "--reuse-idle", "60", "--workers", "1"];
        let options: Vec<&Path> = [app.as_path()].into_iter().chain(options.map(Path::new)).collect();
        let server = Server::start(&options);
        assert!(server.printed[0].contains(world), "{:?}", server.printed);
        for expected in ["1", "2", "1"] {
            let answer = server.ask("GET /count HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
            assert!(answer.contains(&format!("\r\n{expected}\n")), "{expected} is not in {answer}");
        }
        server.signal(Signal::TERM);
        let log = server.ended().stderr;
        assert_eq!(log.contains("the guest is reused serially"), world.ends_with("0.2"), "{log}");
    }
}

#[test]
fn what_a_guest_prints_is_in_the_log() {
    let server = Server::start(&[guest_file("chats").as_ref()]);
    server.ask("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    server.signal(Signal::TERM);
    let log = server.ended().stderr;
    assert!(log.contains("line 0 of a guest that chats app=chats stream=\"stdout\""), "{log}");
    assert_eq!(log.matches("has reached its limit of log output (max-log); the rest is dropped").count(), 1, "{log}");
    let printed: usize = log.lines().filter(|line| line.contains("stream=")).map(str::len).sum();
    assert!(printed < 10 * (64 << 10), "{printed} bytes of log for 64 KiB that a guest may print");
    assert!(!log.chars().any(|char| char.is_control() && char != '\n'), "a guest moves the cursor: {log:?}");
}

#[test]
fn a_guest_that_is_told_of_its_clients_leaving_says_so_in_the_log() {
    let server = Server::start(&[guest_file("uses-features").as_ref(), "--max-instances".as_ref(), "1".as_ref()]);
    // One instance: each request is served when the guest of the one before has ended.
    for path in ["told-by-wait", "told-by-write", "told-by-read", "told-before-the-head", "goes-on"] {
        let mut client = server.connect();
        let length = if path == "told-by-read" { 1 } else { 0 };
        let request = format!("POST /life/{path} HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n");
        client.write_all(request.as_bytes()).expect("the server reads");
        leave_unread(client, "begun");
    }
    server.ask("GET /life/there HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    server.signal(Signal::TERM);
    let log = server.ended().stderr;
    let told = "told that the client has left: true";
    assert_eq!(log.matches(told).count(), 4, "{log}");
    assert!(!log.contains("goes on although there is nobody"), "{log}");
}

#[test]
fn a_stream_of_events_ends_with_a_word_when_its_client_leaves() {
    // One instance: the second is served when the first has ended.
    let server = Server::start(&[guest_file("rust-sse").as_ref(), "--max-instances".as_ref(), "1".as_ref()]);
    for id in ["41", "0"] {
        let mut client = server.connect();
        let request = format!("GET / HTTP/1.1\r\nhost: a\r\nlast-event-id: {id}\r\n\r\n");
        client.write_all(request.as_bytes()).expect("the server reads");
        leave_unread(client, "This is event");
    }
    server.signal(Signal::TERM);
    let log = server.ended().stderr;
    assert!(log.contains("INFO the client left after event 42 app=rust_sse stream=\"stderr\""), "{log}");
}

#[test]
fn a_guest_hears_how_its_websocket_was_closed() {
    let server = Server::start(&[guest_file("uses-features").as_ref()]);
    let open = |last: &[u8]| {
        let mut client = server.connect();
        client
            .write_all(
                b"GET /websocket/tells HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                  sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n",
            )
            .expect("the server reads");
        read_until(&mut client, "\r\n\r\n");
        client.write_all(last).expect("the server reads");
        client
    };
    // Masked with zeros: a close with 4000 and "why", one without a code.
    let mut clients = [open(b"\x88\x85\0\0\0\0\x0f\xa0why"), open(b"\x88\x80\0\0\0\0")];
    for client in &mut clients {
        client.read_to_end(&mut Vec::new()).expect("the server closes");
    }
    server.signal(Signal::TERM);
    let log = server.ended().stderr;
    for closed in ["closed with 4000 \\\"why\\\"", "closed with 1005 \\\"\\\""] {
        assert!(log.contains(closed) || log.contains(&closed.replace('\\', "")), "no {closed} in {log}");
    }
    assert_eq!(log.matches("then: Err(").count(), 2, "{log}");
}

#[test]
fn the_tags_of_an_exchange_are_in_the_log_with_its_id() {
    let server = Server::start(&[guest_file("uses-features").as_ref()]);
    let ask = |path: &str| server.ask(&format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"));
    ask("/telemetry?order.kind=gift");
    ask("/telemetry-and-then-no-such-topic");
    let id = ask("/identifier");
    let process =
        id.lines().last().and_then(|id| id.split_once('-')).expect("an id begins with its process").0.to_owned();
    server.signal(Signal::TERM);
    let log = server.ended().stderr;
    let line = log.lines().find(|line| line.contains("order.kind=")).unwrap_or_else(|| panic!("no tag in {log}"));
    assert!(line.contains(&format!("id={process}-")) && line.contains("gift"), "{line}");
    // So have what a guest prints (here why it panics) and its trap.
    let about_an_exchange = log.lines().filter(|line| line.contains(&format!("id={process}-"))).count();
    assert!(log.contains("no such topic") && log.contains("the guest trapped") && about_an_exchange >= 3, "{log}");
}

#[test]
fn files_are_sent_from_the_folder_that_the_option_names() {
    let folder = tempfile::tempdir().expect("the system has a place for temporary files");
    std::fs::write(folder.path().join("a.txt"), "of the file").expect("a new folder can be written to");
    let server = Server::start(&[guest_file("uses-features").as_ref(), "--files".as_ref(), folder.path()]);
    let answer = server.ask("GET /files/send?a.txt HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    assert!(answer.ends_with("\r\n\r\nof the file"), "{answer}");
    server.signal(Signal::TERM);
    server.ended();
}

#[test]
fn a_request_in_flight_is_answered_before_it_leaves() {
    let server = Server::start(&[guest_file("echoes").as_ref()]);
    let mut client = server.connect();
    client.write_all(HALF_A_REQUEST).expect("the server reads");
    let mut answer = read_until(&mut client, "half");
    server.signal(Signal::TERM);
    client.write_all(b"rest").expect("the server still reads");
    client.read_to_string(&mut answer).expect("the server answers to the end and closes");
    assert!(answer.ends_with("rest\r\n0\r\n\r\n"), "{answer}");
    assert!(server.ended().status.success());
}

#[test]
fn a_second_signal_makes_it_leave_at_once() {
    let server = Server::start(&[guest_file("echoes").as_ref()]);
    let mut client = server.connect();
    client.write_all(HALF_A_REQUEST).expect("the server reads");
    read_until(&mut client, "half");
    server.signal(Signal::INT);
    // The listening socket is closed when the first signal has been taken.
    while TcpStream::connect(&server.address).is_ok() {}
    server.signal(Signal::INT);
    let ended = server.ended();
    assert_eq!(ended.status.code(), Some(1));
    assert!(ended.stderr.contains("left at once"), "{}", ended.stderr);
}

#[test]
fn a_start_that_cannot_be_says_why_and_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let taken = format!("http://{}", taken.local_addr().expect("it is bound"));
    for (args, expected) in [
        (vec!["serve", "missing.wasm"], "windhover: cannot read missing.wasm: "),
        (vec!["serve", "Cargo.toml"], "Cargo.toml is not WebAssembly"),
        (vec!["serve", "--middleware", "missing.wasm"], "windhover: cannot read missing.wasm: "),
        (vec!["serve", "--middleware", "Cargo.toml"], "Cargo.toml is not WebAssembly"),
        (vec!["serve", "--url", &taken], "another program listens there"),
        (vec!["serve", "--url", "8080"], "write for example http://127.0.0.1:8080"),
        (
            vec!["serve", "--timeout", "soon"],
            "invalid value 'soon' for '--timeout <TIME>': \"soon\" is not a time; write for example",
        ),
        (
            vec!["serve", "--files", "missing"],
            "cannot use missing as the folder of files to send; it must be an existing folder",
        ),
        (vec!["serve", "--reuse", "always"], "there is no \"always\"; it takes never, serial, concurrent"),
        (vec!["serv"], "some similar subcommands exist: 'dev', 'serve'"),
    ] {
        let output = command().args(&args).output().expect("the command runs");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && error.contains(expected), "{args:?}: {error}");
        assert!(!error.contains("panicked"), "{error}");
    }
}

#[test]
fn the_doctor_tells_what_a_machine_lacks_and_what_to_do() {
    let look = |limits: &str| {
        let look = format!("{limits} exec \"$0\" doctor");
        let output = std::process::Command::new("sh").args(["-c", &look]).arg(env!("CARGO_BIN_EXE_windhover")).output();
        let Output { status, stdout, stderr } = output.expect("the command runs");
        assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
        String::from_utf8(stdout).expect("it is text")
    };
    let told = look("ulimit -n 64;");
    assert!(told.contains("\n  poor  descriptors    the limit is 64"), "{told}");
    assert!(told.contains("Raise `ulimit -n`"), "{told}");
    let told = look("ulimit -v 8000000; unset XDG_CACHE_HOME; HOME=/dev/null");
    assert!(told.contains("\n  poor  address space  cannot be reserved for 2000 instances"), "{told}");
    assert!(told.contains("\n  poor  cache          "), "{told}");
}

#[test]
fn help_and_version_are_there() {
    let output = |args: &[&str]| {
        let Output { status, stdout, .. } = command().args(args).output().expect("the command runs");
        assert!(status.success(), "{args:?}");
        String::from_utf8(stdout).expect("the help is text")
    };
    assert!(output(&["--help"]).contains("Serve an app over HTTP until Ctrl-C"));
    assert!(output(&["serve", "--help"]).contains("[default: http://127.0.0.1:8080]"));
    assert_eq!(output(&["--version"]), concat!("windhover ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn what_a_guest_prints_is_logged_as_far_as_is_wanted_with_the_requests_id() {
    let out = "INFO line 0 of a guest that chats app=chats stream=\"stdout\" id=";
    let err = "INFO line 0 of a guest that complains app=chats stream=\"stderr\" id=";
    for (flags, expected) in [
        (&[][..], [true, true]),
        (&["--log", "warn"], [false, false]),
        (&["--guest-log", "off"], [false, false]),
        (&["--guest-log", "stderr", "--log", "debug"], [false, true]),
        (&["--guest-log", "all", "--log", "error"], [true, true]),
    ] {
        let guest = guest_file("chats");
        let args: Vec<_> = [guest.as_path()].into_iter().chain(flags.iter().map(Path::new)).collect();
        let server = Server::start(&args);
        server.ask("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        server.signal(Signal::TERM);
        let log = server.ended().stderr;
        assert_eq!([out, err].map(|line| log.contains(line)), expected, "{flags:?}: {log}");
    }
}

const HALF_A_REQUEST: &[u8] = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 8\r\n\r\nhalf";
