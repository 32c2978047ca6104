//! Calls that block, on files and on names of other servers: one app's do not hold up another's.

use std::fs::{self, File};
use std::num::NonZeroUsize;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use tempfile::TempDir;
use windhover_contract::Application;
use windhover_sandbox::{Access, Grants, Outbound, Sandbox, SandboxLimits};
use windhover_tests::{Served, TestServer, Wire, bounded, engine_with, for_each_server, guest_of};

for_each_server! {
    async fn calls_above_an_apps_limit_wait_also_for_names_and_other_apps_go_on(server) {
        let mut pipe = Pipe::new();
        let served = two(server, &pipe, 1).await;
        let mut hanging = ask(&served, "hangs", "/read/data/pipe").await;
        pipe.wait_for_a_reader().await;
        // Meanwhile it goes on to wait for content.
        let mut expected = Vec::new();
        for path in ["/read/data/a.txt", LOOK_UP] {
            let mut wire = ask(&served, "works", path).await;
            expected.push(wire.receive_response().await.text().to_owned());
        }
        assert!(expected[0] == OF_THE_FILE && expected[1].starts_with("ErrorCode::Connection"), "{expected:?}");
        let mut reads = ask(&served, "hangs", "/read/data/a.txt").await;
        let mut looks_up = ask(&served, "hangs", LOOK_UP).await;
        let mut works = ask(&served, "works", "/read/data/a.txt").await;
        assert_eq!(works.receive_response().await.text(), OF_THE_FILE);
        served.expect_nothing_yet(&mut reads).await;
        served.expect_nothing_yet(&mut looks_up).await;
        pipe.release();
        assert_eq!(reads.receive_response().await.text(), expected[0]);
        assert_eq!(looks_up.receive_response().await.text(), expected[1]);
        assert_eq!(hanging.receive_response().await.text(), OF_THE_PIPE);
    }
}

/// By default a runtime of tokio's has 512 threads for all calls that block. In memory, where clients need no descriptors.
#[tokio::test]
async fn an_app_whose_files_hang_holds_up_no_other() {
    let mut pipe = Pipe::new();
    let served = two(TestServer::memory(), &pipe, 64).await;
    let mut hanging = Vec::new();
    for _ in 0..530 {
        hanging.push(ask(&served, "hangs", "/read/data/pipe").await);
    }
    pipe.wait_for_a_reader().await;
    for _ in 0..3 {
        let mut wire = ask(&served, "works", "/read/data/a.txt").await;
        assert_eq!(wire.receive_response().await.text(), OF_THE_FILE);
    }
    pipe.release();
    for wire in &mut hanging {
        assert_eq!(wire.receive_response().await.text(), OF_THE_PIPE);
    }
}

/// Two apps that have the same folder, each with its own limit.
async fn two(server: TestServer, pipe: &Pipe, max_blocking_calls: usize) -> Served {
    let engine = engine_with(|config| config.max_instances = 600);
    let sandbox = |name: &str| {
        let max_blocking_calls = NonZeroUsize::new(max_blocking_calls).expect("a test's own");
        let limits = SandboxLimits { max_blocking_calls, ..SandboxLimits::default() };
        let grants = Grants::default().folder("/data", pipe.folder.path(), Access::Read).expect("it is there");
        let rule = "http://localhost:9".parse::<windhover_sandbox::OutboundRule>().expect("it is one").private();
        let outbound = Outbound { rules: vec![rule], ..Outbound::default() };
        let grants = grants.outbound(outbound).expect("it needs no authorities");
        Arc::new(Sandbox::new(guest_of(&engine, "wasi-granted"), name, limits, grants))
    };
    let (hangs, works) = (sandbox("hangs"), sandbox("works"));
    server
        .workers(2)
        .serve_fn(move |request| {
            let is_hanging = request.target.authority().is_some_and(|authority| authority.as_str() == "hangs");
            let app = Arc::clone(if is_hanging { &hangs } else { &works });
            async move { app.handle(request).await }
        })
        .await
}

async fn ask(served: &Served, app: &str, path: &str) -> Wire {
    let mut wire = served.connect().await;
    wire.send(format!("GET {path} HTTP/1.1\r\nhost: {app}\r\n\r\n")).await;
    wire
}

/// A folder with a file, and with a pipe: whoever reads from that waits until it is released.
struct Pipe {
    folder: TempDir,
    is_over: Arc<AtomicBool>,
    releasing: Option<thread::JoinHandle<()>>,
}

impl Pipe {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join("a.txt"), OF_THE_FILE).expect("it can be written to");
        let made = Command::new("mkfifo").arg(folder.path().join("pipe")).status().expect("mkfifo runs");
        assert!(made.success());
        Self { folder, is_over: Arc::default(), releasing: None }
    }

    /// Opening it waits for somebody who writes (fifo(7)), so a thread of this process waits in that call.
    async fn wait_for_a_reader(&self) {
        let waiting = async {
            while !fs::read_dir("/proc/self/task").expect("Linux has it").any(|thread| {
                let call = fs::read_to_string(thread.expect("it is listed").path().join("syscall"));
                call.is_ok_and(|call| call.split(' ').next() == Some(OPENAT2))
            }) {
                tokio::task::yield_now().await;
            }
        };
        bounded("a guest to open the pipe", waiting).await;
    }

    /// Lets everybody go on who waits, also who comes later.
    fn release(&mut self) {
        let (path, is_over) = (self.folder.path().join("pipe"), Arc::clone(&self.is_over));
        self.releasing = Some(thread::spawn(move || {
            while !is_over.load(Ordering::Relaxed) {
                drop(File::options().read(true).write(true).open(&path)); // both, so that it does not wait itself
                thread::yield_now();
            }
        }));
    }
}

impl Drop for Pipe {
    /// What waits would hold up the end of a test that has failed.
    fn drop(&mut self) {
        if self.releasing.is_none() {
            self.release();
            return;
        }
        self.is_over.store(true, Ordering::Relaxed);
        let _ = self.releasing.take().map(thread::JoinHandle::join);
    }
}

/// Nobody listens there, which is found out when the name is known.
const LOOK_UP: &str = "/send/GET/http://localhost:9/";

const OF_THE_FILE: &str = "of the file";

/// What a guest is told of a file that is a pipe, once it is open.
const OF_THE_PIPE: &str = "uncategorized error";

/// The number of that call of Linux (`openat2(2)`), on every processor.
const OPENAT2: &str = "437";
