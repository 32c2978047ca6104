//! Every limit of HTTP that a server enforces, with its default and where the default comes from.

use std::time::Duration;

/// The limits of a server. All are on by default; each server enforces all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest request head, in bytes: request line and header fields together, also the largest trailer section.
    /// Range: 8,192 and more. Exceeding it answers 431 and closes the connection.
    pub max_request_head_size: usize,
    /// Time from the first moment a request may come until its head is complete; so also how long a connection may
    /// idle between requests. Exceeding it closes the connection.
    pub request_head_timeout: Duration,
    /// Largest request body, in bytes, without framing. `None`: unlimited. A larger `content-length` answers 413
    /// before any application runs; a chunked body that grows larger ends with [`crate::ClientFault::BodyTooLarge`].
    pub max_request_body_size: Option<u64>,
    /// How long a client may take no byte of a response that waits to be sent. Exceeding it resets the connection
    /// and so ends the guest that writes. `None`: forever.
    pub write_timeout: Option<Duration>,
    /// How long draining waits for exchanges in flight before it aborts them.
    pub drain_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_request_head_size: 40 * 1024, // as Kestrel: 8 KiB request line, 32 KiB header fields
            request_head_timeout: Duration::from_secs(30), // as Kestrel RequestHeadersTimeout
            max_request_body_size: Some(30_000_000), // as Kestrel, HTTP.sys and IIS
            write_timeout: Some(Duration::from_secs(30)), // as nginx' send_timeout in spirit: between two writes
            drain_timeout: Duration::from_secs(30), // as ASP.NET Core's ShutdownTimeout and Kubernetes' grace period
        }
    }
}
