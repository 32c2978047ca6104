//! Frames of HTTP/2, in bytes.

use h2::Reason;

/// A frame (RFC 9113 §4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its type.
    pub kind: u8,
    /// Its flags.
    pub flags: u8,
    /// Its stream. 0: the connection.
    pub stream: u32,
    /// What it carries.
    pub payload: Vec<u8>,
}

impl Frame {
    /// Any frame.
    pub fn new(kind: u8, flags: u8, stream: u32, payload: impl Into<Vec<u8>>) -> Self {
        Self { kind, flags, stream, payload: payload.into() }
    }

    /// RST_STREAM.
    pub fn reset(stream: u32, reason: Reason) -> Self {
        Self::new(RST_STREAM, 0, stream, u32::from(reason).to_be_bytes())
    }

    /// As it goes over the wire.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = (self.payload.len() as u32).to_be_bytes()[1..].to_vec();
        bytes.extend([self.kind, self.flags]);
        bytes.extend(self.stream.to_be_bytes());
        bytes.extend(&self.payload);
        bytes
    }

    /// The error code of RST_STREAM or GOAWAY.
    pub fn reason(&self) -> Reason {
        let at = if self.kind == GOAWAY { 4 } else { 0 };
        let code = self.payload[at..][..4].try_into().expect("four bytes");
        Reason::from(u32::from_be_bytes(code))
    }
}

/// A field as HPACK has it in its plainest form: neither indexed nor compressed (RFC 7541 §6.2.2).
pub fn field(name: &str, value: &str) -> Vec<u8> {
    let mut bytes = vec![0];
    for text in [name, value] {
        match text.len() {
            size @ 0..127 => bytes.push(size as u8),
            size => {
                bytes.push(127);
                let mut rest = size - 127;
                while rest >= 128 {
                    bytes.push(128 | (rest % 128) as u8);
                    rest /= 128;
                }
                bytes.push(rest as u8);
            }
        }
        bytes.extend(text.as_bytes());
    }
    bytes
}

/// A header section in that form.
pub fn section(fields: &[(&str, &str)]) -> Vec<u8> {
    fields.iter().flat_map(|(name, value)| field(name, value)).collect()
}

/// RFC 9113 §3.4.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Types of frames (RFC 9113 §6).
pub const DATA: u8 = 0;
/// Begins a header section.
pub const HEADERS: u8 = 1;
/// Means nothing any more.
pub const PRIORITY: u8 = 2;
/// Ends a stream.
pub const RST_STREAM: u8 = 3;
/// What a side can and wants.
pub const SETTINGS: u8 = 4;
/// Is answered by its like.
pub const PING: u8 = 6;
/// Says good-bye.
pub const GOAWAY: u8 = 7;
/// Lets the other side send more.
pub const WINDOW_UPDATE: u8 = 8;
/// Goes on with a header section.
pub const CONTINUATION: u8 = 9;

/// A setting (RFC 9113 §6.5.2): how much of a stream may be sent at first.
pub(super) const INITIAL_WINDOW_SIZE: u16 = 4;

/// Flag of DATA and HEADERS.
pub const END_STREAM: u8 = 1;
/// Flag of HEADERS and CONTINUATION.
pub const END_HEADERS: u8 = 4;
/// Flag of SETTINGS and PING.
pub const ACK: u8 = 1;
