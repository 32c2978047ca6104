//! `windhover front`: what it prints fits the configuration. `just fronts` runs the proxies with it.

#![cfg(unix)] // as the other tests of the command

mod support;

use std::process::Output;

use support::command;

#[test]
fn each_proxy_gets_the_address_the_limits_and_the_hosts_of_the_file() {
    let file = r#"
        [server]
        hosts = ["example.org", "*.example.org"]
        [limits]
        max-request-body-size = 12345
        keep-alive-timeout = "40s"
        [endpoints.main]
        url = "http://*:8099"
        [admin]
        url = "http://127.0.0.1:9099"
    "#;
    for (proxy, expected) in [
        (
            "nginx",
            &[
                "server 127.0.0.1:8099;",
                "client_max_body_size 12345;",
                "keepalive_timeout 20s;",
                "server_name example.org *.example.org;",
            ][..],
        ),
        ("apache", &["http://127.0.0.1:8099/ nocanon ttl=20", "LimitRequestBody 12345", "ServerAlias *.example.org"]),
        ("haproxy", &["server app 127.0.0.1:8099", "gt 12345 }", "pool-purge-delay 20s", "addr 127.0.0.1 port 9099"]),
        ("caddy", &["example.org, *.example.org {", "max_size 12345", "keepalive 20s", "health_port 9099"]),
    ] {
        let output = front(file, &[proxy]);
        let printed = text(&output.stdout);
        assert!(output.status.success(), "{}", text(&output.stderr));
        for part in expected.iter().chain(&["[endpoints.main.proxy]", "trusted = [\"127.0.0.1\", \"::1\"]"]) {
            assert!(printed.contains(part), "{proxy} has no {part:?}:\n{printed}");
        }
    }
}

#[test]
fn a_unix_socket_is_connected_to_and_trusted() {
    let file = "[endpoints.web]\nurl = \"unix:/run/app.sock\"\n";
    for (proxy, address, group) in [
        ("nginx", "server unix:/run/app.sock;", "www-data"),
        ("apache", "unix:/run/app.sock|http://windhover/", "www-data"),
        ("haproxy", "server app unix@/run/app.sock", "haproxy"),
        ("caddy", "reverse_proxy unix//run/app.sock", "caddy"),
    ] {
        let printed = text(&front(file, &[proxy]).stdout);
        assert!(printed.contains(address) && printed.contains("trusted = [\"unix\"]"), "{printed}");
        assert!(printed.contains(&format!("group = \"{group}\"")), "{printed}");
    }
}

#[test]
fn what_a_proxy_cannot_do_is_an_error_with_the_remedy() {
    let web = "[endpoints.web]\nurl = \"http://127.0.0.1:8080\"\n";
    let two = "[endpoints.a]\nurl = \"http://127.0.0.1:1\"\n[endpoints.b]\nurl = \"http://127.0.0.1:2\"\n";
    let held = "[endpoints.web]\nurl = \"systemd:web\"\n";
    let old = "[endpoints.web]\nurl = \"http://127.0.0.1:8080\"\nprotocols = \"http1\"\n";
    let forwarded = "[endpoints.web]\nurl = \"http://127.0.0.1:8080\"\nproxy = { headers = \"forwarded\" }\n";
    let certificate = "[endpoints.web]\nurl = \"http://127.0.0.1:8080\"\nproxy = { trusted = [\"127.0.0.1\"], client-certificate = \"client-cert\" }\n";
    for (file, args, expected) in [
        (certificate, &["nginx"][..], "a client's own would be believed"),
        (web, &["nginx", "--protocol", "h2c"][..], "nginx speaks HTTP/2 to Windhover only for gRPC"),
        (web, &["nginx", "--proxy-protocol", "v1"], "needs an https url and tls.certificate"),
        (
            web,
            &["caddy", "--inner", "--proxy-protocol", "v1"],
            "Caddy does not send the PROXY protocol; nginx and HAProxy do",
        ),
        (web, &["nginx", "--inner", "--proxy-protocol", "v2"], "nginx sends version 1 of the PROXY protocol"),
        (web, &["nginx", "--endpoint", "main"], "there is no endpoint main; the file has web"),
        (two, &["nginx"], "there are several endpoints: choose one of a, b with --endpoint"),
        (held, &["nginx"], "has no address that is known here; give --upstream"),
        (old, &["haproxy", "--protocol", "h2c"], "endpoint web does not speak HTTP/2: set its protocols"),
        (forwarded, &["nginx"], "endpoints.web.proxy.headers is \"forwarded\""),
    ] {
        let output = front(file, args);
        let told = text(&output.stderr);
        assert!(!output.status.success() && told.contains(expected), "{args:?}: {told}");
    }
}

#[test]
fn without_a_file_it_is_for_what_serve_does_without_one() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = command().current_dir(folder.path()).args(["front", "caddy"]).output().expect("it runs");
    assert!(text(&output.stdout).contains("reverse_proxy 127.0.0.1:8080 {"), "{}", text(&output.stderr));
}

fn front(file: &str, args: &[&str]) -> Output {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("windhover.toml"), file).expect("the folder is ours");
    command().current_dir(folder.path()).arg("front").args(args).output().expect("it runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
