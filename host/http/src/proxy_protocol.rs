//! The PROXY protocol (haproxy.org/download/3.2/doc/proxy-protocol.txt): the header by which a proxy tells, before the
//! first byte of TLS or HTTP, for whom it connects.
//!
//! Where it is required, every connection begins with it. One that does not is closed, and never taken for a client
//! without a proxy: else a client that reaches the port could choose its own address. The header is bounded in size and
//! time.

mod header;

use std::io;
use std::net::SocketAddr;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};
use windhover_contract::{Application, Connection, ProxyFault, TrustedPeers};

use crate::connection::Connections;
use crate::drain::LAST_CHANCE;
use crate::stream::Stream;

pub(crate) use header::Told;

impl<A: Application> Connections<A> {
    /// Reads the header that the connection begins with, and returns what it tells and what was read behind it. `None`:
    /// the peer closed the connection without a byte, as some health checks do, or the server shuts down.
    pub(crate) async fn read_proxy_header(
        &self,
        stream: &mut Stream,
        trusted: &TrustedPeers,
        remote: Option<SocketAddr>,
        connection: &Connection,
    ) -> io::Result<Option<(Told, Bytes)>> {
        let refuse = |fault: ProxyFault| {
            if let Some(observer) = &self.observer {
                observer.proxy_header_refused(connection, fault);
            }
            Err(io::Error::new(io::ErrorKind::InvalidData, fault))
        };
        if !trusted.contains(remote.map(|remote| remote.ip())) {
            return refuse(ProxyFault::PeerUntrusted);
        }
        let mut draining = self.draining.clone();
        let leaving = async {
            draining.begun().await;
            self.clock.alarm(LAST_CHANCE).await;
        };
        let reading = self.clock.timeout(self.limits.request_head_timeout, read(stream));
        let read = tokio::select! {
            biased;
            read = reading => read,
            () = leaving => return Ok(None),
        };
        match read {
            None => refuse(ProxyFault::HeaderTooSlow),
            Some(Err(Failure::Fault(fault))) => refuse(fault),
            Some(Err(Failure::Io(error))) => Err(error),
            Some(Ok(read)) => Ok(read),
        }
    }
}

enum Failure {
    Fault(ProxyFault),
    Io(io::Error),
}

impl From<ProxyFault> for Failure {
    fn from(fault: ProxyFault) -> Self {
        Self::Fault(fault)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Reads until the header is whole. `None`: the stream ended before its first byte.
async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> Result<Option<(Told, Bytes)>, Failure> {
    let mut bytes = BytesMut::new();
    loop {
        bytes.reserve(READ_SIZE);
        if stream.read_buf(&mut bytes).await? == 0 {
            return if bytes.is_empty() { Ok(None) } else { Err(ProxyFault::HeaderMalformed.into()) };
        }
        if let Some((told, size)) = header::parse(&bytes)? {
            bytes.advance(size);
            return Ok(Some((told, bytes.freeze())));
        }
    }
}

/// How much is read at once: most headers, and the beginning of what follows.
const READ_SIZE: usize = 1 << 10;
