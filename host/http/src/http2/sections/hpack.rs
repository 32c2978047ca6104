//! The fields of header sections in HPACK (RFC 7541): their sizes, and whether their names and values make the section
//! malformed. The texts are not kept.

use std::collections::VecDeque;

use super::huffman::Decoder;

/// Reads the fields of one header section after another.
pub(super) struct Fields {
    /// The dynamic table (RFC 7541 §2.3.2), the newest first.
    table: VecDeque<Field>,
    size: usize,
    max_size: usize,
    /// The largest size that the server allows.
    most: usize,
    state: State,
}

/// What is known of a field.
#[derive(Clone, Copy, Default)]
pub(super) struct Field {
    name: Name,
    /// As HPACK counts it, without the 32 that it adds.
    size: u32,
    has_fragment: bool,
}

#[derive(Clone, Copy, Default)]
struct Name {
    size: u32,
    is_pseudo: bool,
    is_path: bool,
}

/// Where in a section the next byte stands.
#[derive(Clone, Copy)]
enum State {
    /// At the first of a field.
    Field,
    /// In a number, after its first byte (RFC 7541 §5.1).
    Number {
        of: Number,
        value: usize,
        shift: u32,
    },
    /// At the length of a name. The field is indexed afterwards or not.
    NameLength {
        is_indexed: bool,
    },
    Name {
        text: Text,
        is_indexed: bool,
    },
    /// At the length of a value.
    ValueLength {
        name: Name,
        is_indexed: bool,
    },
    Value {
        text: Text,
        name: Name,
        is_indexed: bool,
    },
}

/// The meaning of a number.
#[derive(Clone, Copy)]
enum Number {
    /// The index of the field (RFC 7541 §6.1).
    Field,
    /// The index of the field with the name of a literal (§6.2).
    Name {
        is_indexed: bool,
    },
    /// The size of the table (§6.3).
    TableSize,
    NameLength {
        is_huffman: bool,
        is_indexed: bool,
    },
    ValueLength {
        is_huffman: bool,
        name: Name,
        is_indexed: bool,
    },
}

/// The current text (RFC 7541 §5.2).
#[derive(Clone, Copy)]
struct Text {
    /// How many bytes of it are still to come.
    left: usize,
    huffman: Option<Decoder>,
    size: u32,
    is_pseudo: bool,
    /// How many of its first characters equal those of `:path`.
    like_path: u32,
    has_fragment: bool,
}

impl Fields {
    /// `header_table_size`: as the server tells its clients.
    pub(super) fn new(header_table_size: u32) -> Self {
        Self {
            table: VecDeque::new(),
            size: 0,
            max_size: DEFAULT_TABLE_SIZE,
            most: DEFAULT_TABLE_SIZE.max(header_table_size as usize),
            state: State::Field,
        }
    }

    /// A section begins.
    pub(super) fn begin(&mut self) {
        self.state = State::Field;
    }

    /// Reads the next bytes of a section, and calls `meet` for each of its fields.
    pub(super) fn read(&mut self, mut bytes: &[u8], mut meet: impl FnMut(Field)) {
        while let [first, rest @ ..] = bytes {
            bytes = match &mut self.state {
                State::Name { text, .. } | State::Value { text, .. } => {
                    let (now, rest) = bytes.split_at(text.left.min(bytes.len()));
                    text.read(now);
                    rest
                }
                _ => {
                    self.take(*first, &mut meet);
                    rest
                }
            };
            self.finish_text(&mut meet);
        }
    }

    /// One byte outside of texts.
    fn take(&mut self, byte: u8, meet: &mut impl FnMut(Field)) {
        match self.state {
            State::Field => match byte {
                0x80.. => self.begin_number(Number::Field, byte, 7, meet),
                0x40.. => self.begin_name(true, byte, 6, meet),
                0x20.. => self.begin_number(Number::TableSize, byte, 5, meet),
                _ => self.begin_name(false, byte, 4, meet),
            },
            State::Number { of, value, shift } => {
                let value = value.saturating_add(usize::from(byte & 0x7f).checked_shl(shift).unwrap_or(usize::MAX));
                if byte & 0x80 == 0 {
                    self.end_number(of, value, meet);
                } else {
                    // The library refuses longer numbers. Here they only must not overflow.
                    self.state = State::Number { of, value, shift: (shift + 7).min(usize::BITS - 1) };
                }
            }
            State::NameLength { is_indexed } => {
                self.begin_number(Number::NameLength { is_huffman: byte & 0x80 != 0, is_indexed }, byte, 7, meet);
            }
            State::ValueLength { name, is_indexed } => {
                self.begin_number(
                    Number::ValueLength { is_huffman: byte & 0x80 != 0, name, is_indexed },
                    byte,
                    7,
                    meet,
                );
            }
            State::Name { .. } | State::Value { .. } => {}
        }
    }

    /// RFC 7541 §6.2: index 0 is a name that follows.
    fn begin_name(&mut self, is_indexed: bool, byte: u8, bits: u32, meet: &mut impl FnMut(Field)) {
        if byte & ((1 << bits) - 1) == 0 {
            self.state = State::NameLength { is_indexed };
        } else {
            self.begin_number(Number::Name { is_indexed }, byte, bits, meet);
        }
    }

    fn begin_number(&mut self, of: Number, byte: u8, bits: u32, meet: &mut impl FnMut(Field)) {
        let max = (1 << bits) - 1;
        match usize::from(byte) & max {
            value if value < max => self.end_number(of, value, meet),
            value => self.state = State::Number { of, value, shift: 0 },
        }
    }

    fn end_number(&mut self, of: Number, value: usize, meet: &mut impl FnMut(Field)) {
        self.state = match of {
            Number::Field => {
                meet(self.field(value));
                State::Field
            }
            Number::Name { is_indexed } => State::ValueLength { name: self.field(value).name, is_indexed },
            Number::TableSize => {
                self.max_size = value.min(self.most);
                self.make_room(0);
                State::Field
            }
            Number::NameLength { is_huffman, is_indexed } => {
                State::Name { text: Text::new(value, is_huffman), is_indexed }
            }
            Number::ValueLength { is_huffman, name, is_indexed } => {
                State::Value { text: Text::new(value, is_huffman), name, is_indexed }
            }
        };
    }

    fn finish_text(&mut self, meet: &mut impl FnMut(Field)) {
        match self.state {
            State::Name { text, is_indexed } if text.left == 0 => {
                let is_path = text.like_path == PATH_SIZE && text.size == PATH_SIZE;
                let name = Name { size: text.size, is_pseudo: text.is_pseudo, is_path };
                self.state = State::ValueLength { name, is_indexed };
            }
            State::Value { text, name, is_indexed } if text.left == 0 => {
                let size = name.size.saturating_add(text.size);
                let field = Field { name, size, has_fragment: text.has_fragment };
                meet(field);
                if is_indexed {
                    self.insert(field);
                }
                self.state = State::Field;
            }
            _ => {}
        }
    }

    /// The field with this index (RFC 7541 §2.3.3). The library refuses an index that does not exist.
    fn field(&self, index: usize) -> Field {
        match index.checked_sub(STATIC_NAMES.len() + 1) {
            Some(index) => self.table.get(index).copied().unwrap_or_default(),
            None => {
                let name = index.checked_sub(1).map_or("", |index| STATIC_NAMES[index]);
                let name = Name {
                    size: name.len() as u32,
                    is_pseudo: name.starts_with(':'),
                    is_path: name.as_bytes() == PATH,
                };
                Field { name, ..Field::default() }
            }
        }
    }

    /// RFC 7541 §4.4.
    fn insert(&mut self, field: Field) {
        let size = field.size as usize + ENTRY_SIZE;
        self.make_room(size);
        if size <= self.max_size {
            self.size += size;
            self.table.push_front(field);
        }
    }

    fn make_room(&mut self, size: usize) {
        while self.size + size > self.max_size
            && let Some(last) = self.table.pop_back()
        {
            self.size -= last.size as usize + ENTRY_SIZE;
        }
    }
}

impl Field {
    pub(super) fn is_pseudo(self) -> bool {
        self.name.is_pseudo
    }

    pub(super) fn is_path_with_fragment(self) -> bool {
        self.name.is_path && self.has_fragment
    }
}

impl Text {
    fn new(left: usize, is_huffman: bool) -> Self {
        let huffman = is_huffman.then(Decoder::default);
        Self { left, huffman, size: 0, is_pseudo: false, like_path: 0, has_fragment: false }
    }

    fn read(&mut self, bytes: &[u8]) {
        self.left -= bytes.len();
        let Some(mut decoder) = self.huffman else {
            bytes.iter().for_each(|byte| self.meet(*byte));
            return;
        };
        for byte in bytes {
            decoder.decode(*byte, |character| self.meet(character));
        }
        self.huffman = Some(decoder);
    }

    fn meet(&mut self, character: u8) {
        if self.size == 0 {
            self.is_pseudo = character == b':';
        }
        if self.like_path == self.size && PATH.get(self.size as usize) == Some(&character) {
            self.like_path += 1;
        }
        self.has_fragment |= character == b'#';
        self.size = self.size.saturating_add(1);
    }
}

const PATH: &[u8] = b":path";
const PATH_SIZE: u32 = 5;

/// What HPACK adds to the size of each entry (RFC 7541 §4.1).
const ENTRY_SIZE: usize = 32;

/// RFC 9113 §6.5.2. A client that uses another size says so itself (RFC 7541 §4.2).
const DEFAULT_TABLE_SIZE: usize = 4096;

/// RFC 7541, appendix A.
const STATIC_NAMES: [&str; 61] = [
    ":authority",
    ":method",
    ":method",
    ":path",
    ":path",
    ":scheme",
    ":scheme",
    ":status",
    ":status",
    ":status",
    ":status",
    ":status",
    ":status",
    ":status",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "accept-ranges",
    "accept",
    "access-control-allow-origin",
    "age",
    "allow",
    "authorization",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-length",
    "content-location",
    "content-range",
    "content-type",
    "cookie",
    "date",
    "etag",
    "expect",
    "expires",
    "from",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "last-modified",
    "link",
    "location",
    "max-forwards",
    "proxy-authenticate",
    "proxy-authorization",
    "range",
    "referer",
    "refresh",
    "retry-after",
    "server",
    "set-cookie",
    "strict-transport-security",
    "transfer-encoding",
    "user-agent",
    "vary",
    "via",
    "www-authenticate",
];
