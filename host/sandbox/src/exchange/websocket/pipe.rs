//! Buffers bytes between a body and tungstenite: received bytes that are not parsed yet, and bytes that are not sent
//! yet. Nothing here waits.

use std::io::{self, Read, Write};

use bytes::{Buf, Bytes, BytesMut};

/// A stream that has what it has.
#[derive(Default)]
pub(super) struct Pipe {
    incoming: BytesMut,
    has_ended: bool,
    outgoing: BytesMut,
}

impl Pipe {
    /// More has come.
    pub(super) fn push(&mut self, data: &[u8]) {
        self.incoming.extend_from_slice(data);
    }

    /// How much has come that was not understood yet.
    pub(super) fn unread(&self) -> usize {
        self.incoming.len()
    }

    /// Nothing more will come.
    pub(super) fn end(&mut self) {
        self.has_ended = true;
    }

    /// More is to be sent.
    pub(super) fn append(&mut self, data: &[u8]) {
        self.outgoing.extend_from_slice(data);
    }

    /// Whether so much waits to be sent that no more should come about by itself.
    pub(super) fn is_full(&self) -> bool {
        self.outgoing.len() > MAX_OUTGOING
    }

    /// What is to be sent. `None`: nothing.
    pub(super) fn take(&mut self) -> Option<Bytes> {
        if self.outgoing.is_empty() { None } else { Some(self.outgoing.split().freeze()) }
    }

    /// What could not be sent yet.
    pub(super) fn put_back(&mut self, data: &Bytes) {
        let behind = self.outgoing.split();
        self.outgoing.extend_from_slice(data);
        self.outgoing.unsplit(behind);
    }
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.incoming.len().min(buffer.len()) {
            0 if self.has_ended => Ok(0),
            0 => Err(io::ErrorKind::WouldBlock.into()),
            size => {
                self.incoming.copy_to_slice(&mut buffer[..size]);
                Ok(size)
            }
        }
    }
}

impl Write for Pipe {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.outgoing.extend_from_slice(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What may wait to be sent that nobody has asked for: pongs.
const MAX_OUTGOING: usize = 64 << 10;
