//! The same as `uses-features`, with so much data that its memory is mapped and not copied. In the application world.

wit_bindgen::generate!({ path: "../../../wit", world: "application" });

#[path = "../../uses-features/src/act/mod.rs"]
mod act;

/// Half a megabyte.
static MUCH: [u8; SIZE] = much();

const SIZE: usize = 512 << 10;

const fn much() -> [u8; SIZE] {
    let mut data = [0; SIZE];
    let mut at = 0;
    while at < SIZE {
        data[at] = (at % 251) as u8 + 1;
        at += 1;
    }
    data
}

struct MarksWithData;

impl Guest for MarksWithData {
    fn handle() {
        std::hint::black_box(&MUCH);
        act::act();
    }
}

export!(MarksWithData);
