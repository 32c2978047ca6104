//! What an app may send to other servers, and within which limits.

use std::time::Duration;

use super::rule::OutboundRule;

/// Requests that a guest may send to other servers, and how.
///
/// An address that is not of the Internet is reached only where a rule that says so ([`OutboundRule::private`]) names its
/// host, whatever name leads to it.
#[derive(Clone, Debug, Default)]
pub struct Outbound {
    /// What may be sent. Default: nothing.
    pub rules: Vec<OutboundRule>,
    /// Authorities that are trusted besides the system's, as PEM. Default and `None`: no other.
    pub authorities: Option<Vec<u8>>,
    /// How.
    pub limits: OutboundLimits,
}

/// The limits of outbound requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboundLimits {
    /// Time that connecting may take: finding the addresses of a name, TCP to them one after the other, and TLS.
    /// Exceeding it fails with `connection-timeout`. A guest may make it shorter for a request.
    pub connect_timeout: Duration,
    /// Time until the head of the answer is here, with connecting. Exceeding it fails with `connection-read-timeout`,
    /// which a guest can answer for as long as it has time itself ([`crate::SandboxLimits::timeout`]). A guest may make
    /// it shorter for a request.
    pub first_byte_timeout: Duration,
    /// Time between two pieces of an answer's content. Exceeding it fails with `connection-read-timeout`. A guest may
    /// make it shorter for a request.
    pub between_bytes_timeout: Duration,
    /// Requests under way at once for one exchange, until their answers are read or dropped. More wait for one of them.
    pub max_in_flight: usize,
    /// Requests of one exchange that may wait for others of it. One more fails with `connection-limit-reached`.
    pub max_queue: usize,
    /// How long one waits for others before it fails with `connection-limit-reached`.
    pub queue_timeout: Duration,
    /// Fields of an answer. More fail with `HTTP-response-header-section-size`.
    pub max_response_fields: usize,
    /// Bytes of the head of an answer, 8 KiB and more. Exceeding it fails with `HTTP-response-header-section-size`, and
    /// in HTTP/2 with what the client makes of it.
    pub max_response_fields_size: usize,
    /// Connections to one host that are kept for later.
    pub max_idle: usize,
    /// How long they are kept.
    pub idle_timeout: Duration,
}

impl Default for OutboundLimits {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            // Ten seconds less than a request of an app may take, so that the app hears of it and can answer.
            first_byte_timeout: Duration::from_secs(20),
            between_bytes_timeout: Duration::from_secs(20),
            max_in_flight: 16,
            max_queue: 1000, // as for instances: more than any page asks for at once
            queue_timeout: Duration::from_secs(10),
            max_response_fields: 1000,          // as many as a guest may send itself
            max_response_fields_size: 64 << 10, // as .NET's HttpClient
            max_idle: 32,                       // as nginx's upstream keepalive
            idle_timeout: Duration::from_secs(60),
        }
    }
}
