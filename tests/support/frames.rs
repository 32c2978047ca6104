//! WebSocket frames in bytes (RFC 6455 §5.2), as a client sends them, or as one sends them that lies.

use crate::Wire;

/// A frame that a client sends: masked and final, unless it is to lie.
#[derive(Clone)]
pub struct Frame {
    first: u8,
    is_masked: bool,
    length: Option<u64>,
    payload: Vec<u8>,
}

impl Frame {
    /// A frame with this opcode.
    pub fn new(opcode: u8, payload: impl AsRef<[u8]>) -> Self {
        Self { first: FINAL | opcode, is_masked: true, length: None, payload: payload.as_ref().to_vec() }
    }

    /// A text message.
    pub fn text(text: &str) -> Self {
        Self::new(TEXT, text)
    }

    /// A binary message.
    pub fn binary(data: impl AsRef<[u8]>) -> Self {
        Self::new(BINARY, data)
    }

    /// A close with a code and a reason.
    pub fn close(code: u16, reason: &str) -> Self {
        Self::new(CLOSE, [&code.to_be_bytes(), reason.as_bytes()].concat())
    }

    /// More of the message follows.
    pub fn unfinished(mut self) -> Self {
        self.first &= !FINAL;
        self
    }

    /// With one of the bits that no extension has claimed.
    pub fn reserved(mut self) -> Self {
        self.first |= 0x40;
        self
    }

    /// As only a server may send it.
    pub fn unmasked(mut self) -> Self {
        self.is_masked = false;
        self
    }

    /// Says that it is so long, whatever it is.
    pub fn claiming(mut self, length: u64) -> Self {
        self.length = Some(length);
        self
    }

    /// The frame on the wire.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![self.first];
        let mask = if self.is_masked { 0x80 } else { 0 };
        match self.length.unwrap_or(self.payload.len() as u64) {
            length @ 0..126 => bytes.push(mask | length as u8),
            length @ 126..0x1_0000 => {
                bytes.push(mask | 126);
                bytes.extend((length as u16).to_be_bytes());
            }
            length => {
                bytes.push(mask | 127);
                bytes.extend(length.to_be_bytes());
            }
        }
        if self.is_masked {
            bytes.extend(KEY);
            bytes.extend(self.payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
        } else {
            bytes.extend(&self.payload);
        }
        bytes
    }
}

impl Wire {
    /// Sends a frame.
    pub async fn send_frame(&mut self, frame: Frame) {
        self.send(frame.bytes()).await;
    }

    /// Receives a frame of the server: final and not masked. Gives its opcode and its payload.
    pub async fn receive_frame(&mut self) -> (u8, Vec<u8>) {
        let head = self.receive_exactly(2, "the head of a frame").await;
        assert_eq!(head[0] & 0xf0, FINAL, "a frame of the server is final and has no reserved bits");
        let length = match head[1] {
            length @ 0..126 => u64::from(length),
            126 => {
                let length = self.receive_exactly(2, "a length").await;
                u64::from(u16::from_be_bytes([length[0], length[1]]))
            }
            127 => {
                let length = self.receive_exactly(8, "a length").await;
                u64::from_be_bytes(length.try_into().expect("it is 8 bytes"))
            }
            _ => panic!("a server does not mask"),
        };
        (head[0] & 0x0f, self.receive_exactly(length as usize, "the payload of a frame").await)
    }

    /// Expects a text message.
    pub async fn expect_text(&mut self, text: &str) {
        let (opcode, payload) = self.receive_frame().await;
        assert_eq!((opcode, String::from_utf8_lossy(&payload).as_ref()), (TEXT, text));
    }

    /// Expects a close frame with this code.
    pub async fn expect_close(&mut self, code: u16) {
        let (opcode, payload) = self.receive_frame().await;
        assert_eq!((opcode, payload.get(..2)), (CLOSE, Some(&code.to_be_bytes()[..])), "{payload:?}");
    }
}

const FINAL: u8 = 0x80;
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// The opcode of all frames of a message but its first.
pub const CONTINUATION: u8 = 0;
/// The opcode of text.
pub const TEXT: u8 = 1;
/// The opcode of binary data.
pub const BINARY: u8 = 2;
/// The opcode of a close.
pub const CLOSE: u8 = 8;
/// The opcode of a ping.
pub const PING: u8 = 9;
/// The opcode of a pong.
pub const PONG: u8 = 10;
