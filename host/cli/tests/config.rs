//! `windhover.toml`: what is wrong with it is told with its place and the remedy, and each key that its schema
//! documents is understood.

#![cfg(unix)] // as the other tests of the command

mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Output;

use serde_json::Value;
use support::command;

#[test]
fn each_mistake_is_told_with_its_place_and_the_remedy() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/config-mistakes.txt");
    let golden = std::fs::read_to_string(&file).expect("the golden file is there");
    let (preamble, cases) = golden.split_once("\n\n").expect("it begins with what it is");
    let mut told = format!("{preamble}\n");
    for case in cases.split("\n\n") {
        let (written, _) = case.split_once("\n--").expect("each case has an answer, or the place for it");
        let output = in_folder(written, &["config", "check"]);
        assert_eq!(output.status.code(), Some(1), "it is a mistake:\n{written}");
        told.push_str(&format!("\n{written}\n--\n{}", text(output.stdout)));
    }
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&file, &told).expect("the golden file can be written");
        return;
    }
    assert_eq!(told, golden);
}

/// What is no date anywhere in the file is a value of the wrong type for every key.
#[test]
fn a_value_of_the_wrong_type_is_told_for_every_key() {
    let mut count = 0;
    for (key, _) in keys() {
        let output = in_folder(&assignment(&key, "1979-05-27"), &["config", "check"]);
        let told = text(output.stdout);
        assert_eq!(output.status.code(), Some(1), "{key:?}: {told}");
        // The type may be told of the table that the key is in, where nothing in it is known to be right.
        assert!(told.starts_with("windhover.toml:") && told.contains(&key[0]), "{key:?}: {told}");
        count += 1;
    }
    assert!(count > 60, "the schema has only {count} keys");
}

#[test]
fn every_key_has_its_documentation() {
    for (key, description) in keys() {
        assert!(!description.is_empty(), "{key:?}");
    }
}

/// A value for each key that is not its default: it is understood, and shown with its place.
#[test]
fn every_key_is_understood() {
    let values = values();
    for (key, _) in keys() {
        let dotted = key.join(".");
        let value = values.get(dotted.as_str()).unwrap_or_else(|| panic!("a value for {dotted}, please"));
        let written = assignment(&key, value);
        let output = in_folder(&written, &["config", "show"]);
        assert!(output.status.success(), "{dotted}: {}", text(output.stderr));
        let shown = text(output.stdout);
        let last = key.last().expect("a key has a name");
        let is_of_file = |line: &&str| line.contains(" # windhover.toml:");
        if value.starts_with("[{") {
            assert!(shown.contains(&format!("[[{dotted}]]\nurl = ")), "{shown}");
            continue;
        }
        if value.starts_with('{') {
            assert!(shown.contains(&format!("{dotted}]\n")) && shown.lines().any(|line| is_of_file(&line)), "{shown}");
            continue;
        }
        let mut lines = shown.lines().filter(|line| line.starts_with(&format!("{last} = ")));
        let line = lines.find(is_of_file).unwrap_or_else(|| panic!("{dotted} is not shown as of the file:\n{shown}"));
        let normal = |text: &str| text.replace(['"', '\'', ' '], "");
        assert!(normal(line).starts_with(&normal(&format!("{last} = {value}"))), "{dotted}: {line}");
    }
}

#[test]
fn flags_stand_over_the_environment_and_that_over_the_file() {
    let folder = folder("[limits]\nmax-connections = 3\nrequest-head-timeout = \"4s\"\nkeep-alive-timeout = \"5s\"\n");
    let output = command()
        .args(["serve", "--url", "http://127.0.0.1:0", "--max-connections", "30", "--config", "windhover.toml"])
        .arg("--show-config")
        .env("WINDHOVER_MAX_CONNECTIONS", "300")
        .env("WINDHOVER_HEAD_TIMEOUT", "40")
        .current_dir(folder.path())
        .output()
        .expect("the command runs");
    let shown = text(output.stdout);
    assert!(shown.contains("max-connections = 30  # --max-connections\n"), "{shown}{}", text(output.stderr));
    assert!(shown.contains("request-head-timeout = \"40s\"  # WINDHOVER_HEAD_TIMEOUT\n"), "{shown}");
    assert!(shown.contains("keep-alive-timeout = \"5s\"  # windhover.toml:4\n"), "{shown}");
    assert!(shown.contains("url = \"http://127.0.0.1:0\"  # --url\n"), "{shown}");
}

#[test]
fn what_does_not_go_together_is_refused_with_the_key_to_write() {
    let written = "[apps.shop]\ncomponent = \"a.wasm\"\n[endpoints.web]\nurl = \"http://127.0.0.1:0\"\n";
    for (args, expected) in [
        (
            &["--timeout", "5"][..],
            "--timeout is for the app of a command line; in the file write apps.NAME.limits.timeout",
        ),
        (
            &["b.wasm", "--config", "windhover.toml"],
            "b.wasm is given, and the configuration file has apps; add it there",
        ),
        (&["--tls-cert", "a.pem"], "--tls-cert goes with --url; in the file write endpoints.NAME.tls.certificate"),
        (&["--h2", "off"], "--h2 goes with --url; in the file write endpoints.NAME.protocols"),
        (&["--config", "other.toml"], "cannot read other.toml: No such file"),
    ] {
        let output = in_folder(written, &[&["serve"], args].concat());
        let error = text(output.stderr);
        assert!(!output.status.success() && error.contains(expected), "{args:?}: {error}");
    }
}

#[test]
fn each_app_is_told_with_what_it_asks_for_and_what_it_is_granted() {
    let guest = |name: &str| windhover_tests::guest_file(name).display().to_string();
    let written = format!(
        "[apps.rich]\ncomponent = '{}'\nroutes = ['/', 'a.example/b']\n[apps.rich.grants]\nsecrets = {{ S = {{ env = 'E' }} }}\n\
         folders = {{ '/data' = {{ path = '/tmp', access = 'read-write' }} }}\n\
         outbound = [{{ url = 'https://b.example', methods = ['GET'] }}]\n[apps.poor]\ncomponent = '{}'\nroutes = ['/poor']\n",
        guest("wasi-granted"),
        guest("rust-hello"),
    );
    let output = in_folder(&written, &["check", "--config", "windhover.toml"]);
    let told = text(output.stdout);
    assert!(output.status.success(), "{told}");
    for expected in [
        "rich: ",
        "  routes     /, a.example/b\n",
        "  granted    secrets, as environment variables: S\n             folder /data: /tmp, to read and write\n             \
         outbound HTTP: https://b.example, GET\n",
        "poor: ",
        "  granted    nothing\n",
        "  may want   ",
    ] {
        assert!(told.contains(expected), "{expected}: {told}");
    }
    let output = in_folder("[apps.a]\ncomponent = 'none.wasm'\n", &["check", "--config", "windhover.toml"]);
    let told = text(output.stdout);
    assert!(!output.status.success() && told.contains("  problem    cannot read none.wasm: "), "{told}");
    let output = in_folder("[apps.a]\ncomponent = 'none.wasm'\n", &["check", "--config", "windhover.toml", "--json"]);
    let reports: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    assert_eq!((&reports[0]["app"]["name"], &reports[0]["kind"]), (&"a".into(), &"unreadable".into()));
}

/// Every key of the schema that has a value and not a table, and what is said of it. What has a name of the user's
/// choice is called `NAME`.
fn keys() -> Vec<(Vec<String>, String)> {
    let output = command().args(["config", "schema"]).output().expect("the command runs");
    let schema: Value = serde_json::from_slice(&output.stdout).expect("a schema is JSON");
    let mut found = Vec::new();
    walk(&schema, &schema, "", &mut Vec::new(), &mut found);
    found
}

fn walk(schema: &Value, node: &Value, said: &str, path: &mut Vec<String>, found: &mut Vec<(Vec<String>, String)>) {
    let said = node["description"].as_str().filter(|own| !own.is_empty() && said.is_empty()).unwrap_or(said).to_owned();
    let target = resolve(schema, node);
    if let Some(properties) = target["properties"].as_object() {
        for (name, node) in properties {
            path.push(name.clone());
            walk(schema, node, node["description"].as_str().unwrap_or_default(), path, found);
            path.pop();
        }
    } else if target["additionalProperties"].is_object() {
        path.push("NAME".to_owned());
        walk(schema, &target["additionalProperties"], &said, path, found);
        path.pop();
    } else {
        found.push((path.clone(), said));
    }
}

/// What a node refers to, but for limits that can be off: those are values.
fn resolve<'a>(schema: &'a Value, node: &'a Value) -> &'a Value {
    if let Some(reference) = node["$ref"].as_str() {
        let at = reference.strip_prefix('#').expect("it is in the same schema");
        return resolve(schema, schema.pointer(at).expect("it refers to something"));
    }
    let alternatives = node["anyOf"].as_array().or(node["allOf"].as_array());
    let is_optional = alternatives.is_some_and(|all| all.iter().any(|one| one["type"] == "null"));
    match alternatives {
        Some(alternatives) if is_optional => resolve(schema, &alternatives[0]),
        _ => node,
    }
}

/// A file with one value, and what must stand beside it.
fn assignment(key: &[String], value: &str) -> String {
    let (last, table) = key.split_last().expect("a key has a name");
    let dotted = key.join(".");
    let needed = match key[0].as_str() {
        "apps" if dotted != "apps.NAME.component" => "[apps.NAME]\ncomponent = \"a.wasm\"\n",
        "endpoints" if ["mode", "owner", "group"].iter().any(|key| dotted.ends_with(key)) => {
            "[endpoints.NAME]\nurl = \"unix:/a\"\n"
        }
        "endpoints" if dotted.contains(".tls.") => "[endpoints.NAME]\nurl = \"https://*:1\"\n",
        "endpoints" if dotted != "endpoints.NAME.url" => "[endpoints.NAME]\nurl = \"http://*:1\"\n",
        "traces" if dotted != "traces.url" => "[traces]\nurl = \"http://127.0.0.1:4318\"\n",
        _ => "",
    };
    let beside = match dotted.as_str() {
        "endpoints.NAME.tls.client-ca" => "certificate = \"c\"\nclient-certificates = \"allow\"\n",
        "endpoints.NAME.tls.client-certificates" => "certificate = \"c\"\nclient-ca = \"a\"\n",
        "endpoints.NAME.tls.certificate" => "",
        "apps.NAME.grants.folders.NAME.access" => "path = \"p\"\n",
        name if name.starts_with("endpoints.NAME.proxy.") && last != "trusted" => "trusted = [\"unix\"]\n",
        "apps.NAME.build.watch" => "commands = [\"make\"]\n",
        name if name.starts_with("endpoints.NAME.tls.names.NAME.") && last != "certificate" => "certificate = \"c\"\n",
        name if name.starts_with("endpoints.NAME.tls.") && !name.contains("names") => "certificate = \"c\"\n",
        _ => "",
    };
    let table: Vec<&str> = table.iter().map(String::as_str).collect();
    // The name of a folder is a path.
    let table = table.join(".").replace("folders.NAME", "folders.\"/n\"");
    let header = format!("[{table}]\n");
    if needed.starts_with(&header) {
        return format!("{needed}{last} = {value}\n{beside}");
    }
    format!("{needed}{header}{last} = {value}\n{beside}")
}

/// A value for each key that is not its default.
fn values() -> BTreeMap<&'static str, &'static str> {
    BTreeMap::from([
        ("server.workers", "3"),
        ("server.hosts", "[\"example.org\"]"),
        ("server.cache", "\"none\""),
        ("server.max-instances", "7"),
        ("server.max-buffered", "\"5MiB\""),
        ("server.max-grown-memory", "\"6MiB\""),
        ("server.drain-timeout", "\"7s\""),
        ("server.drain-idle-grace", "\"3s\""),
        ("server.drain-answer-timeout", "\"4s\""),
        ("server.pre-stop-delay", "\"8s\""),
        ("server.watch-interval", "\"9s\""),
        ("log.level", "\"debug\""),
        ("log.guest", "\"stderr\""),
        ("log.format", "\"json\""),
        ("log.access", "true"),
        ("limits.max-connections", "\"none\""),
        ("limits.max-upgraded-connections", "5"),
        ("limits.max-request-line-size", "\"4KiB\""),
        ("limits.max-request-fields-size", "\"5KiB\""),
        ("limits.max-request-fields", "50"),
        ("limits.request-head-timeout", "\"5s\""),
        ("limits.keep-alive-timeout", "\"2m\""),
        ("limits.max-request-body-size", "\"none\""),
        ("limits.min-request-data-rate", "{ bytes-per-second = 5, grace = \"6s\" }"),
        ("limits.min-response-data-rate", "\"none\""),
        ("limits.max-buffer-size", "\"128KiB\""),
        ("limits.tls-handshake-timeout", "\"5s\""),
        ("limits.http2.max-streams", "5"),
        ("limits.http2.max-frame-size", "\"32KiB\""),
        ("limits.http2.header-table-size", "0"),
        ("limits.http2.stream-window", "\"64KiB\""),
        ("limits.http2.connection-window", "\"2MiB\""),
        ("limits.http2.stream-send-buffer", "\"32KiB\""),
        ("limits.http2.keep-alive-ping-after", "\"1m\""),
        ("limits.http2.keep-alive-ping-timeout", "\"5s\""),
        ("endpoints.NAME.url", "\"http://127.0.0.1:0\""),
        ("endpoints.NAME.protocols", "\"http2\""),
        ("endpoints.NAME.reuse-port", "true"),
        ("endpoints.NAME.proxy.trusted", "[\"10.0.0.0/8\"]"),
        ("endpoints.NAME.proxy.headers", "\"forwarded\""),
        ("endpoints.NAME.proxy.hops", "2"),
        ("endpoints.NAME.proxy.client-certificate", "\"client-cert\""),
        ("endpoints.NAME.proxy.protocol", "\"required\""),
        ("endpoints.NAME.proxy.untrusted", "\"pass\""),
        ("endpoints.NAME.mode", "\"0600\""),
        ("traces.url", "\"http://127.0.0.1:4318\""),
        ("traces.share", "0.5"),
        ("traces.trust-clients", "true"),
        ("traces.service-name", "\"shop\""),
        ("traces.timeout", "\"3s\""),
        ("traces.fields.NAME.env", "\"TOKEN\""),
        ("traces.fields.NAME.file", "\"token\""),
        ("endpoints.NAME.owner", "\"root\""),
        ("endpoints.NAME.group", "\"0\""),
        ("endpoints.NAME.tls.certificate", "\"/c.pem\""),
        ("endpoints.NAME.tls.key", "\"/c.key\""),
        ("endpoints.NAME.tls.password-file", "\"/c.txt\""),
        ("endpoints.NAME.tls.min-version", "\"1.3\""),
        ("endpoints.NAME.tls.client-certificates", "\"require\""),
        ("endpoints.NAME.tls.client-ca", "\"/ca.pem\""),
        ("endpoints.NAME.tls.names.NAME.certificate", "\"/n.pem\""),
        ("endpoints.NAME.tls.names.NAME.key", "\"/n.key\""),
        ("endpoints.NAME.tls.names.NAME.password-file", "\"/n.txt\""),
        ("admin.url", "\"http://127.0.0.1:0\""),
        ("apps.NAME.component", "\"/a.wasm\""),
        ("apps.NAME.middleware", "[\"/m.wasm\"]"),
        ("apps.NAME.build.commands", "[\"make\"]"),
        ("apps.NAME.build.watch", "[\"src/*\"]"),
        ("apps.NAME.routes", "[\"/shop\"]"),
        ("apps.NAME.limits.timeout", "\"5s\""),
        ("apps.NAME.limits.max-timeout", "\"5m\""),
        ("apps.NAME.limits.idle-timeout", "\"7m\""),
        ("apps.NAME.limits.answer-timeout", "\"2h\""),
        ("apps.NAME.limits.max-cpu-time", "\"4s\""),
        ("apps.NAME.limits.last-words", "\"1s\""),
        ("apps.NAME.limits.max-memory", "\"5MiB\""),
        ("apps.NAME.limits.max-resource-memory", "\"6MiB\""),
        ("apps.NAME.limits.max-instances", "5"),
        ("apps.NAME.limits.max-blocking-calls", "5"),
        ("apps.NAME.limits.max-queue", "5"),
        ("apps.NAME.limits.queue-timeout", "\"5s\""),
        ("apps.NAME.limits.rapid-fail", "5"),
        ("apps.NAME.limits.max-log", "\"5KiB\""),
        ("apps.NAME.limits.websocket.max-message", "\"5KiB\""),
        ("apps.NAME.limits.websocket.keep-alive", "\"5s\""),
        ("apps.NAME.limits.outbound.connect-timeout", "\"5s\""),
        ("apps.NAME.limits.outbound.first-byte-timeout", "\"6s\""),
        ("apps.NAME.limits.outbound.between-bytes-timeout", "\"7s\""),
        ("apps.NAME.limits.outbound.max-in-flight", "8"),
        ("apps.NAME.limits.outbound.max-queue", "11"),
        ("apps.NAME.limits.outbound.queue-timeout", "\"12s\""),
        ("apps.NAME.limits.outbound.max-response-fields", "13"),
        ("apps.NAME.limits.outbound.max-response-fields-size", "\"14KiB\""),
        ("apps.NAME.limits.outbound.max-idle", "9"),
        ("apps.NAME.limits.outbound.idle-timeout", "\"10s\""),
        ("apps.NAME.grants.outbound", "[{ url = \"https://a\", methods = [\"GET\"], private = true }]"),
        ("apps.NAME.grants.outbound-authorities", "\"/ca.pem\""),
        ("apps.NAME.reuse.mode", "\"serial\""),
        ("apps.NAME.reuse.max-requests", "5"),
        ("apps.NAME.reuse.max-concurrent", "5"),
        ("apps.NAME.reuse.idle", "\"5s\""),
        ("apps.NAME.grants.files", "\"/public\""),
        ("apps.NAME.grants.environment.NAME", "\"value\""),
        ("apps.NAME.grants.config.NAME", "\"value\""),
        ("apps.NAME.grants.secrets.NAME.file", "\"/secret\""),
        ("apps.NAME.grants.secrets.NAME.env", "\"SECRET\""),
        ("apps.NAME.grants.folders.NAME.path", "\"/data\""),
        ("apps.NAME.grants.folders.NAME.access", "\"read-write\""),
    ])
}

fn folder(written: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("windhover.toml"), written).expect("it can be written to");
    folder
}

fn in_folder(written: &str, args: &[&str]) -> Output {
    command().args(args).current_dir(folder(written).path()).output().expect("the command runs")
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("it is text")
}
