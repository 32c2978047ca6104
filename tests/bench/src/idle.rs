//! What a connection costs that has had its answer and waits.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::process::Server;

/// Bytes of the server's memory for each idle connection.
pub(crate) fn bytes_per_connection(server: &Server) -> anyhow::Result<u64> {
    let _warm = connect(server, WARM)?;
    let before = server.memory()?;
    let _idle = connect(server, CONNECTIONS)?;
    Ok(server.memory()?.saturating_sub(before) / CONNECTIONS as u64)
}

fn connect(server: &Server, count: usize) -> anyhow::Result<Vec<TcpStream>> {
    let mut connections = Vec::with_capacity(count);
    for _ in 0..count {
        let mut connection = TcpStream::connect(&server.address)?;
        connection.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")?;
        let mut answer = [0; 512];
        anyhow::ensure!(connection.read(&mut answer)? > 0, "the server closed an idle connection");
        connections.push(connection);
    }
    Ok(connections)
}

const WARM: usize = 16;
const CONNECTIONS: usize = 800; // below the usual limit of 1,024 descriptors
