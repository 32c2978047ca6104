//! Middleware: what stands before an app and is made one component with it.

use std::path::Path;

use windhover_sandbox::{ComposeError, Composition, Part, World, compose, inspect};
use windhover_tests::{TestServer, for_each_server, guest, guest_behind};

use crate::{HELLO, get, ok, post};

for_each_server! {
    async fn a_middleware_answers_in_the_place_of_the_app(server) {
        let served = server.serve(guest_behind("rust-hello", &["rust-basic-auth"])).await;
        let mut wire = served.connect().await;
        for credentials in ["", &basic("d2luZGhvdmVyOm9wZW4gc2VzYW0="), "authorization: Bearer d2luZGhvdmVyOm9w\r\n"] {
            wire.send(format!("GET / HTTP/1.1\r\nhost: a\r\n{credentials}\r\n")).await;
            wire.expect(WHO_ARE_YOU).await;
        }
    }

    async fn a_middleware_lets_a_request_through_to_the_app(server) {
        let served = server.serve(guest_behind("rust-hello", &["rust-basic-auth"])).await;
        let mut wire = served.connect().await;
        for credentials in [basic(KNOWN), basic(KNOWN).replace("Basic", "bAsIc")] {
            wire.send(format!("GET / HTTP/1.1\r\nhost: a\r\n{credentials}\r\n")).await;
            wire.expect(HELLO).await;
        }
    }

    async fn the_app_behind_a_middleware_has_the_content_of_the_request(server) {
        let served = server.serve(guest_behind("echoes", &["tells-remote", "tells-remote"])).await;
        let mut wire = served.connect().await;
        wire.send(post("/", "all of it")).await;
        assert_eq!(wire.receive_response().await.text(), "all of it");
    }

    async fn the_first_middleware_sees_the_request_first(server) {
        let request = get("/remote");
        let served = server.clone().serve(guest_behind("rust-hello", &["rust-basic-auth", "tells-remote"])).await;
        let mut wire = served.connect().await;
        wire.send(&request).await;
        wire.expect(WHO_ARE_YOU).await;
        let served = server.serve(guest_behind("rust-hello", &["tells-remote", "rust-basic-auth"])).await;
        let mut wire = served.connect().await;
        wire.send(&request).await;
        assert!(wire.receive_response().await.text().starts_with("middleware: "));
    }

    async fn a_filter_is_heard_by_all_that_stand_behind_it_and_by_nobody_before_it(server) {
        let before = server.clone().serve(guest_behind("facts", &["rust-remote-address", "tells-remote"])).await;
        let behind = server.serve(guest_behind("facts", &["tells-remote", "rust-remote-address"])).await;
        for (served, told) in [(before, true), (behind, false)] {
            let mut wire = served.connect().await;
            let really = wire.local().map_or("none".to_owned(), |address| address.ip().to_string());
            wire.send(by_network("/remote")).await;
            let middleware = if told { "192.0.2.7" } else { &really };
            wire.expect(&ok(&format!("middleware: {middleware}\n"))).await;
            wire.send(by_network("/")).await;
            let app = wire.receive_response().await;
            assert!(app.text().contains("\nremote: 192.0.2.7 port 0\n"), "{}", app.text());
        }
    }

    async fn a_filter_passes_on_what_it_does_not_change(server) {
        let served = server.serve(guest_behind("facts", &["rust-remote-address"])).await;
        let mut wire = served.connect().await;
        wire.send("GET / HTTP/1.1\r\nhost: a\r\nwant: connection\r\n\r\n").await;
        let facts = wire.receive_response().await;
        let remote = wire.local().map_or("none".to_owned(), |it| format!("{} port {}", it.ip(), it.port()));
        assert!(facts.text().contains(&format!("\nremote: {remote}\n")), "{}", facts.text());
    }

    /// The two are built against different patch versions of wasi:http.
    async fn a_standard_middleware_stands_before_a_standard_app(server) {
        let served = server.serve(guest_behind("rust-wasi-http", &["wasi-stops"])).await;
        let mut wire = served.connect().await;
        wire.send(get("/stop")).await;
        assert_eq!(wire.receive_response().await.status_line, "HTTP/1.1 403 Forbidden");
        wire.send(get("/") + &post("/echo", "all of it")).await;
        assert_eq!(wire.receive_response().await.text(), "Hello from wasi:http!\n");
        assert_eq!(wire.receive_response().await.text(), "all of it");
    }

    async fn a_standard_app_is_told_what_a_filter_says(server) {
        let served = server.serve(guest_behind("wasi-with-features", &["rust-remote-address"])).await;
        let mut wire = served.connect().await;
        wire.send(by_network("/")).await;
        let answer = wire.receive_response().await;
        assert!(answer.text().contains(r#"from Some("192.0.2.7") to"#), "{}", answer.text());
    }
}

#[tokio::test]
async fn every_request_has_a_middleware_of_its_own() {
    let server = TestServer::memory().sandbox_limits(|limits| limits.max_instances = 1);
    let served = server.serve(guest_behind("counts", &["tells-remote"])).await;
    let mut wire = served.connect().await;
    for _ in 0..2 {
        wire.send(get("/")).await;
        assert_eq!(wire.receive_response().await.text(), "1\n");
    }
}

#[test]
fn a_composition_needs_what_its_parts_need() {
    assert_eq!(guest("rust-hello").needs(), []);
    let needs = guest_behind("rust-hello", &["tells-remote"]).needs().to_vec();
    assert_eq!(needs, [windhover_contract::Feature::Connection]);
}

#[test]
fn a_middleware_of_wasi_http_0_3_stands_before_an_app_of_another_patch() {
    let composition = composed(&app("wasi:http/handler@0.3.1"), &[&passes("wasi:http/handler@0.3.0")]);
    let inspection = inspect(&composition.expect("they fit").bytes, Path::new("all")).expect("it is valid");
    assert_eq!(inspection.world, Some(World::WasiHttp3));
    assert_eq!((inspection.imports, inspection.exports), (vec![], vec!["wasi:http/handler@0.3.0".to_owned()]));
}

#[test]
fn what_cannot_stand_before_the_app_is_refused_with_what_to_do() {
    let handler = app("");
    let (proxy, service) = (app("wasi:http/incoming-handler@0.2.12"), app("wasi:http/handler@0.3.0"));
    let both =
        NEXT.replace("(export", r#"(instance $i) (export "windhover:http/connection@0.1.0" (instance $i)) (export"#);
    let imports = |what: &str| NEXT.replace("(component", &format!("(component (import {what})"));
    let request = |result: &str| {
        let method = format!(r#"(instance (export "method" (func (result {result}))))"#);
        imports(&format!(r#""windhover:http/request@0.1.0" {method}"#))
    };
    for (app, middleware, expected) in [
        (&handler, vec![""], "m0.wasm is not WebAssembly: it is empty"),
        (&handler, vec![NEXT, "(module)"], "m1.wasm is a core module"),
        (&handler, vec![&NEXT.replace("(export", "(core module (func (type 9))) (export")], "m0.wasm does not compile"),
        (&handler, vec!["(component)"], "m0.wasm is not middleware; it exports nothing.\nBuild it for the world"),
        (&handler, vec![&handler], "m0.wasm is not middleware; it exports handle.\nIt never calls the next handler"),
        (&proxy, vec![&proxy], "it does not import the handler that it exports"),
        (&handler, vec![&both], "m0.wasm handles requests and also exports windhover:http/connection@0.1.0"),
        (&handler, vec![&both], "Split it into a middleware"),
        (
            &proxy,
            vec![NEXT],
            "m0.wasm cannot stand before app.wasm: it is middleware for windhover:http/application 0.1",
        ),
        (
            &handler,
            vec![&passes("wasi:http/incoming-handler@0.2.3")],
            "the app is built for windhover:http/application 0.1",
        ),
        (&service, vec![&passes("wasi:http/incoming-handler@0.2.3")], "the app is built for wasi:http/service 0.3"),
        (
            &handler,
            vec![&imports(r#""acme:a/b@1.0.0" (instance)"#)],
            "m0.wasm imports interfaces that this host does not have",
        ),
        (
            &handler,
            vec![&NEXT.replacen("(func $next)", WRONG, 1)],
            "m0.wasm does not fit the other components: mismatched",
        ),
        (
            &handler,
            vec![&request("u32"), &request("string")],
            "m1.wasm does not fit the other components: it and m0.wasm mean",
        ),
        (&"(component)".to_owned(), vec![NEXT], "app.wasm has no handler for requests"),
    ] {
        let refusal = composed(app, &middleware).expect_err("they do not go together").to_string();
        assert!(refusal.contains(expected), "{refusal}\n--- expected ---\n{expected}");
    }
}

#[test]
fn a_filter_that_changes_nothing_or_loses_something_is_warned_of() {
    let filter = passes("windhover:http/connection@0.1.0");
    let warnings = composed(&app(""), &[&filter]).expect("it does no harm").warnings;
    let [warning] = &warnings[..] else { panic!("{warnings:?}") };
    let expected = "m0.wasm exports windhover:http/connection@0.1.0, which no component behind it imports";
    assert!(warning.to_string().starts_with(expected), "{warning}");

    let asks = app("").replace("(component", r#"(component (import "windhover:http/connection@0.1.0" (instance))"#);
    assert!(composed(&asks, &[&filter]).expect("they fit").warnings.is_empty());
    let makes_up = r#"(component (instance $i) (export "windhover:http/connection@0.1.0" (instance $i)))"#;
    let warnings = composed(&asks, &[makes_up]).expect("it may").warnings;
    assert!(warnings[0].to_string().contains("and does not import it"), "{warnings:?}");
}

/// Composes texts, whose files are `app.wasm`, `m0.wasm` and so on.
fn composed(app: &str, middleware: &[&str]) -> Result<Composition, ComposeError> {
    let files: Vec<String> = (0..middleware.len()).map(|at| format!("m{at}.wasm")).collect();
    let part = |(file, text): (&String, &&str)| (file.clone(), (*text).to_owned());
    let parts: Vec<(String, String)> = files.iter().zip(middleware).map(part).collect();
    let parts: Vec<Part<'_>> =
        parts.iter().map(|(file, text)| Part { file: Path::new(file), bytes: text.as_bytes() }).collect();
    compose(Part { file: Path::new("app.wasm"), bytes: app.as_bytes() }, &parts)
}

/// An app that does nothing: exports `handle`, or an interface with a function of that name.
fn app(interface: &str) -> String {
    let export = match interface {
        "" => r#"(export "handle" (func $handle))"#.to_owned(),
        _ => format!(r#"(instance $i (export "handle" (func $handle))) (export "{interface}" (instance $i))"#),
    };
    format!(
        r#"(component
            (core module $guest (func (export "handle")))
            (core instance $guest (instantiate $guest))
            (func $handle (canon lift (core func $guest "handle")))
            {export})"#
    )
}

/// A middleware that imports an interface and exports what it got.
fn passes(interface: &str) -> String {
    let function = if interface.contains("handler") { r#"(export "handle" (func))"# } else { "" };
    format!(r#"(component (import "{interface}" (instance $i {function})) (export "{interface}" (instance $i)))"#)
}

fn basic(token: &str) -> String {
    format!("authorization: Basic {token}\r\n")
}

fn by_network(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: a\r\nwant: connection\r\ntrue-client-ip: 192.0.2.7\r\n\r\n")
}

/// A middleware that lets everything through.
const NEXT: &str = r#"(component (import "next" (func $next)) (export "handle" (func $next)))"#;
const WRONG: &str = r#"(func $next (param "request" u32))"#;

/// `windhover:open sesame`, which `rust-basic-auth` knows.
const KNOWN: &str = "d2luZGhvdmVyOm9wZW4gc2VzYW1l";

const WHO_ARE_YOU: &str = "HTTP/1.1 401 Unauthorized\r\n\
    www-authenticate: Basic realm=\"Windhover\", charset=\"UTF-8\"\r\n\
    content-type: text/plain\r\n\
    content-length: 13\r\n\
    date: …\r\n\
    \r\n\
    Who are you?\n";
