//! Nothing of Windhover: leaves marks wherever an instance can, or looks for those of another. `look` answers with what a
//! fresh instance finds, `PATTERN/END` leaves marks and ends so.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::windhover::http::response;

const AREA: usize = 512 << 10;

/// Zeros in a fresh instance.
static mut ZEROS: [u8; AREA] = [0; AREA];

/// A part of the component's data.
static DATA: AtomicU64 = AtomicU64::new(7);

pub fn act(what: &str) {
    let Some((pattern, end)) = what.split_once('/') else {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let random = RandomState::new().hash_one(0);
        let (marks, data, pages) = (look(), DATA.load(Ordering::Relaxed), memory_size());
        return super::answer(&format!("{marks} marks, data {data}, {pages} pages, time {now}, random {random}"));
    };
    leave(pattern);
    match end {
        "answer" => super::answer("left"),
        "trap" => panic!("it leaves its marks"),
        "exit" => std::process::exit(1),
        "wait" => std::thread::sleep(HOUR),
        "wait-late" => {
            response::start(200, &[]).unwrap();
            response::write(b"left\n").unwrap();
            response::flush().unwrap();
            std::thread::sleep(HOUR);
        }
        end => panic!("no such end: {end}"),
    }
}

fn leave(pattern: &str) {
    DATA.store(8, Ordering::Relaxed);
    let zeros = black_box((&raw mut ZEROS).cast::<u8>()); // or nobody would ever read what is written there
    let mut mark_page = |page: usize| {
        for at in (page * PAGE..(page + 1) * PAGE).step_by(8) {
            // An address within, on which nobody else works.
            unsafe { zeros.add(at).cast::<u64>().write_unaligned(mark()) };
        }
    };
    let pages = AREA / PAGE;
    match pattern {
        "few" => [1, 2, pages / 2].into_iter().for_each(&mut mark_page),
        // More regions than one look at the list of pages tells.
        "regions" => (0..pages).step_by(2).for_each(&mut mark_page),
        // More than is cleared in place, and in memory that the instance did not begin with.
        "much" => {
            (0..pages).for_each(&mut mark_page);
            std::mem::forget(black_box(vec![mark(); (4 << 20) / 8]));
        }
        pattern => panic!("no such pattern: {pattern}"),
    }
}

/// How many marks there are in all of the instance's memory.
fn look() -> usize {
    let mark = mark();
    let addresses = (PAGE..memory_size() * 65_536).step_by(8);
    // All of it is this instance's, and may be read; what it means is of no matter.
    addresses.filter(|at| unsafe { std::ptr::with_exposed_provenance::<u64>(*at).read_volatile() } == mark).count()
}

/// Made when it is needed, so that it is nowhere in the component.
fn mark() -> u64 {
    !black_box(0x1357_9bdf_0246_8ace_u64).rotate_left(13)
}

#[cfg(target_arch = "wasm32")]
fn memory_size() -> usize {
    core::arch::wasm32::memory_size(0)
}

const PAGE: usize = 4096;

/// Far longer than any time that a test gives to a guest.
const HOUR: Duration = Duration::from_secs(3600);
