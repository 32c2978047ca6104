//! What an app may send to other servers, and within which limits.

use std::time::Duration;

use super::rule::OutboundRule;

/// The requests that a guest may send to other servers, and how.
///
/// An address outside of the public Internet is reached only if a rule with [`OutboundRule::private`] names its host,
/// whatever name resolves to the address.
#[derive(Clone, Debug, Default)]
pub struct Outbound {
    /// What may be sent. Default: nothing.
    pub rules: Vec<OutboundRule>,
    /// Certificate authorities to trust besides the system's, as PEM. Default and `None`: none.
    pub authorities: Option<Vec<u8>>,
    /// The limits.
    pub limits: OutboundLimits,
}

/// The limits of outbound requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboundLimits {
    /// Time for connecting: name lookup, TCP to the addresses one after the other, and TLS. Exceeding it fails with
    /// `connection-timeout`. A guest may shorten it for a request.
    pub connect_timeout: Duration,
    /// Time until the head of the response, including connecting. Exceeding it fails with `connection-read-timeout`,
    /// which a guest can handle as long as it has time itself ([`crate::SandboxLimits::timeout`]). A guest may shorten
    /// it for a request.
    pub first_byte_timeout: Duration,
    /// Time between two pieces of a response's content. Exceeding it fails with `connection-read-timeout`. A guest may
    /// shorten it for a request.
    pub between_bytes_timeout: Duration,
    /// Requests of one exchange in flight at once, until their responses are read or dropped. Further requests wait.
    pub max_in_flight: usize,
    /// Requests of one exchange that may wait for others of it. One more fails with `connection-limit-reached`.
    pub max_queue: usize,
    /// How long a request waits for others before it fails with `connection-limit-reached`.
    pub queue_timeout: Duration,
    /// Fields of a response. More fail with `HTTP-response-header-section-size`.
    pub max_response_fields: usize,
    /// Bytes of the head of a response, 8 KiB and more. Exceeding it fails with `HTTP-response-header-section-size`;
    /// over HTTP/2 the client may report another error.
    pub max_response_fields_size: usize,
    /// Idle connections to one host that are kept.
    pub max_idle: usize,
    /// How long they are kept.
    pub idle_timeout: Duration,
}

impl Default for OutboundLimits {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            // Ten seconds less than a request of an app may take, so that the app can handle it.
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
