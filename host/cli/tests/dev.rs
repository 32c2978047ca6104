//! `windhover dev` as its users meet it. Runs the real binary, and commands of the system.

#![cfg(unix)] // the commands are a Unix shell's

mod support;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, test_kill_process};
use support::folder::Folder;
use support::{Server, ask_at, command, read_until};
use windhover_tests::guest_file;

/// Each source names a guest that was built before: a build is a copy.
const BUILD: &str = "cp \"$(cat source.txt)\" draft.wasm && mv draft.wasm app.wasm";

#[test]
fn it_builds_and_serves_and_again_when_a_source_changes() {
    let project = Project::new(BUILD);
    project.source("rust-hello");
    let server = project.dev();
    server.until_answered("Hello from WebAssembly!\n");
    project.source("rust-wasi-http");
    server.until_answered("Hello from wasi:http!\n");
}

#[test]
fn a_build_that_fails_is_what_every_request_hears_until_one_does_not() {
    let project = Project::new(BUILD);
    project.source("rust-hello");
    let server = project.dev();
    server.until_answered("Hello from WebAssembly!\n");
    project.write("source.txt", "/no/such/<file>");
    server.until(|answer| answer.starts_with("HTTP/1.1 500 "));
    let told = server.ask(GET);
    assert!(told.contains("content-type: text/plain; charset=utf-8\r\n"), "{told}");
    assert!(told.contains("\r\n\r\napp is not built: this step exited with code 1:\ncp "), "{told}");
    assert!(told.contains("cp: cannot stat '/no/such/<file>'"), "{told}");
    let page = server.ask("GET /any HTTP/1.1\r\nhost: a\r\naccept: text/html,*/*\r\nconnection: close\r\n\r\n");
    assert!(page.contains("content-type: text/html; charset=utf-8\r\n"), "{page}");
    assert!(page.contains("<h1>app is not built: this step exited with code 1:</h1>"), "{page}");
    assert!(page.contains("/no/such/&lt;file&gt;") && page.contains("new EventSource("), "{page}");
    project.source("rust-wasi-http");
    server.until_answered("Hello from wasi:http!\n");
}

#[test]
fn an_app_that_is_not_built_hides_no_other() {
    let app = |name: &str, build: &str| {
        format!(
            "[apps.{name}]\ncomponent = '{name}.wasm'\nroutes = ['/{name}']\n[apps.{name}.build]\n\
             commands = ['''{build}''']\nwatch = ['source.*']\n"
        )
    };
    let project = Project::new(BUILD);
    let good = format!("cp '{}' good.wasm", guest_file("rust-hello").display());
    let bad = "cp \"$(cat source.txt)\" draft.wasm && mv draft.wasm bad.wasm";
    let head = format!("[server]\ncache = '{}'\n", cache().display());
    project.write("windhover.toml", &[head, app("bad", bad), app("good", &good)].concat());
    project.write("source.txt", "/no/such/file");
    let server = project.dev();
    let ask = |path: &str| server.ask(&GET.replace("GET /", &format!("GET {path}")));
    wait(|| Some(ask("/good")).filter(|answer| answer.ends_with("\r\n\r\nHello from WebAssembly!\n")));
    let told = wait(|| Some(ask("/bad")).filter(|answer| answer.starts_with("HTTP/1.1 500 ")));
    assert!(told.contains("bad is not built: this step exited with code 1:"), "{told}");
    assert!(ask("/neither").starts_with("HTTP/1.1 404 "));
    project.source("rust-hello");
    wait(|| Some(ask("/bad")).filter(|answer| answer.ends_with("\r\n\r\nHello from WebAssembly!\n")));
}

#[test]
fn a_page_hears_that_something_else_is_served_and_a_plain_answer_is_left_as_it_is() {
    let project = Project::new(BUILD);
    project.source("rust-welcome");
    let server = project.dev();
    let page = server.until(|answer| answer.starts_with("HTTP/1.1 200 "));
    let (head, content) = page.split_once("\r\n\r\n").expect("it has a head");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("it is known");
    assert_eq!(length, content.len().to_string());
    let changes =
        content.split_once("new EventSource(\"").and_then(|(_, rest)| rest.split_once('"')).expect("a script");
    let mut events = server.connect();
    write!(events, "GET {} HTTP/1.1\r\nhost: a\r\n\r\n", changes.0).expect("it is there");
    let head = read_until(&mut events, "\r\n\r\n");
    assert!(head.contains("content-type: text/event-stream\r\n"), "{head}");
    project.source("rust-hello");
    read_until(&mut events, "data: changed\n\n");
    server.until_answered("Hello from WebAssembly!\n");
}

/// The script of a page that a browser has kept is of another time, and would load it anew for ever.
#[test]
fn a_page_is_not_kept_whatever_its_app_says() {
    let project = Project::new(BUILD);
    project.source("answers");
    let server = project.dev();
    let get = |fields: &str| {
        server.ask(&format!("GET / HTTP/1.1\r\nhost: a\r\naccept: text/html,*/*\r\n{fields}connection: close\r\n\r\n"))
    };
    server.until(|answer| answer.ends_with("\r\n\r\ncontent\n"));
    let kept =
        "give-etag: \"1\"\r\ngive-last-modified: Mon, 30 Nov 2026 16:00:00 GMT\r\ngive-cache-control: max-age=60\r\n";
    let page = get(&format!("give-content-type: text/html\r\n{kept}"));
    assert!(page.contains("new EventSource") && page.contains("\r\ncache-control: no-store\r\n"), "{page}");
    assert!(!page.contains("etag") && !page.contains("last-modified") && !page.contains("max-age"), "{page}");
    let other = get(&format!("give-content-type: text/css\r\n{kept}"));
    assert!(other.contains("\r\netag: \"1\"\r\n") && other.contains("max-age=60"), "{other}");
    // Nor is it asked whether what it has kept is good.
    project.source("facts");
    server.until(|answer| answer.contains("\nprotocol: "));
    for field in ["if-none-match", "if-modified-since", "range", "if-range"] {
        let told = get(&format!("{field}: \"1\"\r\nwant: field {field}\r\n"));
        assert!(told.ends_with("\r\n\r\nNone\n"), "{told}");
    }
}

#[test]
fn no_request_fails_while_it_is_built_and_swapped() {
    let project = Project::new(BUILD);
    project.source("rust-hello");
    let server = project.dev();
    server.until_answered("Hello from WebAssembly!\n");
    let (is_done, address) = (AtomicBool::new(false), server.address.as_str());
    std::thread::scope(|scope| {
        let is_done = &is_done;
        let asking = scope.spawn(move || {
            let mut answers = 0;
            while !is_done.load(Ordering::Relaxed) {
                let answer = ask_at(address, GET).expect("it is answered");
                assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
                answers += 1;
            }
            answers
        });
        for round in 0..REBUILDS {
            let (guest, greeting) =
                [("rust-wasi-http", "Hello from wasi:http!\n"), ("rust-hello", "Hello from WebAssembly!\n")][round % 2];
            project.source(guest);
            server.until_answered(greeting);
        }
        is_done.store(true, Ordering::Relaxed);
        assert!(asking.join().expect("none failed") > REBUILDS);
    });
}

/// The build writes its own source anew, and says more than anybody keeps.
#[test]
fn a_build_that_touches_its_sources_is_not_built_for_ever() {
    let project = Project::new(
        "echo build >> builds && yes | head -c 1000000 && cat source.txt > copy && cat copy > source.txt && \
         cp \"$(cat source.txt)\" draft.wasm && mv draft.wasm app.wasm",
    );
    project.source("rust-hello");
    let server = project.dev();
    server.until_answered("Hello from WebAssembly!\n");
    project.source("rust-wasi-http");
    server.until_answered("Hello from wasi:http!\n");
    assert_eq!(project.wait_for("builds"), "build\nbuild\n");
}

#[test]
fn it_leaves_no_process_behind() {
    let project = Project::new("echo $$ > group && sleep 1000");
    let server = project.dev();
    let group = project.wait_for("group");
    let group = Pid::from_raw(group.trim().parse().expect("it is a number")).expect("it is positive");
    assert!(test_kill_process(group).is_ok());
    let waiting = server.ask(GET);
    assert!(waiting.starts_with("HTTP/1.1 503 ") && waiting.contains("The app is being built."), "{waiting}");
    server.signal(Signal::INT);
    assert!(server.ended().status.success());
    assert!(test_kill_process(group).is_err(), "what it ran for the build still runs");
}

#[test]
fn what_is_wrong_with_the_configuration_is_told_and_heard_when_it_is_mended() {
    let project = Project::new("cp '<' app.wasm");
    let told = Folder::with(&[("windhover.toml", "[apps.a]\ncomponent = 'a.wasm'\n")]).told(&["dev"], 1);
    assert!(told.contains("does not say how an app is built"), "{told}");
    project.source("rust-hello");
    let server = project.dev();
    server.until(|answer| answer.starts_with("HTTP/1.1 500 "));
    project.write("windhover.toml", &config(BUILD));
    server.until_answered("Hello from WebAssembly!\n");
    project.write("windhover.toml", "[apps.app]\n");
    let told = server.until(|answer| answer.starts_with("HTTP/1.1 500 "));
    assert!(told.contains("windhover.toml is invalid:") && told.contains("component is missing"), "{told}");
}

struct Project(Folder);

impl Project {
    fn new(build: &str) -> Self {
        Self(Folder::with(&[("windhover.toml", &config(build))]))
    }

    /// Replaces a file at once, as editors do.
    fn write(&self, name: &str, content: &str) {
        let draft = self.0.path("draft.txt");
        fs::write(&draft, content).and_then(|()| fs::rename(&draft, self.0.path(name))).expect("the folder is ours");
    }

    fn source(&self, guest: &str) {
        self.write("source.txt", &guest_file(guest).display().to_string());
    }

    fn dev(&self) -> Server {
        let folder = self.0.path(".");
        Server::run(command().args(["dev", "--url", "http://127.0.0.1:0"]).current_dir(folder))
    }

    fn wait_for(&self, name: &str) -> String {
        let file = self.0.path(name);
        wait(|| fs::read_to_string(&file).ok().filter(|content| !content.is_empty()))
    }
}

impl Server {
    /// Asks until it is answered so.
    fn until(&self, is_so: impl Fn(&str) -> bool) -> String {
        wait(|| Some(self.ask(GET)).filter(|answer| is_so(answer)))
    }

    fn until_answered(&self, content: &str) {
        self.until(|answer| answer.starts_with("HTTP/1.1 200 ") && answer.ends_with(&format!("\r\n\r\n{content}")));
    }
}

fn config(build: &str) -> String {
    format!(
        "[server]\ncache = '{}'\n[apps.app]\ncomponent = 'app.wasm'\n[apps.app.build]\ncommands = ['''{build}''']\n\
         watch = ['source.*']\n",
        cache().display()
    )
}

/// The folder of all tests' guests, so that each is compiled once.
fn cache() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/guests/cache")
}

fn wait<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < WAIT_LIMIT, "it does not come");
        std::thread::sleep(Duration::from_millis(10)); // only between two looks, and never relied upon
    }
}

const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";

const REBUILDS: usize = 10;

const WAIT_LIMIT: Duration = Duration::from_secs(60);
