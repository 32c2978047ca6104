//! The judge of what clients send: its verdict does not depend on how the bytes come, and what it takes for a head is
//! one to another parser too, up to the same byte.
//!
//! The first two bytes of the input say where the others are split.

#![no_main]

#[allow(dead_code, reason = "the room uses more of it")]
#[path = "../../../host/http/src/http1"]
mod room {
    pub(crate) mod strict;
}

use libfuzzer_sys::fuzz_target;
use room::strict::{Strict, Wrong};
use windhover_contract::{InRange, Limits};

fuzz_target!(|input: &[u8]| {
    let [first, second, bytes @ ..] = input else { return };
    let whole = judge([bytes], |_| {});
    let sizes = [usize::from(*first), usize::from(*second)];
    assert_eq!(judge(pieces(bytes, sizes), |_| {}), whole, "in pieces");
    assert_eq!(judge(bytes.chunks(1), is_head), whole, "one by one");
});

/// What becomes of a connection's bytes: how many are good, of how many heads, and what is wrong behind them.
fn judge<'p>(pieces: impl IntoIterator<Item = &'p [u8]>, look_at_head: impl Fn(&[u8])) -> (usize, u64, Option<Wrong>) {
    let (mut strict, mut shown, mut good) = (Strict::new(&limits()), Vec::new(), 0);
    for piece in pieces {
        shown.extend_from_slice(piece);
        loop {
            let heads = strict.heads();
            let verdict = strict.check(&mut shown);
            assert!(verdict.good <= shown.len());
            if strict.heads() > heads {
                look_at_head(&shown[..verdict.good]);
            }
            shown.drain(..verdict.good);
            good += verdict.good;
            if verdict.fault.is_some() {
                return (good, strict.heads(), verdict.fault);
            }
            if !strict.awaits_upgrade() {
                break;
            }
            strict.decline();
        }
    }
    (good, strict.heads(), None)
}

/// Pieces of these sizes in turns.
fn pieces(bytes: &[u8], sizes: [usize; 2]) -> Vec<&[u8]> {
    let (mut pieces, mut rest) = (Vec::new(), bytes);
    for size in sizes.iter().cycle() {
        let (piece, behind) = rest.split_at((*size).max(1).min(rest.len()));
        pieces.push(piece);
        rest = behind;
        if rest.is_empty() {
            break;
        }
    }
    pieces
}

fn is_head(bytes: &[u8]) {
    let mut fields = [httparse::EMPTY_HEADER; 8];
    let mut request = httparse::Request::new(&mut fields);
    assert_eq!(request.parse(bytes), Ok(httparse::Status::Complete(bytes.len())), "{}", bytes.escape_ascii());
    let lengths = request.headers.iter().filter(|field| field.name.eq_ignore_ascii_case("content-length")).count();
    let codings = request.headers.iter().filter(|field| field.name.eq_ignore_ascii_case("transfer-encoding")).count();
    assert!(lengths + codings <= 1, "{}", bytes.escape_ascii());
}

/// Small, so that they are met.
fn limits() -> Limits {
    Limits {
        max_request_line_size: InRange::of(64),
        max_request_fields_size: InRange::of(200),
        max_request_fields: InRange::of(8),
        ..Limits::default()
    }
}
