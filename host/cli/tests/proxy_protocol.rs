//! An endpoint that requires the PROXY protocol, as its operator meets it: the configuration, the log and the metrics. Runs
//! the real binary; tests/suite/proxy_protocol.rs tests what is on the wire.

#![cfg(unix)] // as the other tests of the command

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;

use support::{Server, ask_at, command};
use windhover_tests::guest_file;

#[test]
fn the_log_and_metrics_name_the_client_and_count_what_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let written = format!(
        "[log]\naccess = true\n[admin]\nurl = 'http://127.0.0.1:0'\n[endpoints.a]\nurl = 'http://127.0.0.1:0'\n\
         [endpoints.a.proxy]\ntrusted = ['127.0.0.0/8', 'unix']\nprotocol = 'required'\n\
         [endpoints.b]\nurl = 'unix:{0}/b.sock'\nproxy = {{ trusted = ['10.0.0.0/8'], protocol = 'required' }}\n\
         [apps.a]\ncomponent = '{1}'\n",
        folder.path().display(),
        guest_file("facts").display()
    );
    std::fs::write(folder.path().join("windhover.toml"), written).expect("it can be written to");
    let mut server = Server::run(command().args(["serve", "--no-cache"]).current_dir(folder.path()));
    let request = "GET / HTTP/1.1\r\nhost: a\r\nwant: connection\r\nconnection: close\r\n\r\n";
    let answer = server.ask(&format!("PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n{request}"));
    assert!(answer.contains("\nremote: 192.0.2.1 port 56324\nlocal: 198.51.100.2 port 443\n"), "{answer}");
    let line = server.wait_for("exchange");
    assert!(line.contains("client=\"192.0.2.1:56324\""), "{line}");

    let mut stream = server.connect();
    stream.write_all(request.as_bytes()).expect("the server reads");
    let _ = stream.read_to_end(&mut Vec::new()); // what was not read resets the connection
    let line = server.wait_for("refused a connection: ");
    assert!(line.contains(" INFO ") && line.contains("peer=\"127.0.0.1:"), "{line}");
    assert!(line.contains("code=\"proxy_header_missing\"") && line.contains("began without a PROXY header"), "{line}");

    let path = folder.path().join("b.sock");
    let mut stream = std::os::unix::net::UnixStream::connect(path).expect("it listens");
    let _ = stream.read_to_end(&mut Vec::new());
    let line = server.wait_for("refused a connection: ");
    assert!(line.contains("code=\"proxy_peer_untrusted\"") && line.contains("not a trusted proxy"), "{line}");

    let refused = |code| format!("windhover_refused_proxy_headers_total{{reason=\"{code}\"}} 1\n");
    let admin = server.printed.iter().find_map(|line| line.strip_prefix("Administered at http://")).map(str::to_owned);
    let request = "GET /metrics HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let metrics = ask_at(&admin.expect("it is told"), request).expect("it answers");
    for code in ["proxy_header_missing", "proxy_peer_untrusted"] {
        assert!(metrics.contains(&refused(code)), "{metrics}");
    }
}

/// The header tells who the nearest peer is, by which fields are then judged.
#[test]
fn fields_are_believed_of_the_client_that_the_header_tells_and_not_of_the_peer_of_the_socket() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let written = format!(
        "[endpoints.a]\nurl = 'http://127.0.0.1:0'\n\
         proxy = {{ trusted = ['127.0.0.1', '10.0.0.0/8'], protocol = 'required' }}\n[apps.a]\ncomponent = '{}'\n",
        guest_file("facts").display()
    );
    std::fs::write(folder.path().join("windhover.toml"), written).expect("it can be written to");
    let mut server = Server::run(command().args(["serve", "--no-cache"]).current_dir(folder.path()));
    let request =
        "GET / HTTP/1.1\r\nhost: a\r\nwant: connection\r\nx-forwarded-for: 203.0.113.9\r\nconnection: close\r\n\r\n";
    for (client, expected) in [("10.1.2.3", "203.0.113.9"), ("192.0.2.1", "192.0.2.1")] {
        let answer = server.ask(&format!("PROXY TCP4 {client} 198.51.100.2 56324 443\r\n{request}"));
        assert!(answer.contains(&format!("\nremote: {expected} port ")), "{answer}");
        assert!(answer.contains("\nlocal: 198.51.100.2 port 443\n"), "{answer}");
    }
    let line = server.wait_for("192.0.2.1 sent the field x-forwarded-for");
    assert!(line.contains("is not trusted"), "{line}");
}

#[test]
fn the_protocol_is_switched_on_for_new_connections_while_the_server_runs() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port");
    let write = |protocol: &str| {
        let written = format!(
            "[server]\nwatch-interval = '1h'\n[endpoints.a]\nurl = 'http://{free}'\n\
             proxy = {{ trusted = ['127.0.0.1'], protocol = '{protocol}' }}\n[apps.a]\ncomponent = '{}'\n",
            guest_file("rust-hello").display()
        );
        std::fs::write(folder.path().join("windhover.toml"), written).expect("it can be written to");
    };
    write("off");
    let mut server = Server::run(command().args(["serve", "--no-cache"]).current_dir(folder.path()));
    let request = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
    let mut old = server.connect();
    let exchange = |stream: &mut TcpStream, header: &str| {
        stream.write_all(format!("{header}{request}").as_bytes()).expect("the server reads");
        let mut answer = vec![0; 12];
        stream.read_exact(&mut answer).expect("it is answered");
        String::from_utf8(answer).expect("text")
    };
    assert_eq!(exchange(&mut old, ""), "HTTP/1.1 200");
    write("required");
    server.signal(rustix::process::Signal::HUP);
    server.wait_for("the configuration was read again from");
    assert_eq!(exchange(&mut server.connect(), "PROXY UNKNOWN\r\n"), "HTTP/1.1 200");
    // Closed, or reset because of what was not read.
    assert_eq!(ask_at(&server.address, request).unwrap_or_default(), "");
}
