//! Every limit of HTTP that a server enforces, with its default and where the default comes from.

mod data_rate;
mod http2;
mod range;

use std::num::NonZeroUsize;
use std::time::Duration;

pub use data_rate::DataRate;
pub use http2::Http2Limits;
pub use range::{InRange, OutOfRange};

/// The limits of a server. All are on by default. Those of a protocol stand apart: a server enforces them where it speaks
/// that protocol itself. What a server cannot enforce at all, [`crate::Server::enforces`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once. `None`: any number. One more gets a 503 with Retry-After and is closed. Upgraded connections
    /// are counted apart.
    pub max_connections: Option<NonZeroUsize>,
    /// Connections at once that speak another protocol after an upgrade. `None`: any number. One more gets a 503 with
    /// Retry-After in place of the application's 101.
    pub max_upgraded_connections: Option<NonZeroUsize>,
    /// Longest request line, in bytes, with its line end. Beyond it the client gets a 414 and the connection closes.
    pub max_request_line_size: InRange<16, { u64::MAX }>,
    /// Largest header section of a request, in bytes: the field lines with their line ends. Beyond it the client gets a
    /// 431 and the connection closes. The same bounds a trailer section, apart from the header section; beyond it there
    /// the body ends with [`crate::ClientFault::BodyIncomplete`].
    pub max_request_fields_size: InRange<16, { u64::MAX }>,
    /// Most field lines in the header section of a request. Beyond it as beyond [`Limits::max_request_fields_size`], also
    /// in a trailer section. The range ends before 24,576, where [`http::HeaderMap`] panics.
    pub max_request_fields: InRange<1, 10_000>,
    /// Time from a request's first byte until its head is complete. Beyond it the client gets a 408 and the connection
    /// closes. Also the time from the beginning of a connection until its PROXY header is complete, where one is
    /// required (as nginx's `client_header_timeout`); beyond it the connection closes.
    pub request_head_timeout: Duration,
    /// How long a connection may idle before its first request and between two. Beyond it the connection closes without
    /// a response, which a client could take for the answer to its next request.
    pub keep_alive_timeout: Duration,
    /// Largest request body, in bytes, without framing. `None`: unlimited. A body that is larger, by its
    /// `content-length` or as it grows, ends with [`crate::ClientFault::BodyTooLarge`] when it is read, which answers
    /// 413; the application may have raised the limit before (see [`crate::ExchangeLimits`]). Not applied after an
    /// upgrade.
    pub max_request_body_size: Option<u64>,
    /// The least rate at which a client must send its request body while the application waits for it. Below it the body
    /// ends with [`crate::ClientFault::BodyTooSlow`], which answers 408. `None`: any rate.
    pub min_request_data_rate: Option<DataRate>,
    /// The least rate at which a client must take a response: while it makes the server wait, for the grace and longer,
    /// it must take bytes at this rate. What it took faster is set against later waits, up to 64 KiB of it. Below it the
    /// connection or the stream is reset, which ends the guest that writes. `None`: any rate. Not applied after an
    /// upgrade.
    pub min_response_data_rate: Option<DataRate>,
    /// How long draining waits for exchanges in flight before it aborts them.
    pub drain_timeout: Duration,
    /// How long an idle connection stays open when draining begins, or before that, when the server is told that it is
    /// about to ([`crate::ServerHandle::announce_shutdown`]): a request may be on its way, or its client a proxy that has
    /// not yet heard. One that comes in that time is answered, and the answer says that the connection closes. At most
    /// half of [`Limits::drain_timeout`]; what is more counts as that. HTTP/2 says so at once, by GOAWAY.
    pub drain_idle_grace: Duration,
    /// How long a response whose head has been sent may go on when draining begins: server-sent events, downloads, and
    /// connections that were upgraded. Then it is cut off, and not counted as abandoned. `None`: for
    /// [`Limits::drain_timeout`], as any exchange.
    pub drain_answer_timeout: Option<Duration>,
    /// What only HTTP/1.x has.
    pub http1: Http1Limits,
    /// What only HTTP/2 has.
    pub http2: Http2Limits,
    /// What only TLS has.
    pub tls: TlsLimits,
}

/// The limits of one connection of HTTP/1.x.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http1Limits {
    /// Bytes that may wait in the server, in each direction: of a request that is being read, of a response that the
    /// client has not taken. A response may exceed it by its last piece, and a head by what the limits of heads allow.
    /// For HTTP/2 see [`Http2Limits::stream_window`] and [`Http2Limits::stream_send_buffer`].
    pub max_buffer_size: InRange<8_192, { u64::MAX }>,
}

/// The limits of one connection of TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsLimits {
    /// Time that a handshake may take. Beyond it the connection closes.
    pub handshake_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: CONNECTIONS,
            max_upgraded_connections: CONNECTIONS,
            max_request_line_size: const { InRange::of(8 * 1024) }, // as Kestrel MaxRequestLineSize
            max_request_fields_size: const { InRange::of(32 * 1024) }, // as Kestrel MaxRequestHeadersTotalSize
            max_request_fields: const { InRange::of(100) },         // as Kestrel MaxRequestHeaderCount
            request_head_timeout: Duration::from_secs(30),          // as Kestrel RequestHeadersTimeout
            keep_alive_timeout: Duration::from_secs(130), // as Kestrel: longer than the 120 s of common clients' pools
            max_request_body_size: Some(30_000_000),      // as Kestrel, HTTP.sys and IIS
            min_request_data_rate: Some(DataRate::DEFAULT),
            min_response_data_rate: Some(DataRate::DEFAULT),
            drain_timeout: Duration::from_secs(30), // as ASP.NET Core's ShutdownTimeout and Kubernetes' grace period
            drain_idle_grace: Duration::from_secs(2), // a connection that is in use brings a request in that time
            drain_answer_timeout: None,             // who may cut off what, only the operator knows
            http1: Http1Limits::default(),
            http2: Http2Limits::default(),
            tls: TlsLimits::default(),
        }
    }
}

/// Kestrel has none; what one machine was once thought to be able to serve.
const CONNECTIONS: Option<NonZeroUsize> = NonZeroUsize::new(10_000);

impl Default for Http1Limits {
    fn default() -> Self {
        // Kestrel: 1 MiB for requests, 64 KiB for responses; less costs more reads.
        Self { max_buffer_size: const { InRange::of(256 << 10) } }
    }
}

impl Default for TlsLimits {
    fn default() -> Self {
        Self { handshake_timeout: Duration::from_secs(10) } // as Kestrel HandshakeTimeout
    }
}
