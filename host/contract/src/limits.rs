//! Every limit of HTTP that a server enforces, with its default and where the default comes from.

use std::num::NonZeroU32;
use std::time::Duration;

/// The limits of a server. All are on by default; each server enforces all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once. `None`: any number. One more is answered 503 with Retry-After and closed. Those that were
    /// upgraded are counted apart. Range: 1 and more.
    pub max_connections: Option<usize>,
    /// Connections at once that speak another protocol after an upgrade. `None`: any number. One more is answered 503
    /// with Retry-After in place of the application's 101.
    pub max_upgraded_connections: Option<usize>,
    /// Longest request line, in bytes, with its line end. Exceeding it answers 414 and closes the connection.
    pub max_request_line_size: usize,
    /// Largest header section of a request, in bytes: the field lines with their line ends. Exceeding it answers 431
    /// and closes the connection. The same bounds a trailer section, apart from the header section; exceeding it there
    /// ends the body with [`crate::ClientFault::BodyIncomplete`].
    pub max_request_fields_size: usize,
    /// Most field lines in the header section of a request. Range: up to 10,000. Exceeding it is like exceeding
    /// [`Limits::max_request_fields_size`], also in a trailer section.
    pub max_request_fields: usize,
    /// Time from a request's first octet until its head is complete. Exceeding it answers 408 and closes the
    /// connection.
    pub request_head_timeout: Duration,
    /// How long a connection may idle before its first request and between two. Exceeding it closes the connection
    /// without a word, so that no client takes an answer for that to its next request.
    pub keep_alive_timeout: Duration,
    /// Largest request body, in bytes, without framing. `None`: unlimited. A body that is larger, by its
    /// `content-length` or as it grows, ends with [`crate::ClientFault::BodyTooLarge`] when it is read, which answers
    /// 413; the application may have raised the limit before (see [`crate::ExchangeLimits`]). Not applied after an
    /// upgrade.
    pub max_request_body_size: Option<u64>,
    /// How slow a client may send its request body while the application waits for it. Exceeding it ends the body with
    /// [`crate::ClientFault::BodyTooSlow`], which answers 408. `None`: as slow as it likes.
    pub min_request_data_rate: Option<DataRate>,
    /// How slow a client may take a response: while it makes the server wait, for the grace and longer, it must take
    /// octets at this rate. What it took faster is set against later waits, up to 64 KiB of it. Exceeding it resets the
    /// connection or the stream, and so ends the guest that writes. `None`: as slow as it likes. Not applied after an
    /// upgrade.
    pub min_response_data_rate: Option<DataRate>,
    /// Octets that may wait in the server on one connection of HTTP/1.x, in each direction: of a request that is being
    /// read, of an answer that the client has not taken. An answer may exceed it by its last piece, and a head by what
    /// the limits of heads allow. Range: 8,192 and more. For HTTP/2 see [`Http2Limits::stream_window`] and
    /// [`Http2Limits::stream_send_buffer`].
    pub max_buffer_size: usize,
    /// Time that a TLS handshake may take. Exceeding it closes the connection.
    pub tls_handshake_timeout: Duration,
    /// What only HTTP/2 has.
    pub http2: Http2Limits,
    /// How long draining waits for exchanges in flight before it aborts them.
    pub drain_timeout: Duration,
    /// How long a connection on which nothing happens stays open when draining begins, or before that, when the server
    /// is told that it is about to: a request may be on its way, or its client a proxy that has not yet heard. One that
    /// comes in that time is answered, and the answer says that the connection closes. At most half of
    /// [`Limits::drain_timeout`]; what is more counts as that. HTTP/2 says so at once, by GOAWAY.
    pub drain_idle_grace: Duration,
    /// How long an answer whose head has been sent may go on when draining begins: server-sent events, downloads, and
    /// connections that were upgraded. Then it is cut off, and not counted as abandoned. `None`: for
    /// [`Limits::drain_timeout`], as any exchange.
    pub drain_answer_timeout: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: Some(10_000), // Kestrel has none; what one machine was once thought to be able to serve
            max_upgraded_connections: Some(10_000), // the same
            max_request_line_size: 8 * 1024, // as Kestrel MaxRequestLineSize
            max_request_fields_size: 32 * 1024, // as Kestrel MaxRequestHeadersTotalSize
            max_request_fields: 100,       // as Kestrel MaxRequestHeaderCount
            request_head_timeout: Duration::from_secs(30), // as Kestrel RequestHeadersTimeout
            keep_alive_timeout: Duration::from_secs(130), // as Kestrel: longer than the 120 s of common clients' pools
            max_request_body_size: Some(30_000_000), // as Kestrel, HTTP.sys and IIS
            min_request_data_rate: Some(DataRate::DEFAULT),
            min_response_data_rate: Some(DataRate::DEFAULT),
            max_buffer_size: 256 << 10, // Kestrel: 1 MiB for requests, 64 KiB for answers; less costs more reads
            tls_handshake_timeout: Duration::from_secs(10), // as Kestrel HandshakeTimeout
            http2: Http2Limits::default(),
            drain_timeout: Duration::from_secs(30), // as ASP.NET Core's ShutdownTimeout and Kubernetes' grace period
            drain_idle_grace: Duration::from_secs(2), // a connection that is in use brings a request in that time
            drain_answer_timeout: None,             // who may cut off what, only the operator knows
        }
    }
}

/// The limits of one HTTP/2 connection (RFC 9113). What is not here is bounded without a setting: a connection on which
/// far more goes about the protocol than in it (PING, SETTINGS, PRIORITY, unknown frames, empty frames, windows opened
/// octet by octet), or whose client resets streams rather than to wait for them, ends with ENHANCE_YOUR_CALM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http2Limits {
    /// Streams at once (SETTINGS_MAX_CONCURRENT_STREAMS). One more is refused (REFUSED_STREAM), which a client may
    /// safely try again. Range: 1 and more.
    pub max_streams: u32,
    /// Largest frame that a client may send, in octets (SETTINGS_MAX_FRAME_SIZE). Range: 16,384 to 16,777,215.
    pub max_frame_size: u32,
    /// Octets that the table of repeated fields may take (SETTINGS_HEADER_TABLE_SIZE, RFC 7541 §4.2). 0: none.
    pub header_table_size: u32,
    /// Octets of one stream's content that may wait to be read. Range: 1 to 2,147,483,647.
    pub stream_window: u32,
    /// Octets of all streams' content that may wait to be read. Range: 65,535 to 2,147,483,647.
    pub connection_window: u32,
    /// Octets of one stream's answer that may wait to be sent.
    pub stream_send_buffer: usize,
    /// Silence after which a client is asked whether it is still there (PING). `None`: it is not asked.
    pub keep_alive_ping_after: Option<Duration>,
    /// How long it may take to answer that. Exceeding it closes the connection.
    pub keep_alive_ping_timeout: Duration,
}

impl Default for Http2Limits {
    fn default() -> Self {
        Self {
            max_streams: 100,                                 // as Kestrel, nginx (128) and Apache
            max_frame_size: 16_384,                           // the least that RFC 9113 §4.2 allows, as Kestrel
            header_table_size: 4_096,                         // as RFC 9113 §6.5.2 and Kestrel
            stream_window: 768 << 10,                         // as Kestrel
            connection_window: 1 << 20,                       // as Kestrel
            stream_send_buffer: 64 << 10,                     // as Kestrel's MaxResponseBufferSize
            keep_alive_ping_after: None,                      // as Kestrel
            keep_alive_ping_timeout: Duration::from_secs(20), // as Kestrel
        }
    }
}

/// The least rate at which a client must go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataRate {
    /// Octets a second. At least 1.
    pub octets_per_second: NonZeroU32,
    /// How long a client may be slower before the rate is looked at: networks stall for a moment.
    pub grace: Duration,
}

impl DataRate {
    /// 240 octets a second after five seconds, as Kestrel's MinDataRate.
    pub const DEFAULT: Self =
        Self { octets_per_second: NonZeroU32::new(240).expect("it is not 0"), grace: Duration::from_secs(5) };

    /// How long `octets` may take.
    pub fn allows(&self, octets: u64) -> Duration {
        let time = octets as f64 / f64::from(self.octets_per_second.get());
        self.grace.max(Duration::try_from_secs_f64(time).unwrap_or(Duration::MAX))
    }
}
