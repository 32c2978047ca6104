//! What is held, in whatever world: the same source is part of a guest of each.

use wasip2::clocks::monotonic_clock::subscribe_duration;
use wasip2::http::types::Fields;
use wasip2::io::poll::{Pollable, poll};

/// Holds it, and tells how much.
pub fn hoard(path: &str) -> String {
    let (what, count) = path[1..].split_once('/').expect("something, and a number");
    let count: usize = count.parse().expect("a number");
    let held = match what {
        "timers" => timers(count),
        "fields" => (0..count).map(|_| Fields::new()).collect::<Vec<_>>().len(),
        "large" => {
            let fields = |_| Fields::from_list(&[("x-large".to_owned(), vec![b'x'; 100_000])]).expect("they are good");
            (0..count).map(fields).collect::<Vec<_>>().len()
        }
        what => panic!("hoards no {what}"),
    };
    format!("{held}\n")
}

/// Each takes a nanosecond longer than the one before.
fn timers(count: usize) -> usize {
    let mut timers: Vec<Pollable> = (0..count as u64).map(|at| subscribe_duration(1_000_000 + at)).collect();
    let mut come = 0;
    while !timers.is_empty() {
        let mut ready = poll(&timers.iter().collect::<Vec<_>>());
        come += ready.len();
        ready.sort_unstable();
        for at in ready.into_iter().rev() {
            timers.swap_remove(at as usize);
        }
    }
    come
}
