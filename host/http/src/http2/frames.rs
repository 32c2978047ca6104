//! The frames of one direction of an HTTP/2 connection, found in its bytes (RFC 9113 §4.1). Only the heads of frames are
//! decoded. The content of header sections is passed on; all other content is passed over.

/// The frames of one direction.
#[derive(Default)]
pub(super) struct Frames {
    /// How many bytes of the preface are still to come.
    preface: usize,
    /// How many bytes of a frame's content are still to be skipped.
    skip: usize,
    head: [u8; HEAD_SIZE],
    head_size: usize,
    /// The skipped content is that of a DATA frame.
    is_data: bool,
    /// The current frame belongs to a header section.
    is_section: bool,
    /// A header section has begun and not ended (RFC 9113 §4.3).
    is_in_section: bool,
    took_finished: bool,
}

/// What is found in one direction.
pub(super) enum Event<'b> {
    Frame(Head),
    /// Content of a frame of a header section.
    Section(&'b [u8]),
    /// Such a frame is complete.
    SectionFrameEnd,
}

impl Frames {
    /// What a client sends: its preface comes first (RFC 9113 §3.4).
    pub(super) fn behind_preface() -> Self {
        Self { preface: PREFACE_SIZE, ..Self::default() }
    }

    /// Reads what comes next, and calls `meet` for each event in it.
    pub(super) fn read(&mut self, mut bytes: &[u8], mut meet: impl FnMut(Event<'_>)) {
        self.took_finished = false;
        let preface = self.preface.min(bytes.len());
        self.preface -= preface;
        bytes = &bytes[preface..];
        while !bytes.is_empty() {
            if self.skip > 0 {
                let skipped = self.skip.min(bytes.len());
                self.skip -= skipped;
                if self.is_section {
                    meet(Event::Section(&bytes[..skipped]));
                    if self.skip == 0 {
                        meet(Event::SectionFrameEnd);
                    }
                }
                bytes = &bytes[skipped..];
                self.finish();
                continue;
            }
            let taken = (HEAD_SIZE - self.head_size).min(bytes.len());
            self.head[self.head_size..][..taken].copy_from_slice(&bytes[..taken]);
            self.head_size += taken;
            bytes = &bytes[taken..];
            if self.head_size == HEAD_SIZE {
                let head = Head::parse(&self.head);
                (self.head_size, self.skip, self.is_data) = (0, head.size, head.kind == DATA);
                self.is_section = head.is_of_section();
                if self.is_section {
                    self.is_in_section = head.flags & END_HEADERS == 0;
                }
                meet(Event::Frame(head));
                if self.is_section && self.skip == 0 {
                    meet(Event::SectionFrameEnd);
                }
                self.finish();
            }
        }
    }

    fn finish(&mut self) {
        self.took_finished |= self.skip == 0 && !self.is_in_section;
    }

    /// Content may arrive slowly: the limits of its exchange apply to it.
    pub(super) fn is_unfinished(&self) -> bool {
        self.is_in_section || self.head_size > 0 || (self.skip > 0 && !self.is_data)
    }

    /// Whether something ended in what was read last.
    pub(super) fn took_finished(&self) -> bool {
        self.took_finished
    }
}

/// The head of a frame.
pub(super) struct Head {
    pub(super) size: usize,
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
}

impl Head {
    fn parse(bytes: &[u8; HEAD_SIZE]) -> Self {
        let size = u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]]);
        let stream = u32::from_be_bytes([bytes[5] & 0x7f, bytes[6], bytes[7], bytes[8]]);
        Self { size: size as usize, kind: bytes[3], flags: bytes[4], stream }
    }

    pub(super) fn is_of_section(&self) -> bool {
        matches!(self.kind, HEADERS | CONTINUATION)
    }

    pub(super) fn ends_stream(&self) -> bool {
        matches!(self.kind, DATA | HEADERS) && self.flags & END_STREAM != 0
    }

    /// Whether its kind carries something for an application.
    pub(super) fn carries(&self) -> bool {
        matches!(self.kind, DATA | HEADERS)
    }
}

pub(super) const HEAD_SIZE: usize = 9;
pub(super) const PREFACE_SIZE: usize = 24;

// RFC 9113 §6 and §11.2
const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;
