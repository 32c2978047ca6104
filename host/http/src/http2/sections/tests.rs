use super::*;
use crate::http2::frames::CONTINUATION;

/// Sends one section in frames of such a size, in pieces of another. What was wrong with it.
fn send(sections: &mut Sections, stream: u32, section: &[u8], frame: usize, piece: usize) -> Option<Malformed> {
    let frames: Vec<_> = section.chunks(frame.max(1)).collect();
    let mut wrong = None;
    for (number, fragment) in frames.iter().enumerate() {
        let is_last = number + 1 == frames.len();
        let (kind, flags) = if number == 0 { (HEADERS, PADDED | PRIORITY) } else { (CONTINUATION, 0) };
        let payload = match number {
            // Padding that would be fields.
            0 => [&[3, 0, 0, 0, 0, 15][..], fragment, &[0x82, 0x82, 0x82]].concat(),
            _ => fragment.to_vec(),
        };
        let flags = flags | if is_last { END_HEADERS } else { 0 };
        sections.begin_frame(&Head { size: payload.len(), kind, flags, stream });
        payload.chunks(piece).for_each(|piece| sections.read_frame(piece));
        wrong = sections.end_frame();
        assert!(is_last || wrong.is_none());
    }
    wrong.map(|(of, wrong)| {
        assert_eq!(of, stream);
        wrong
    })
}

fn literal(first: u8, name: &str, value: &str) -> Vec<u8> {
    [&[first, name.len() as u8], name.as_bytes(), &[value.len() as u8], value.as_bytes()].concat()
}

/// Sends these sections, each as a request or as trailers, in every way that they can come in pieces.
fn expect(sections: &[(u32, &[u8], Option<Malformed>)]) {
    for (frame, piece) in [(1, 1), (2, 100), (7, 3), (100, 1), (100, 2), (1000, 1000)] {
        let mut all = Sections::new(4096);
        for (number, (stream, section, expected)) in sections.iter().enumerate() {
            let wrong = send(&mut all, *stream, section, frame, piece);
            assert_eq!(wrong, *expected, "of section {number} in frames of {frame} and pieces of {piece}");
        }
    }
}

#[test]
fn a_fragment_is_found_in_a_path_and_nowhere_else() {
    let fragment = Some(Malformed::Fragment);
    // Without indexing, with it, and never indexed; with an indexed name and with one that is spelled out.
    for first in [0x00, 0x40, 0x10] {
        expect(&[(1, &literal(first, ":path", "/a#b"), fragment)]);
        expect(&[(1, &literal(first, ":path", "/a"), None), (3, &literal(first, ":paths", "#"), None)]);
        expect(&[(1, &literal(first, ":pat", "#"), None), (3, &literal(first, "referer", "/a#b"), None)]);
        expect(&[(1, &[first | 4, 4, b'/', b'a', b'#', b'b'], fragment)]);
        expect(&[(1, &[first | 1, 4, b'/', b'a', b'#', b'b'], None)]);
    }
    // `/#` in the code of Huffman: 011000 111111111010, and padding.
    expect(&[(1, &[0x04, 0x83, 0b0110_0011, 0b1111_1110, 0b1011_1111], fragment)]);
    expect(&[(1, &[0x82, 0x84, 0x86], None)]);
}

#[test]
fn a_pseudo_field_is_found_in_trailers() {
    let pseudo = Some(Malformed::PseudoTrailer);
    let request = &[0x82, 0x84, 0x86][..];
    expect(&[(1, request, None), (1, &literal(0, "x", ":path"), None), (3, request, None), (3, request, pseudo)]);
    expect(&[(1, request, None), (1, &literal(0, ":x", ""), pseudo)]);
    expect(&[(5, request, None), (3, request, pseudo), (7, request, None)]);
    // `:path` in the code of Huffman, which has bytes of its own in between.
    let name = [0x00, 0x84, 0xb9, 0x58, 0xd3, 0x3f, 0x00];
    expect(&[(1, request, None), (1, &name, pseudo)]);
}

#[test]
fn fields_are_found_again_in_the_table_as_long_as_they_are_in_it() {
    let fragment = Some(Malformed::Fragment);
    let path = literal(0x40, ":path", "/a#b");
    let other = literal(0x40, "x", "y");
    expect(&[
        (1, &path, fragment),
        (3, &[0xbe], fragment),
        (5, &other, None),
        (7, &[0xbf], fragment),
        (9, &[0xbe], None),
    ]);
    // By its name alone.
    expect(&[(1, &path, fragment), (3, &[0x7e, 2, b'/', b'a'], None), (5, &[0x7f, 0, 1, b'#'], fragment)]);
    // Its size is 32 + 5 + 4 = 41, as the last number of the table's size says in two bytes.
    expect(&[(1, &path, fragment), (3, &[0x3f, 10, 0xbe], fragment), (5, &[0x3f, 9, 0xbe], None)]);
    // An entry that is larger than the table empties it.
    let large = literal(0x40, "x", &"y".repeat(9));
    expect(&[(1, &[&[0x3f, 10][..], &path].concat(), fragment), (3, &large, None), (5, &[0xbe], None)]);
}

#[test]
fn nothing_that_comes_panics() {
    let mut state = 1_u64;
    for _ in 0..2_000 {
        let mut sections = Sections::new(u32::MAX);
        for stream in 1..9 {
            let section: Vec<u8> = (0..40)
                .map(|_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    (state >> 56) as u8
                })
                .collect();
            send(&mut sections, stream, &section, 17, 5);
        }
    }
}
