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
    /// Largest request head, in bytes: request line and header fields together, also the largest trailer section.
    /// Range: 8,192 and more. Exceeding it answers 431 and closes the connection.
    pub max_request_head_size: usize,
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
    /// How slow a client may take a response: each piece that waits to be sent has the grace, or the time it takes at
    /// this rate if that is longer. Exceeding it resets the connection and so ends the guest that writes. `None`: as
    /// slow as it likes. Not applied after an upgrade.
    pub min_response_data_rate: Option<DataRate>,
    /// How long draining waits for exchanges in flight before it aborts them.
    pub drain_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: Some(10_000), // Kestrel has none; what one machine was once thought to be able to serve
            max_upgraded_connections: Some(10_000), // the same
            max_request_head_size: 40 * 1024, // as Kestrel: 8 KiB request line, 32 KiB header fields
            request_head_timeout: Duration::from_secs(30), // as Kestrel RequestHeadersTimeout
            keep_alive_timeout: Duration::from_secs(130), // as Kestrel: longer than the 120 s of common clients' pools
            max_request_body_size: Some(30_000_000), // as Kestrel, HTTP.sys and IIS
            min_request_data_rate: Some(DataRate::DEFAULT),
            min_response_data_rate: Some(DataRate::DEFAULT),
            drain_timeout: Duration::from_secs(30), // as ASP.NET Core's ShutdownTimeout and Kubernetes' grace period
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
