//! Small messages over WebSockets, sent back by the guest: how many a second, and what each costs the server.
//!
//! The client is in bytes, so that it costs little itself: a frame that was masked once is sent again and again.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use crate::args::Args;
use crate::process::Server;
use crate::report::Report;
use crate::servers::windhover;

/// What echoing for some seconds came to.
struct Echoed {
    messages_per_second: f64,
    cpu_microseconds: f64,
}

/// Lets each of [`CONNECTIONS`] keep so many messages in flight.
fn echo(server: &Server, in_flight: usize, seconds: u64) -> anyhow::Result<Echoed> {
    let connections = (0..CONNECTIONS).map(|_| open(&server.address)).collect::<anyhow::Result<Vec<_>>>()?;
    let (begin, before) = (Instant::now(), server.cpu_time()?);
    let end = begin + Duration::from_secs(seconds);
    let talks: Vec<_> =
        connections.into_iter().map(|connection| thread::spawn(move || talk(connection, in_flight, end))).collect();
    let mut messages = 0;
    for talk in talks {
        messages += talk.join().ok().context("talking does not panic")??;
    }
    let (seconds, cpu) = (begin.elapsed().as_secs_f64(), server.cpu_time()? - before);
    Ok(Echoed {
        messages_per_second: messages as f64 / seconds,
        cpu_microseconds: cpu as f64 / 1000.0 / messages as f64,
    })
}

fn open(address: &str) -> anyhow::Result<TcpStream> {
    let mut connection = TcpStream::connect(address)?;
    connection.set_nodelay(true)?;
    connection.set_read_timeout(Some(Duration::from_secs(10)))?;
    write!(
        connection,
        "GET /?tick=60000 HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        connection.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    ensure!(head.starts_with(b"HTTP/1.1 101 "), "no WebSocket: {}", head.escape_ascii());
    Ok(connection)
}

/// Sends as many messages as came back, until the time is over.
fn talk(mut connection: TcpStream, in_flight: usize, end: Instant) -> anyhow::Result<u64> {
    let frames = masked_frame().repeat(in_flight);
    let mut received = vec![0; ANSWER.len() * in_flight];
    let (mut unread, mut messages) = (0, 0);
    connection.write_all(&frames)?;
    while Instant::now() < end {
        let count = connection.read(&mut received[unread..])?;
        ensure!(count > 0, "the server closed a WebSocket");
        let came = (unread + count) / ANSWER.len();
        ensure!(received.starts_with(&ANSWER[..ANSWER.len().min(unread + count)]), "another message came back");
        received.copy_within(came * ANSWER.len()..unread + count, 0);
        unread = (unread + count) % ANSWER.len();
        messages += came as u64;
        connection.write_all(&frames[..masked_frame().len() * came])?;
    }
    Ok(messages)
}

/// The answer's message as a client sends it (RFC 6455 §5.2): a mask, and the payload under it.
fn masked_frame() -> Vec<u8> {
    let mask = [0x37, 0xfa, 0x21, 0x3d];
    let payload = ANSWER[2..].iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask);
    [ANSWER[0], 0x80 | ANSWER[1]].into_iter().chain(mask).chain(payload).collect()
}

/// A whole text message of 16 bytes as a server sends it.
const ANSWER: &[u8; 18] = b"\x81\x10sixteen bytes...";

const CONNECTIONS: usize = 16;

/// Small messages, one at a time and several.
pub(crate) fn websockets(args: &Args, report: &mut Report) -> anyhow::Result<()> {
    let server = windhover(args, "rust_websocket.wasm", &[]).start()?;
    for in_flight in [1, 8] {
        echo(&server, in_flight, 1)?; // warms up
        let echoed = echo(&server, in_flight, args.seconds)?;
        report.say(format!(
            "{} WebSockets of rust-websocket, {in_flight} messages of 16 bytes in flight on each: {:.0} messages/s, \
             {:.1} CPU µs each.",
            CONNECTIONS, echoed.messages_per_second, echoed.cpu_microseconds,
        ));
    }
    Ok(())
}
