//! The limits of HTTP/2.

use std::num::NonZeroU32;
use std::time::Duration;

use super::InRange;

/// The limits of one HTTP/2 connection (RFC 9113). Floods have no setting: a connection ends with ENHANCE_YOUR_CALM when
/// far more of its frames are about the protocol than about requests (PING, SETTINGS, PRIORITY, unknown frames, empty
/// frames, windows opened byte by byte), or when its client resets streams instead of waiting for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http2Limits {
    /// Streams at once (SETTINGS_MAX_CONCURRENT_STREAMS). One more is refused (REFUSED_STREAM), which a client may
    /// safely try again.
    pub max_streams: NonZeroU32,
    /// Largest frame that a client may send, in bytes (SETTINGS_MAX_FRAME_SIZE).
    pub max_frame_size: InRange<16_384, 16_777_215>,
    /// Bytes that the table of repeated fields may take (SETTINGS_HEADER_TABLE_SIZE, RFC 7541 §4.2). 0: none.
    pub header_table_size: InRange<0, { u32::MAX as u64 }>,
    /// Bytes of one stream's content that may wait to be read.
    pub stream_window: InRange<1, { MAX_WINDOW }>,
    /// Bytes of all streams' content that may wait to be read.
    pub connection_window: InRange<65_535, { MAX_WINDOW }>,
    /// Bytes of one stream's response that may wait to be sent.
    pub stream_send_buffer: InRange<1, { u32::MAX as u64 }>,
    /// How long a client may be silent before it gets a PING. `None`: it gets none.
    pub keep_alive_ping_after: Option<Duration>,
    /// How long the client may take to answer it. Beyond it the connection closes.
    pub keep_alive_ping_timeout: Duration,
}

/// As RFC 9113 §6.9.1.
const MAX_WINDOW: u64 = (1 << 31) - 1;

impl Default for Http2Limits {
    fn default() -> Self {
        Self {
            max_streams: const { NonZeroU32::new(100).expect("it is not 0") }, // as Kestrel, nginx (128) and Apache
            max_frame_size: const { InRange::of(16_384) }, // the least that RFC 9113 §4.2 allows, as Kestrel
            header_table_size: const { InRange::of(4_096) }, // as RFC 9113 §6.5.2 and Kestrel
            stream_window: const { InRange::of(768 << 10) }, // as Kestrel
            connection_window: const { InRange::of(1 << 20) }, // as Kestrel
            stream_send_buffer: const { InRange::of(64 << 10) }, // as Kestrel's MaxResponseBufferSize
            keep_alive_ping_after: None,                   // as Kestrel
            keep_alive_ping_timeout: Duration::from_secs(20), // as Kestrel
        }
    }
}
