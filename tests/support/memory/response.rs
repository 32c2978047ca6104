//! A response as it goes out: its head, and what keeps its content apart from what follows.

use bytes::Bytes;
use http::{HeaderMap, StatusCode, Version, header};
use windhover_contract::{Delivery, Framing, Response, may_be_trailer};

/// What of a request decides about the form of its response.
#[derive(Clone, Copy)]
pub(super) struct Asked {
    pub(super) keep_alive: bool,
    /// The server closes the connection, whatever the client wants.
    pub(super) closes: bool,
    pub(super) only_head: bool,
    pub(super) version: Version,
    /// RFC 9110 §6.5.1: whether it wants to have trailers.
    pub(super) takes_trailers: bool,
}

impl Asked {
    /// By a client whose request could not be understood.
    pub(super) const UNKNOWN: Self =
        Self { keep_alive: false, closes: true, only_head: false, version: Version::HTTP_11, takes_trailers: false };

    /// For a response whose connection the server closes.
    pub(super) fn closing(self) -> Self {
        Self { keep_alive: false, closes: true, ..self }
    }

    pub(super) fn delivery(self, is_upgrade: bool) -> Delivery {
        Delivery { version: self.version, only_head: self.only_head, is_upgrade, closes: self.closes }
    }
}

/// How a response's content is told apart from what follows it.
pub(super) enum ResponseFraming {
    /// There is none.
    Nothing,
    /// So many bytes, still.
    Length(u64),
    Chunked,
    /// The end of the connection, for HTTP/1.0.
    Close,
}

impl ResponseFraming {
    /// A piece of content as it goes out. `None`: more than was promised.
    pub(super) fn encode(&mut self, data: &Bytes) -> Option<[Bytes; 3]> {
        let none = Bytes::new;
        match self {
            Self::Length(left) => *left = left.checked_sub(data.len() as u64)?,
            Self::Chunked if !data.is_empty() => {
                return Some([format!("{:X}\r\n", data.len()).into(), data.clone(), Bytes::from_static(b"\r\n")]);
            }
            Self::Nothing | Self::Chunked | Self::Close => {}
        }
        Some([none(), data.clone(), none()])
    }

    /// What stands behind the content. `None`: less than was promised.
    pub(super) fn end(&self, trailers: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Length(1..) => None,
            Self::Chunked => Some([b"0\r\n", trailers, b"\r\n"].concat()),
            Self::Nothing | Self::Length(0) | Self::Close => Some(Vec::new()),
        }
    }
}

/// Trailers as they stand behind the last chunk.
pub(super) fn encode_trailers(trailers: Option<&HeaderMap>) -> Vec<u8> {
    let fields = trailers.into_iter().flatten().filter(|(name, _)| may_be_trailer(name));
    fields.flat_map(|(name, value)| [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat()).collect()
}

/// The head of a response that is prepared, and how its content is framed.
pub(super) fn response_head(response: &Response, framing: Framing, asked: Asked) -> (Vec<u8>, ResponseFraming) {
    let status = response.status;
    let version = if asked.version == Version::HTTP_10 { "HTTP/1.0" } else { "HTTP/1.1" };
    let reason = status.canonical_reason().unwrap_or("<none>");
    let mut head = format!("{version} {} {reason}\r\n", status.as_str()).into_bytes();
    let mut add = |name: &str, value: &[u8]| head.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
    // As hyper, which itself says that there is no content.
    let is_empty = framing.has_content && framing.length == Some(0);
    for (name, value) in &response.fields {
        if name != header::CONTENT_LENGTH || !is_empty {
            add(name.as_str(), value.as_bytes());
        }
    }
    if !response.fields.contains_key(header::CONNECTION) {
        match (asked.version, asked.keep_alive) {
            (Version::HTTP_10, true) => add("connection", b"keep-alive"),
            (Version::HTTP_10, false) | (_, true) => {}
            (_, false) => add("connection", b"close"),
        }
    }
    if let Some(length) = framing.length
        && (is_empty || !response.fields.contains_key(header::CONTENT_LENGTH))
    {
        add("content-length", length.to_string().as_bytes());
    }
    let framing = match framing.length {
        _ if !framing.has_content => ResponseFraming::Nothing,
        Some(length) => ResponseFraming::Length(length),
        None if asked.version == Version::HTTP_10 => ResponseFraming::Close,
        None if status == StatusCode::SWITCHING_PROTOCOLS => ResponseFraming::Nothing,
        None => {
            add("transfer-encoding", b"chunked");
            ResponseFraming::Chunked
        }
    };
    if !response.fields.contains_key(header::DATE) {
        add("date", httpdate::fmt_http_date(std::time::SystemTime::now()).as_bytes());
    }
    head.extend(b"\r\n");
    (head, framing)
}
