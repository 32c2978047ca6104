//! What a large body costs that is echoed as it arrives: time, and the server's memory at its peak.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use crate::process::Server;

/// What streaming [`SIZE`] bytes through a guest and back cost.
pub(crate) struct Streamed {
    pub(crate) megabytes_per_second: f64,
    /// Above what the server had before.
    pub(crate) peak_memory: u64,
}

/// Sends a body to `/echo` and reads it back meanwhile.
pub(crate) fn echo(server: &Server) -> anyhow::Result<Streamed> {
    let mut writer = TcpStream::connect(&server.address)?;
    let mut reader = writer.try_clone()?;
    reader.set_read_timeout(Some(Duration::from_secs(10)))?;
    let before = server.memory()?;
    let begin = Instant::now();
    let sending = thread::spawn(move || -> std::io::Result<()> {
        write!(writer, "POST /echo HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {SIZE}\r\n\r\n")?;
        (0..SIZE / PIECE.len()).try_for_each(|_| writer.write_all(&PIECE))
    });
    let (mut received, mut peak, mut sampled, mut status) = (0, before, begin, Vec::new());
    let mut echoed = 0;
    let mut buffer = vec![0; 1 << 20];
    loop {
        let count = reader.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        received += count;
        status.extend(buffer[..count].iter().take(STATUS.len() - status.len()));
        echoed += buffer[..count].iter().filter(|byte| **byte == b'x').count();
        if sampled.elapsed() > Duration::from_millis(5) {
            sampled = Instant::now();
            peak = peak.max(server.memory()?);
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    sending.join().ok().context("sending does not panic")??;
    ensure!(status == STATUS, "the answer begins with {}", status.escape_ascii());
    ensure!(received > SIZE, "{received} bytes came back of {SIZE} and a head"); // the framing makes it more
    ensure!(echoed >= SIZE, "{echoed} bytes came back unchanged of {SIZE}"); // a field of the head may have some too
    Ok(Streamed { megabytes_per_second: SIZE as f64 / 1e6 / seconds, peak_memory: peak - before })
}

pub(crate) const SIZE: usize = 100 << 20;
const STATUS: &[u8] = b"HTTP/1.1 200 ";
static PIECE: [u8; 64 << 10] = [b'x'; 64 << 10];
