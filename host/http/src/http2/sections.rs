//! What the HTTP/2 library reads in header sections and does not tell: a fragment in `:path`, which it cuts off, and
//! pseudo-fields in trailers, which it leaves out. So sections are read here too, on their way to it: HPACK (RFC 7541),
//! so far as it takes to know that. Nothing is kept of a field but its size and these facts.
//!
//! No library of HPACK does that without making a copy of each section, of a size that the client chooses.
//!
//! Reads what the library takes. What that refuses ends the connection, and then it does not matter what is read here.

mod hpack;
mod huffman;

use hpack::Fields;

use super::frames::{END_HEADERS, HEADERS, Head};

/// The header sections that a client sends, as they come.
pub(super) struct Sections {
    fields: Fields,
    section: Section,
    frame: SectionFrame,
    /// The latest stream that a client has begun. A section of another is one of trailers.
    last_stream: u32,
}

/// What is wrong with a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// A request's `:path` has a fragment.
    Fragment,
    /// There is a pseudo-field in trailers (RFC 9113 §8.1).
    PseudoTrailer,
}

/// A section under way.
#[derive(Clone, Copy, Default)]
struct Section {
    stream: u32,
    is_trailers: bool,
    has_pseudo: bool,
    has_fragment: bool,
}

/// The frame that is being read, of which a section has one or more.
#[derive(Clone, Copy, Default)]
struct SectionFrame {
    /// Bytes of it that are to come.
    left: usize,
    /// The next byte says how many are padding at its end (RFC 9113 §6.2).
    begins_with_padding: bool,
    padding: usize,
    /// Bytes of a priority that come first, which means nothing any more.
    priority: usize,
    ends_section: bool,
}

impl Sections {
    /// `header_table_size`: as clients are told.
    pub(super) fn new(header_table_size: u32) -> Self {
        Self {
            fields: Fields::new(header_table_size),
            section: Section::default(),
            frame: SectionFrame::default(),
            last_stream: 0,
        }
    }

    /// A frame of a section begins: HEADERS, or CONTINUATION of the one before.
    pub(super) fn begin_frame(&mut self, head: &Head) {
        let has = |flag: u8| head.kind == HEADERS && head.flags & flag != 0;
        self.frame = SectionFrame {
            left: head.size,
            begins_with_padding: has(PADDED),
            padding: 0,
            priority: if has(PRIORITY) { PRIORITY_SIZE } else { 0 },
            ends_section: head.flags & END_HEADERS != 0,
        };
        if head.kind == HEADERS {
            let is_trailers = head.stream <= self.last_stream;
            self.last_stream = self.last_stream.max(head.stream);
            self.section = Section { stream: head.stream, is_trailers, ..Section::default() };
            self.fields.begin();
        }
    }

    /// Reads what comes next of a frame.
    pub(super) fn read_frame(&mut self, mut bytes: &[u8]) {
        if let [size, rest @ ..] = bytes
            && std::mem::take(&mut self.frame.begins_with_padding)
        {
            self.frame.padding = usize::from(*size);
            self.frame.left = self.frame.left.saturating_sub(1);
            bytes = rest;
        }
        let (priority, rest) = bytes.split_at(self.frame.priority.min(bytes.len()));
        self.frame.priority -= priority.len();
        self.frame.left = self.frame.left.saturating_sub(priority.len());
        let fields = rest.len().min(self.frame.left.saturating_sub(self.frame.padding));
        self.frame.left = self.frame.left.saturating_sub(rest.len());
        let section = &mut self.section;
        self.fields.read(&rest[..fields], |field| {
            section.has_pseudo |= field.is_pseudo();
            section.has_fragment |= field.is_path_with_fragment();
        });
    }

    /// A frame has come to its end. If its section has too: what is wrong with that, and the stream that it is of.
    pub(super) fn end_frame(&mut self) -> Option<(u32, Malformed)> {
        if !self.frame.ends_section {
            return None;
        }
        let Section { stream, is_trailers, has_pseudo, has_fragment } = self.section;
        let malformed = match is_trailers {
            true if has_pseudo => Malformed::PseudoTrailer,
            false if has_fragment => Malformed::Fragment,
            _ => return None,
        };
        Some((stream, malformed))
    }
}

// RFC 9113 §6.2
const PADDED: u8 = 8;
const PRIORITY: u8 = 0x20;
const PRIORITY_SIZE: usize = 5;

#[cfg(test)]
mod tests;
