//! What a connection costs that has had its answer and waits.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::process::Server;

/// Bytes of the server's memory for each idle connection, when they have come in waves and the last has waited a while.
pub(crate) fn bytes_per_connection(server: &Server) -> anyhow::Result<u64> {
    let mut idle = connect(server, WARM)?;
    std::thread::sleep(WHILE); // what the first instances needed has been given back then
    let before = server.memory()?;
    for _ in 0..WAVES {
        idle.extend(connect(server, WAVE)?);
        std::thread::sleep(WHILE);
    }
    Ok(server.memory()?.saturating_sub(before) / (WAVES * WAVE) as u64)
}

fn connect(server: &Server, count: usize) -> anyhow::Result<Vec<TcpStream>> {
    let mut connections = Vec::with_capacity(count);
    for _ in 0..count {
        let mut connection = TcpStream::connect(&server.address)?;
        connection.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")?;
        let mut answer = [0; 512];
        let count = connection.read(&mut answer)?;
        anyhow::ensure!(count > 0, "the server closed an idle connection");
        let is_well = answer.starts_with(b"HTTP/1.1 200 ");
        anyhow::ensure!(is_well, "the answer begins with {}", answer[..count].escape_ascii());
        connections.push(connection);
    }
    Ok(connections)
}

const WARM: usize = 16;

/// Below the usual limit of 1,024 descriptors, in all.
const WAVES: usize = 4;
const WAVE: usize = 200;

/// Windhover waits for a client with less at hand when it has been silent for a second, and returns memory to the system
/// once a second.
const WHILE: Duration = Duration::from_secs(3);
