//! Finds what the HTTP/2 library hides in header sections: a fragment in `:path`, which it cuts off, and pseudo-fields
//! in trailers, which it leaves out. So sections are read here too, on their way to the library: HPACK (RFC 7541), as
//! far as needed for these facts. Only the size of a field and these facts are kept.
//!
//! No HPACK library does that without a copy of each section, whose size the client chooses.
//!
//! Reads what the library accepts. What the library refuses ends the connection, and then it does not matter what is
//! read here.

mod hpack;
mod huffman;

use hpack::Fields;

use super::frames::{END_HEADERS, HEADERS, Head};

/// The header sections that a client sends, as they arrive.
pub(super) struct Sections {
    fields: Fields,
    section: Section,
    frame: SectionFrame,
    /// The latest stream that the client has begun. A section of an earlier stream is one of trailers.
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

/// The current section.
#[derive(Clone, Copy, Default)]
struct Section {
    stream: u32,
    is_trailers: bool,
    has_pseudo: bool,
    has_fragment: bool,
}

/// The current frame. A section has one or more.
#[derive(Clone, Copy, Default)]
struct SectionFrame {
    /// How many bytes of it are still to come.
    left: usize,
    /// The next byte is the size of the padding at its end (RFC 9113 §6.2).
    begins_with_padding: bool,
    padding: usize,
    /// How many bytes of a priority come first. Priorities are obsolete.
    priority: usize,
    ends_section: bool,
}

impl Sections {
    /// `header_table_size`: as the server tells its clients.
    pub(super) fn new(header_table_size: u32) -> Self {
        Self {
            fields: Fields::new(header_table_size),
            section: Section::default(),
            frame: SectionFrame::default(),
            last_stream: 0,
        }
    }

    /// A frame of a section begins: HEADERS, or the CONTINUATION of the one before.
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

    /// Reads the next bytes of a frame.
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

    /// A frame has ended. If its section has ended too and is malformed: the section's stream, and what is wrong.
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
