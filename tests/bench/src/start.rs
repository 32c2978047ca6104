//! How long a server takes from its process's start to its first answer.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::process::Contender;

/// The median of so many starts.
pub(crate) fn first_answer(contender: &Contender, starts: usize) -> anyhow::Result<Duration> {
    let mut times = Vec::new();
    for _ in 0..=starts {
        let begin = Instant::now();
        let server = contender.start()?;
        let mut connection = TcpStream::connect(&server.address)?;
        connection.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")?;
        let mut answer = [0; 12];
        connection.read_exact(&mut answer)?;
        anyhow::ensure!(answer == *b"HTTP/1.1 200", "the first answer is {:?}", String::from_utf8_lossy(&answer));
        times.push(begin.elapsed());
    }
    times.remove(0); // it has filled a cache, of the server or of the system
    times.sort_unstable();
    Ok(times[times.len() / 2])
}
