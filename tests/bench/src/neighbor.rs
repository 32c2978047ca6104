//! How long the clients of one app wait while another app of the same server is attacked.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Context;

use crate::load::{Cost, Load};
use crate::process::{Contender, Server};

/// Two apps, one at `/` and the other below `/foe`, on one thread.
pub(crate) fn server(windhover: &Path, app: &Path, foe: &Path, folder: &Path) -> anyhow::Result<Contender> {
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
pub(crate) fn attacked(server: &Server, load: &Load, foes: usize, seconds: u64) -> anyhow::Result<Cost> {
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
