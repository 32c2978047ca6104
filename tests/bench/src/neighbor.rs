//! How long the clients of one app wait while another app of the same server is attacked.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Context;

use crate::args::Args;
use crate::load::{Cost, Load};
use crate::process::{Contender, Server};
use crate::report::Report;

/// Two apps, one at `/` and the other below `/foe`, on one thread.
fn server(windhover: &Path, app: &Path, foe: &Path, folder: &Path) -> anyhow::Result<Contender> {
    let file = folder.join("windhover.toml");
    let (app, foe) = (app.canonicalize()?, foe.canonicalize()?);
    let text = format!(
        "[server]\nworkers = 1\ncache = \"none\"\n[endpoints.http]\nurl = \"http://127.0.0.1:0\"\n\
         [apps.app]\ncomponent = {app:?}\nroutes = [\"*/\"]\n[apps.foe]\ncomponent = {foe:?}\nroutes = [\"*/foe\"]\n"
    );
    std::fs::write(&file, text)?;
    Ok(Contender::new(windhover, ["serve".into(), "--config".into(), file.into()]))
}

/// What the load sees while so many connections ask for the foe, again and again.
fn attacked(server: &Server, load: &Load, foes: usize, seconds: u64) -> anyhow::Result<Cost> {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..foes {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    // It is refused now and then, and comes back.
                    let _ = ask(&server.address, &is_over);
                }
            });
        }
        let cost = load.run(server, seconds).context("while another app was attacked");
        is_over.store(true, Ordering::Relaxed);
        cost
    })
}

/// One request after the other, until the connection ends or time is over.
fn ask(address: &str, is_over: &AtomicBool) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_millis(100)))?;
    let mut buffer = [0; 4096];
    while !is_over.load(Ordering::Relaxed) {
        stream.write_all(b"GET /foe/ HTTP/1.1\r\nhost: a\r\n\r\n")?;
        loop {
            match stream.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(_) => break, // answers are small
                Err(_) if is_over.load(Ordering::Relaxed) => return Ok(()),
                Err(_) => {}
            }
        }
    }
    Ok(())
}

/// An app with half as many requests as the server can answer, while another app is attacked.
pub(crate) fn neighbors(args: &Args, report: &mut Report) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let guest = |name: &str| args.guests.join(name);
    report.say(format!(
        "rust-hello at half of its peak while {FOES} connections ask for another app of the server, again and again, on \
         the same core:\n\n| the other app | p50, p99 µs without | p50, p99 µs with | p99 ratio |\n|---|---|---|---|"
    ));
    for (name, foe) in [
        ("never returns (spins)", "spins.wasm"),
        ("computes for 5 ms a request (computes)", "computes.wasm"),
        ("takes all memory (hogs-memory)", "hogs_memory.wasm"),
        ("traps (traps)", "traps.wasm"),
        ("writes far too much to the log (chats)", "chats.wasm"),
    ]
    .into_iter()
    .filter(|(name, _)| args.wants(name))
    {
        let server = server(&args.windhover, &guest("rust_hello.wasm"), &guest(foe), folder.path())?.start()?;
        let peak = Load::get("/").run(&server, 1)?;
        let load = Load::get("/").rate(peak.requests_per_second / 2.0);
        let mut rounds = Vec::new();
        for _ in 0..args.rounds {
            let alone = load.run(&server, args.seconds)?;
            let beside = attacked(&server, &load, FOES, args.seconds)?;
            rounds.push((beside.p99.as_secs_f64() / alone.p99.as_secs_f64(), alone, beside));
        }
        rounds.sort_by(|one, other| one.0.total_cmp(&other.0));
        let (ratio, alone, beside) = &rounds[rounds.len() / 2];
        let micros = |time: &Duration| time.as_secs_f64() * 1e6;
        report.say(format!(
            "| {name} | {:.0}, {:.0} | {:.0}, {:.0} | {ratio:.2} |",
            micros(&alone.median),
            micros(&alone.p99),
            micros(&beside.median),
            micros(&beside.p99),
        ));
    }
    report.say("");
    Ok(())
}

/// Connections that attack.
const FOES: usize = 8;
