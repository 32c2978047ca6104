//! What a head says about what follows it, and how much of it has been read.

use windhover_contract::ClientFault;

use super::grammar::{length, token_size};

/// The limits of a head, and of a trailer section.
pub(super) struct Bounds {
    pub(super) line: usize,
    pub(super) fields: usize,
    pub(super) fields_size: usize,
}

/// What a head says about what follows it.
#[derive(Default)]
pub(super) struct Head {
    pub(super) is_http_11: bool,
    pub(super) length: Option<u64>,
    pub(super) codings: Codings,
    pub(super) asks_for_upgrade: bool,
}

/// How much of a field section has been read.
#[derive(Default)]
pub(super) struct Fields {
    pub(super) count: usize,
    pub(super) size: usize,
}

impl Fields {
    /// Counts a line that may be incomplete. A line too many is found by its first byte, so that the result does not
    /// depend on how the bytes arrive.
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
    /// Records a field that says where the request ends.
    pub(super) fn learn(&mut self, name: &[u8], line: &[u8]) -> Result<(), ClientFault> {
        let value = || line.get(name.len() + 1..).unwrap_or_default().trim_ascii();
        match name.len() {
            7 if name.eq_ignore_ascii_case(b"upgrade") => self.asks_for_upgrade = true,
            14 if name.eq_ignore_ascii_case(b"content-length") => {
                let length = length(value()).ok_or(ClientFault::ContentLength)?;
                // RFC 9112 §6.3 allows to treat equal values as one. No client sends any.
                if self.length.replace(length).is_some() {
                    return Err(ClientFault::ContentLength);
                }
            }
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                let members = value().split(|byte| *byte == b',');
                self.codings = members.fold(self.codings, Codings::and);
            }
            _ => {}
        }
        Ok(())
    }
}

/// The transfer codings of a request (RFC 9112 §6.1), which may come in several field lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Codings {
    /// There are none.
    #[default]
    None,
    /// The one that is known.
    Chunked,
    /// Others.
    Others,
    /// Others, and chunks around them.
    OthersInChunks,
    /// Another coding follows chunks, or one is malformed.
    Malformed,
}

impl Codings {
    /// These and one more. `chunked` has no parameters and is applied once.
    fn and(self, coding: &[u8]) -> Self {
        let coding = coding.trim_ascii();
        let (name, parameters) = coding.split_at(token_size(coding));
        let is_well_formed = !name.is_empty() && matches!(parameters.trim_ascii_start(), [] | [b';', ..]);
        let is_chunked = name.eq_ignore_ascii_case(b"chunked");
        match self {
            _ if !is_well_formed || (is_chunked && !parameters.is_empty()) => Self::Malformed,
            Self::None if is_chunked => Self::Chunked,
            Self::Others if is_chunked => Self::OthersInChunks,
            Self::None | Self::Others => Self::Others,
            Self::Chunked | Self::OthersInChunks | Self::Malformed => Self::Malformed,
        }
    }

    /// Whether there are chunks and nothing else. RFC 9112 §6.3: 400 if the end of the content cannot be known. §6.1:
    /// 501 if only the coding inside of the chunks is unknown.
    pub(super) fn check_chunked(self) -> Result<(), ClientFault> {
        match self {
            Self::Chunked => Ok(()),
            Self::OthersInChunks => Err(ClientFault::TransferCodingUnknown),
            Self::None | Self::Others | Self::Malformed => Err(ClientFault::TransferCoding),
        }
    }
}
