//! The sandbox alone, without sockets and without HTTP: one exchange, from the request to the last octet of the answer.
//! `just bench-sandbox` runs it; what it takes beside this in a server is in `just bench`.

use std::path::Path;
use std::sync::LazyLock;

use divan::Bencher;
use http::{HeaderMap, Method, Version};
use http_body_util::BodyExt;
use tokio::runtime::Runtime;
use windhover_contract::{Application, Body, Features, KnownHost, Request, Scheme, Target};
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

fn exchanges(bencher: Bencher<'_, '_>, guest: &str, reuse: Reuse) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("there is an event queue");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/guests/wasm32-wasip2/release").join(guest);
    let guest = Guest::load(&ENGINE, &file.with_extension("wasm"), None).expect("`just guests` has built it");
    let sandbox = Sandbox::new(guest, "bench", SandboxLimits { reuse, ..SandboxLimits::default() }, Grants::default());
    bencher.bench_local(|| exchange(&runtime, &sandbox));
}

fn exchange(runtime: &Runtime, sandbox: &Sandbox) -> usize {
    runtime.block_on(async {
        let response = sandbox.handle(request()).await;
        assert_eq!(response.status, 200);
        response.body.collect().await.expect("the guest answers to the end").to_bytes().len()
    })
}

fn request() -> Request {
    let (method, version, uri) = (Method::GET, Version::HTTP_11, "/".parse().expect("it is a target"));
    let fields = HeaderMap::from_iter([(http::header::HOST, "a".parse().expect("it is a value"))]);
    let target = Target::resolve(Scheme::Http, &method, uri, version, &fields, &KnownHost::default());
    let features = Features {
        connection: None,
        server_addresses: None,
        tls: None,
        identifier: None,
        lifetime: None,
        reset: None,
        informational: None,
        limits: None,
        upgrade: None,
        user: None,
        server_variables: None,
        trace: None,
    };
    Request { target: target.expect("it is whole"), method, version, fields, body: Body::empty(), features }
}

static ENGINE: LazyLock<Engine> = LazyLock::new(|| Engine::new(&EngineConfig::default()).expect("the engine starts"));
