//! Endpoints behind proxies: whom apps, the log and the host filter see, and what the log says about a proxy that is not
//! trusted.

#![cfg(unix)] // as the other tests of the command

mod support;

use rustix::process::Signal;
use serde_json::Value;
use support::folder::Folder;
use support::{Server, command};
use windhover_tests::guest_file;

/// A server of the app `facts` with this `[endpoints.web.proxy]`.
fn served(folder: &Folder, proxy: &str) -> Server {
    folder.write("windhover.toml", config(proxy).as_bytes());
    let file = folder.path("windhover.toml");
    Server::run(command().args(["serve", "--no-cache", "--access-log", "--log-format", "json", "--config"]).arg(file))
}

fn config(proxy: &str) -> String {
    let app = guest_file("facts").display().to_string();
    format!(
        "[server]\nhosts = ['a.example']\n[endpoints.web]\nurl = 'http://127.0.0.1:0'\n[endpoints.web.proxy]\n{proxy}\n\
         [apps.facts]\ncomponent = '{app}'\nroutes = ['/', '/base']\n"
    )
}

fn ask(server: &Server, path: &str, fields: &str) -> String {
    server.ask(&format!("GET {path} HTTP/1.1\r\nconnection: close\r\n{fields}\r\n"))
}

#[test]
fn apps_the_log_and_the_host_filter_see_the_client_that_a_trusted_proxy_reports() {
    let folder = Folder::with(&[]);
    let server = served(&folder, "trusted = ['127.0.0.1', '10.0.0.0/8']\nhops = 2");
    let of_client = "host: internal\r\nx-forwarded-for: 6.6.6.6, 192.0.2.1, 10.0.0.9\r\nx-forwarded-proto: https\r\n\
                     x-forwarded-host: A.example:8443\r\nx-forwarded-prefix: /outer\r\n";
    let request = ask(&server, "/base/p?q", of_client);
    for fact in [
        "scheme: \"https\"\n",
        "authority: \"A.example:8443\"\n",
        "path-base: \"/outer/base\"\n",
        "path: \"/p\"\n",
        "field host: A.example:8443\n",
    ] {
        assert!(request.contains(fact), "{fact} is not in {request}");
    }
    assert!(!request.contains("x-forwarded"), "{request}");
    let connection = ask(&server, "/", &format!("{of_client}want: connection\r\n"));
    assert!(connection.contains("\nremote: 192.0.2.1 port 0\n"), "{connection}");
    let route = ask(&server, "/", &format!("{of_client}want: route\r\n"));
    assert!(route.contains("remote: 127.0.0.1 port ") && route.contains(", 10.0.0.9 port 0\n"), "{route}");
    assert!(route.contains("\nproxies: 127.0.0.1 port "), "{route}");
    // The host filter hears of the host that the client asked for, and of no other.
    assert!(ask(&server, "/", "host: internal\r\n").starts_with("HTTP/1.1 400 "));
    assert!(ask(&server, "/", "host: a.example\r\nx-forwarded-host: evil\r\n").starts_with("HTTP/1.1 400 "));
    server.signal(Signal::TERM);
    let log = server.ended().stderr;
    let first: Value = log
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .find(|line: &Value| line["message"] == "exchange")
        .expect("each exchange has a line");
    for (key, expected) in
        [("client", "192.0.2.1"), ("host", "A.example:8443"), ("scheme", "https"), ("path", "/outer/base/p")]
    {
        assert_eq!(first[key], expected, "{key}: {first:#}");
    }
    assert!(!log.contains("trusted ="), "nobody else was heard of: {log}");
}

#[test]
fn a_proxy_that_is_not_trusted_is_named_once_with_the_line_that_trusts_it() {
    let folder = Folder::with(&[]);
    let mut server = served(&folder, "trusted = ['192.0.2.9']");
    let claims = "host: a.example\r\nx-forwarded-for: 192.0.2.1\r\nwant: connection\r\n";
    for _ in 0..2 {
        let told = ask(&server, "/", claims);
        assert!(told.contains("\nremote: 127.0.0.1 port "), "{told}");
    }
    let line = server.wait_for("endpoints.web");
    for part in [
        "127.0.0.1 sent the field x-forwarded-for",
        "[endpoints.web.proxy]",
        r#"trusted = [\"192.0.2.9\", \"127.0.0.1\"]"#,
    ] {
        assert!(line.contains(part), "{part} is not in {line}");
    }
    // What it says to write takes effect without a restart, and is all that there is to say.
    folder.write("windhover.toml", config("trusted = ['192.0.2.9', '127.0.0.1']").as_bytes());
    server.signal(Signal::HUP);
    server.wait_for("the configuration was read again");
    let told = ask(&server, "/", claims);
    assert!(told.contains("\nremote: 192.0.2.1 port 0\n"), "{told}");
    server.signal(Signal::TERM);
    let rest = server.ended().stderr;
    assert!(!rest.contains("endpoints.web"), "{rest}");
}
