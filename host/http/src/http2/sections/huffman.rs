//! The Huffman code of HPACK (RFC 7541 §5.2 and appendix B), decoded four bits at a time.

/// A text under way.
#[derive(Clone, Copy, Default)]
pub(super) struct Decoder {
    node: u8,
}

impl Decoder {
    /// Decodes one byte: gives at most two characters to `text`.
    pub(super) fn decode(&mut self, byte: u8, mut text: impl FnMut(u8)) {
        for bits in [byte >> 4, byte & 0xf] {
            let step = STEPS[usize::from(self.node)][usize::from(bits)];
            self.node = step.node;
            if let Some(character) = step.character {
                text(character);
            }
        }
    }
}

/// What four bits lead to. No code is shorter than five, so they end one character at most.
#[derive(Clone, Copy)]
struct Step {
    node: u8,
    character: Option<u8>,
}

/// By node and bits.
static STEPS: [[Step; 16]; NODES] = {
    let tree = tree();
    let mut steps = [[Step { node: 0, character: None }; 16]; NODES];
    let mut node = 0;
    while node < NODES {
        let mut bits = 0;
        while bits < 16 {
            let (mut at, mut character, mut bit) = (node, None, 4);
            while bit > 0 {
                bit -= 1;
                at = tree[at][bits >> bit & 1] as usize;
                if at >= NODES {
                    // The 257th ends no text that is well formed, and the protocol's library refuses it.
                    character = if at - NODES < 256 { Some((at - NODES) as u8) } else { None };
                    at = 0;
                }
            }
            steps[node][bits] = Step { node: at as u8, character };
            bits += 1;
        }
        node += 1;
    }
    steps
};

/// The tree of the code: what 0 and 1 lead to, a node or, from `NODES` on, a character.
const fn tree() -> [[u16; 2]; NODES] {
    let mut tree = [[0; 2]; NODES];
    let (mut nodes, mut code, mut size) = (1, 0_u32, 5);
    // Within one length, codes are in the order of their characters, and shorter ones come first.
    while size <= 30 {
        let mut character = 0;
        while character < SIZES.len() {
            if SIZES[character] == size {
                let (mut at, mut bit) = (0, size);
                while bit > 1 {
                    bit -= 1;
                    let side = (code >> bit & 1) as usize;
                    if tree[at][side] == 0 {
                        tree[at][side] = nodes;
                        nodes += 1;
                    }
                    at = tree[at][side] as usize;
                }
                tree[at][(code & 1) as usize] = (NODES + character) as u16;
                code += 1;
            }
            character += 1;
        }
        code <<= 1;
        size += 1;
    }
    tree
}

/// A tree with 257 leaves has so many.
const NODES: usize = 256;

/// How many bits the code of each character has, and that of the end, which is none.
const SIZES: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28,
    28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12,
    10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6,
    5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22,
    22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20,
    22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28,
    27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28,
    27, 27, 27, 27, 27, 26, 30,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(bytes: &[u8]) -> Vec<u8> {
        let (mut decoder, mut text) = (Decoder::default(), Vec::new());
        for byte in bytes {
            decoder.decode(*byte, |character| text.push(character));
        }
        text
    }

    /// RFC 7541, appendix C.4 and C.6.
    #[test]
    fn the_examples_of_the_specification_are_decoded() {
        for (bytes, text) in [
            (&b"\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff"[..], "www.example.com"),
            (b"\xa8\xeb\x10\x64\x9c\xbf", "no-cache"),
            (b"\x25\xa8\x49\xe9\x5b\xb8\xe8\xb4\xbf", "custom-value"),
            (
                b"\xd0\x7a\xbe\x94\x10\x54\xd4\x44\xa8\x20\x05\x95\x04\x0b\x81\x66\xe0\x82\xa6\x2d\x1b\xff",
                "Mon, 21 Oct 2013 20:13:21 GMT",
            ),
        ] {
            assert_eq!(decode(bytes).escape_ascii().to_string(), text);
        }
    }

    #[test]
    fn every_character_has_a_code_of_its_own() {
        let mut seen = [false; 257];
        for pair in tree() {
            for next in pair {
                if let Some(character) = usize::from(next).checked_sub(NODES) {
                    assert!(!std::mem::replace(&mut seen[character], true), "{character}");
                }
                assert_ne!(next, 0, "each node has both");
            }
        }
        assert!(seen.iter().all(|seen| *seen));
    }
}
