//! Restarts of Windhover and swaps of its app behind a proxy, under load: no request may fail.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use parking_lot::Mutex;

use crate::client::{Content, Request, Target, Version};
use crate::columns::Column;
use crate::windhover::{Endpoint, Machine};

/// What was measured behind a proxy.
pub(crate) struct Measured {
    pub(crate) column: &'static str,
    pub(crate) restarts: usize,
    pub(crate) swaps: usize,
    pub(crate) requests: usize,
    pub(crate) failed: Vec<String>,
    pub(crate) took: Duration,
}

/// The socket is held by this process, as systemd holds it, so that no connection is refused between two processes.
pub(crate) async fn restarts(
    machine: &Machine,
    column: &'static Column,
    restarts: usize,
    swaps: usize,
) -> Result<Measured> {
    let folder = format!("restarts-{}", column.name.to_lowercase());
    let mut front = column.start_at(machine, &folder, Endpoint::Held).await?;
    let began = Instant::now();
    let load = Arc::new(Load::default());
    let clients: Vec<_> = (0..4).map(|client| tokio::spawn(Arc::clone(&load).client(front.target, client))).collect();
    for restart in 0..restarts {
        load.wait_for_more(8).await?;
        front.windhover.restart().await.with_context(|| format!("restart {restart}"))?;
    }
    let module = fs::read(&machine.module)?;
    for swap in 0..swaps {
        load.wait_for_more(8).await?;
        // A section that means nothing makes it another version.
        let note = format!("swap {swap}").into_bytes();
        let size = u8::try_from(note.len()).expect("it is short");
        let other = [&module[..], &[0, size + 1, size], &note].concat();
        let new = front.windhover.folder.join("new.wasm");
        fs::write(&new, other)?;
        let is_served = "the new version of the app is served";
        let before = front.windhover.process.said().matches(is_served).count();
        fs::rename(&new, front.windhover.folder.join("conformance.wasm"))?;
        let is_swapped = |process: &crate::process::Process| process.said().matches(is_served).count() > before;
        front.windhover.process.wait_until("the new version is served", is_swapped).await?;
    }
    load.wait_for_more(8).await?;
    load.is_over.store(true, Ordering::Relaxed);
    for client in clients {
        client.await?;
    }
    let failed = load.failed.lock().clone();
    let requests = load.answered.load(Ordering::Relaxed) + failed.len();
    Ok(Measured { column: column.name, restarts, swaps, requests, failed, took: began.elapsed() })
}

#[derive(Default)]
struct Load {
    answered: AtomicUsize,
    failed: Mutex<Vec<String>>,
    is_over: AtomicBool,
}

impl Load {
    /// Asks again and again: with and without content, over both versions of HTTP.
    async fn client(self: Arc<Self>, target: Target, client: usize) {
        let version = if client.is_multiple_of(2) { Version::Http1 } else { Version::Http2 };
        let mut round = 0;
        while !self.is_over.load(Ordering::Relaxed) {
            round += 1;
            match tokio::time::timeout(LIMIT, ask(target, version, client, round)).await {
                Ok(Ok(())) => drop(self.answered.fetch_add(1, Ordering::Relaxed)),
                Ok(Err(error)) => self.failed.lock().push(format!("{}: {error:#}", version.name())),
                Err(_) => self.failed.lock().push(format!("{}: no answer for {LIMIT:?}", version.name())),
            }
            tokio::time::sleep(Duration::from_millis(5)).await; // the load is not what is measured
        }
    }

    /// Waits until so many more are answered.
    async fn wait_for_more(&self, more: usize) -> Result<()> {
        let enough = self.answered.load(Ordering::Relaxed) + more;
        let began = Instant::now();
        while self.answered.load(Ordering::Relaxed) < enough {
            ensure!(began.elapsed() < 2 * LIMIT, "nothing is answered any more: {:?}", self.failed.lock().last());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }
}

async fn ask(target: Target, version: Version, client: usize, round: usize) -> Result<()> {
    if round.is_multiple_of(2) {
        let path = format!("/load-{client}-{round}");
        let answer = target.get(version, &path).await?;
        ensure!(answer.head.status == 200, "GET {path}: {} {}", answer.head.status, answer.text());
        ensure!(answer.text() == format!("GET {path}\n"), "{path} gets {:?}", answer.text());
        return Ok(());
    }
    let content = [1; 10_000];
    let answer = target.ask(version, &Request::post("/count", Content::Length(10_000)), &content).await?;
    ensure!(answer.head.status == 200, "POST: {} {}", answer.head.status, answer.text());
    ensure!(answer.text() == "10000 bytes, sum 10000\n", "POST gets {:?}", answer.text());
    Ok(())
}

const LIMIT: Duration = Duration::from_secs(15);
