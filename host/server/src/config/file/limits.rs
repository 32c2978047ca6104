//! `[limits]`: the limits of HTTP.

use std::num::{NonZeroU32, NonZeroUsize};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use windhover_contract::{DataRate, Http1Limits, Http2Limits, InRange, Limits as HttpLimits, OutOfRange, TlsLimits};

use super::server::Server;
use crate::config::units::{OrNone, Size, Time};

/// The limits of HTTP.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Limits {
    /// Connections at the same time; one more gets a 503.
    pub max_connections: OrNone<NonZeroU32>,
    /// WebSockets and other upgraded connections at the same time, counted separately; one more gets a 503.
    pub max_upgraded_connections: OrNone<NonZeroU32>,
    /// Longest request line, including its line end. Beyond it the client gets a 414.
    pub max_request_line_size: Size,
    /// Largest header section of a request. Beyond it the client gets a 431.
    pub max_request_fields_size: Size,
    /// Most field lines of a request: 1 to 10,000. Beyond it the client gets a 431.
    pub max_request_fields: NonZeroU32,
    /// Time for a request's head, from its first byte. Beyond it the client gets a 408.
    pub request_head_timeout: Time,
    /// How long a connection may be idle, before its first request and between two.
    pub keep_alive_timeout: Time,
    /// Largest request body. Beyond it the client gets a 413, unless the app raises the limit.
    pub max_request_body_size: OrNone<Size>,
    /// The least rate at which a client must send its request body while the app waits for it. Below it the client gets
    /// a 408.
    pub min_request_data_rate: OrNone<Rate>,
    /// The least rate at which a client must take a response. Below it the connection is reset.
    pub min_response_data_rate: OrNone<Rate>,
    /// Bytes that may wait on one HTTP/1.x connection, in each direction; at least 8 KiB.
    pub max_buffer_size: Size,
    /// Time for a TLS handshake.
    pub tls_handshake_timeout: Time,
    /// Limits of HTTP/2 alone.
    pub http2: Http2,
}

/// The limits of one HTTP/2 connection.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Http2 {
    /// Streams at the same time; one more is refused, and the client may try it again.
    pub max_streams: NonZeroU32,
    /// Largest frame that a client may send: 16 KiB to 16 MiB less one byte.
    pub max_frame_size: Size,
    /// Size of the table of repeated fields (HPACK).
    pub header_table_size: Size,
    /// Bytes of one stream's content that may wait to be read: at least 1.
    pub stream_window: Size,
    /// Bytes of content that may wait to be read, over all streams: at least 65,535.
    pub connection_window: Size,
    /// Bytes of one stream's response that may wait to be sent.
    pub stream_send_buffer: Size,
    /// How long a client may be silent before it gets a PING.
    pub keep_alive_ping_after: OrNone<Time>,
    /// How long the client may take to answer a PING.
    pub keep_alive_ping_timeout: Time,
}

/// The least rate at which a client must go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[schemars(title = "a table such as { bytes-per-second = 240, grace = \"5s\" }")]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Rate {
    /// Bytes a second.
    pub bytes_per_second: NonZeroU32,
    /// How long a client may be slower before the rate is checked.
    pub grace: Time,
}

impl Default for Limits {
    fn default() -> Self {
        let own = HttpLimits::default();
        Self {
            max_connections: count(own.max_connections.map(NonZeroUsize::get)),
            max_upgraded_connections: count(own.max_upgraded_connections.map(NonZeroUsize::get)),
            max_request_line_size: Size(own.max_request_line_size.get()),
            max_request_fields_size: Size(own.max_request_fields_size.get()),
            max_request_fields: count(Some(own.max_request_fields.as_usize())).0.expect("the default is a limit"),
            request_head_timeout: Time(own.request_head_timeout),
            keep_alive_timeout: Time(own.keep_alive_timeout),
            max_request_body_size: OrNone(own.max_request_body_size.map(Size)),
            min_request_data_rate: rate(own.min_request_data_rate),
            min_response_data_rate: rate(own.min_response_data_rate),
            max_buffer_size: Size(own.http1.max_buffer_size.get()),
            tls_handshake_timeout: Time(own.tls.handshake_timeout),
            http2: Http2::default(),
        }
    }
}

impl Default for Http2 {
    fn default() -> Self {
        let own = Http2Limits::default();
        Self {
            max_streams: own.max_streams,
            max_frame_size: Size(own.max_frame_size.get()),
            header_table_size: Size(own.header_table_size.get()),
            stream_window: Size(own.stream_window.get()),
            connection_window: Size(own.connection_window.get()),
            stream_send_buffer: Size(own.stream_send_buffer.get()),
            keep_alive_ping_after: OrNone(own.keep_alive_ping_after.map(Time)),
            keep_alive_ping_timeout: Time(own.keep_alive_ping_timeout),
        }
    }
}

impl Limits {
    /// In the contract's type.
    pub(crate) fn to_http(&self, server: &Server) -> HttpLimits {
        self.in_range(server).0
    }

    /// Each number that is out of its range, with its key below `limits`.
    pub(crate) fn out_of_range(&self) -> Vec<(&'static str, OutOfRange)> {
        self.in_range(&Server::default()).1
    }

    /// The limits, with the nearest number for each that is out of its range. The types of the contract know the ranges.
    fn in_range(&self, server: &Server) -> (HttpLimits, Vec<(&'static str, OutOfRange)>) {
        let (http2, mut wrong) = (&self.http2, Vec::new());
        let count = |count: OrNone<NonZeroU32>| count.0.map(|count| count.try_into().expect("a usize holds it"));
        let limits = HttpLimits {
            max_connections: count(self.max_connections),
            max_upgraded_connections: count(self.max_upgraded_connections),
            max_request_line_size: check(&mut wrong, "max-request-line-size", self.max_request_line_size.0),
            max_request_fields_size: check(&mut wrong, "max-request-fields-size", self.max_request_fields_size.0),
            max_request_fields: check(&mut wrong, "max-request-fields", self.max_request_fields.get().into()),
            request_head_timeout: self.request_head_timeout.0,
            keep_alive_timeout: self.keep_alive_timeout.0,
            max_request_body_size: self.max_request_body_size.0.map(|size| size.0),
            min_request_data_rate: self.min_request_data_rate.0.map(Rate::to_http),
            min_response_data_rate: self.min_response_data_rate.0.map(Rate::to_http),
            drain_timeout: server.drain_timeout.0,
            drain_idle_grace: server.drain_idle_grace.0,
            drain_answer_timeout: server.drain_answer_timeout.0.map(|time| time.0),
            http1: Http1Limits { max_buffer_size: check(&mut wrong, "max-buffer-size", self.max_buffer_size.0) },
            http2: Http2Limits {
                max_streams: http2.max_streams,
                max_frame_size: check(&mut wrong, "http2.max-frame-size", http2.max_frame_size.0),
                header_table_size: check(&mut wrong, "http2.header-table-size", http2.header_table_size.0),
                stream_window: check(&mut wrong, "http2.stream-window", http2.stream_window.0),
                connection_window: check(&mut wrong, "http2.connection-window", http2.connection_window.0),
                stream_send_buffer: check(&mut wrong, "http2.stream-send-buffer", http2.stream_send_buffer.0),
                keep_alive_ping_after: http2.keep_alive_ping_after.0.map(|time| time.0),
                keep_alive_ping_timeout: http2.keep_alive_ping_timeout.0,
            },
            tls: TlsLimits { handshake_timeout: self.tls_handshake_timeout.0 },
        };
        (limits, wrong)
    }
}

fn check<const MIN: u64, const MAX: u64>(
    wrong: &mut Vec<(&'static str, OutOfRange)>,
    key: &'static str,
    value: u64,
) -> InRange<MIN, MAX> {
    InRange::new(value).unwrap_or_else(|error| {
        wrong.push((key, error));
        InRange::nearest(value)
    })
}

impl Rate {
    fn to_http(self) -> DataRate {
        DataRate { bytes_per_second: self.bytes_per_second, grace: self.grace.0 }
    }
}

fn count(count: Option<usize>) -> OrNone<NonZeroU32> {
    OrNone(count.map(|count| u32::try_from(count).ok().and_then(NonZeroU32::new).expect("the default is in its range")))
}

fn rate(rate: Option<DataRate>) -> OrNone<Rate> {
    OrNone(rate.map(|rate| Rate { bytes_per_second: rate.bytes_per_second, grace: Time(rate.grace) }))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_limit_is_the_servers() {
        let written = r#"
            max-connections = 1
            max-upgraded-connections = "none"
            max-request-line-size = "3KiB"
            max-request-fields-size = "4KiB"
            max-request-fields = 5
            request-head-timeout = "6s"
            keep-alive-timeout = "7m"
            max-request-body-size = "8MB"
            min-request-data-rate = { bytes-per-second = 9, grace = "10s" }
            min-response-data-rate = "none"
            max-buffer-size = "11KiB"
            tls-handshake-timeout = "12s"
            [http2]
            max-streams = 13
            max-frame-size = 16400
            header-table-size = 15
            stream-window = "16KiB"
            connection-window = "170KB"
            stream-send-buffer = "18KiB"
            keep-alive-ping-after = "19s"
            keep-alive-ping-timeout = "20ms"
        "#;
        let limits: Limits = toml::from_str(written).expect("it is well formed");
        let seconds = Duration::from_secs;
        let bytes_per_second = NonZeroU32::new(9).expect("it is not 0");
        let expected = HttpLimits {
            max_connections: NonZeroUsize::new(1),
            max_upgraded_connections: None,
            max_request_line_size: InRange::of(3 << 10),
            max_request_fields_size: InRange::of(4 << 10),
            max_request_fields: InRange::of(5),
            request_head_timeout: seconds(6),
            keep_alive_timeout: seconds(7 * 60),
            max_request_body_size: Some(8_000_000),
            min_request_data_rate: Some(DataRate { bytes_per_second, grace: seconds(10) }),
            min_response_data_rate: None,
            http1: Http1Limits { max_buffer_size: InRange::of(11 << 10) },
            tls: TlsLimits { handshake_timeout: seconds(12) },
            http2: Http2Limits {
                max_streams: NonZeroU32::new(13).expect("it is not 0"),
                max_frame_size: InRange::of(16_400),
                header_table_size: InRange::of(15),
                stream_window: InRange::of(16 << 10),
                connection_window: InRange::of(170_000),
                stream_send_buffer: InRange::of(18 << 10),
                keep_alive_ping_after: Some(seconds(19)),
                keep_alive_ping_timeout: Duration::from_millis(20),
            },
            drain_timeout: seconds(21),
            drain_idle_grace: seconds(22),
            drain_answer_timeout: Some(seconds(23)),
        };
        let server = Server {
            drain_timeout: Time(seconds(21)),
            drain_idle_grace: Time(seconds(22)),
            drain_answer_timeout: OrNone(Some(Time(seconds(23)))),
            ..Server::default()
        };
        assert_eq!(limits.to_http(&server), expected);
    }

    #[test]
    fn what_is_not_written_is_as_the_server_has_it() {
        let limits: Limits = toml::from_str("").expect("it is well formed");
        let own = HttpLimits::default();
        assert_eq!(limits.to_http(&Server::default()), own);
    }
}
