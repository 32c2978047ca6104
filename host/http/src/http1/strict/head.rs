//! What is remembered of a head while it is read: what it says about what follows it, and how much of it there was.

use windhover_contract::ClientFault;

use super::Bounds;
use super::grammar::length;

/// What a head says about what follows it.
#[derive(Default)]
pub(super) struct Head {
    pub(super) is_http_11: bool,
    pub(super) length: Option<u64>,
    pub(super) is_chunked: bool,
    pub(super) asks_for_upgrade: bool,
}

/// How much there has been of a field section.
#[derive(Default)]
pub(super) struct Fields {
    pub(super) count: usize,
    pub(super) size: usize,
}

impl Fields {
    /// Counts a line, of which there may be more. That there are too many is known from its first octet on, so that
    /// the verdict is the same however it comes.
    pub(super) fn count(&mut self, line: &[u8], is_whole: bool, bounds: &Bounds) -> Result<(), ClientFault> {
        if self.count >= bounds.fields {
            return Err(ClientFault::FieldsTooMany);
        }
        let size = self.size.saturating_add(line.len());
        if size > bounds.fields_size {
            return Err(ClientFault::FieldsTooLarge);
        }
        if is_whole {
            *self = Self { count: self.count + 1, size };
        }
        Ok(())
    }
}

impl Head {
    /// Remembers a field that says where the request ends.
    pub(super) fn learn(&mut self, name: &[u8], line: &[u8]) -> Result<(), ClientFault> {
        let value = || line.get(name.len() + 1..).unwrap_or_default().trim_ascii();
        match name.len() {
            7 if name.eq_ignore_ascii_case(b"upgrade") => self.asks_for_upgrade = true,
            14 if name.eq_ignore_ascii_case(b"content-length") => {
                let length = length(value()).ok_or(ClientFault::ContentLength)?;
                // RFC 9112 §6.3 allows to take equal ones for one; no client sends any.
                if self.length.replace(length).is_some() {
                    return Err(ClientFault::ContentLength);
                }
            }
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                let is_only = !std::mem::replace(&mut self.is_chunked, true);
                if !is_only || !value().eq_ignore_ascii_case(b"chunked") {
                    return Err(ClientFault::TransferCoding);
                }
            }
            _ => {}
        }
        Ok(())
    }
}
