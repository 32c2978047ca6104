//! The sandbox alone, without sockets and without HTTP: one exchange, from the request to the last byte of the answer.
//! `just bench-sandbox` runs it; what it takes beside this in a server is in `just bench`.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use divan::Bencher;
use divan::counter::ItemsCount;
use http::{HeaderMap, Method, Version};
use http_body_util::BodyExt;
use tokio::runtime::Runtime;
use windhover_contract::{
    Application, Body, Connection, Ends, Features, Identifier, KnownHost, Request, Scheme, Target,
};
use windhover_sandbox::{Engine, EngineConfig, Grants, Guest, Reuse, Sandbox, SandboxLimits};

// As in the server.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    divan::main();
}

/// Each exchange in an instance of its own: instantiated, called, dropped.
#[divan::bench(sample_size = 50, args = ["rust_hello", "rust_wasi_http", "rust_wasi_http_p3"])]
fn fresh(bencher: Bencher<'_, '_>, guest: &str) {
    exchanges(bencher, guest, Reuse::Never);
}

/// One instance after the other: what the call and its features cost.
#[divan::bench(sample_size = 50, args = ["rust_hello", "rust_wasi_http"])]
fn serial(bencher: Bencher<'_, '_>, guest: &str) {
    exchanges(bencher, guest, Reuse::serial());
}

#[divan::bench(sample_size = 50, args = ["rust_wasi_http_p3"])]
fn concurrent(bencher: Bencher<'_, '_>, guest: &str) {
    exchanges(bencher, guest, Reuse::concurrent());
}

/// A thousand calls of one function in one exchange; divan tells how many are done in a second.
#[divan::bench(sample_size = 1, args = [
    "authentication.current", "connection.current", "identifier.request-id", "lifetime.is-aborted",
    "lifetime.time-left", "limits.timeout", "request.field", "request.fields", "request.head", "request.method",
    "response.has-started", "response.write", "server-addresses.addresses", "server-variables.get",
    "telemetry.set-tag", "tls.current", "upgrade.requested", "websocket.requested",
])]
fn call(bencher: Bencher<'_, '_>, function: &str) {
    let (runtime, sandbox) = deploy("calls", Reuse::Never);
    let target = format!("/{function}?{CALLS}");
    bencher.counter(ItemsCount::new(CALLS)).bench_local(|| exchange(&runtime, &sandbox, &target));
}

const CALLS: u32 = 1000;

fn exchanges(bencher: Bencher<'_, '_>, guest: &str, reuse: Reuse) {
    let (runtime, sandbox) = deploy(guest, reuse);
    bencher.bench_local(|| exchange(&runtime, &sandbox, "/"));
}

fn deploy(guest: &str, reuse: Reuse) -> (Runtime, Sandbox) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("there is an event queue");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/guests/wasm32-wasip2/release").join(guest);
    let guest = Guest::load(&ENGINE, &file.with_extension("wasm"), None).expect("`just guests` has built it");
    let sandbox = Sandbox::new(guest, "bench", SandboxLimits { reuse, ..SandboxLimits::default() }, Grants::default());
    (runtime, sandbox)
}

fn exchange(runtime: &Runtime, sandbox: &Sandbox, target: &str) -> usize {
    runtime.block_on(async {
        let response = sandbox.handle(request(target)).await;
        assert_eq!(response.status, 200);
        let content = response.body.collect().await.expect("the guest answers to the end").to_bytes();
        assert!(!content.is_empty(), "an answer without content is none that was asked for");
        content.len()
    })
}

fn request(target: &str) -> Request {
    let (method, version, uri) = (Method::GET, Version::HTTP_11, target.parse().expect("it is a target"));
    let fields = HeaderMap::from_iter([(http::header::HOST, "a".parse().expect("it is a value"))]);
    let target = Target::resolve(Scheme::Http, &method, uri, version, &fields, &KnownHost::default());
    let address = || Some(([127, 0, 0, 1], 8080).into());
    let connection = Arc::new(Connection::new("bench".to_owned(), Ends { remote: address(), local: address() }));
    let features = Features {
        connection: Some(Arc::clone(&connection)),
        server_addresses: Some(Arc::new(["http://127.0.0.1:8080".to_owned()].into_iter().collect())),
        tls: None,
        identifier: Some(Identifier { connection, number: 1 }),
        lifetime: None,
        reset: None,
        expect_continue: None,
        informational: None,
        limits: None,
        upgrade: None,
        user: None,
        server_variables: Some(Arc::new([("SERVER_SOFTWARE".to_owned(), "bench".to_owned())].into_iter().collect())),
        trace: None,
    };
    Request { target: target.expect("it is whole"), method, version, fields, body: Body::empty(), features }
}

static ENGINE: LazyLock<Engine> = LazyLock::new(|| Engine::new(&EngineConfig::default()).expect("the engine starts"));
