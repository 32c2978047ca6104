//! `windhover profile` as its users meet it. Runs the real binary.

#![cfg(unix)] // as the other tests of the command

mod support;

use std::fs;

use support::folder::Folder;
use windhover_tests::guest_file;

#[test]
fn where_the_time_goes_is_told_and_written_for_the_firefox_profiler() {
    let folder = Folder::with(&[]);
    let guest = guest_file("computes").display().to_string();
    let told = folder.told(&["profile", &guest, "--path", "/5", "--seconds", "1", "-o", "seen.json"], 0);
    assert!(told.contains(" times GET /5 (status 200): ") && told.contains(" samples in seen.json\n"), "{told}");
    assert!(told.contains("Open it at https://profiler.firefox.com. Most of the time went to:\n"), "{told}");
    let (_, heaviest) = told.split_once("went to:\n").expect("it was there");
    assert!(heaviest.contains(" %  ") && heaviest.contains("handle"), "{told}");
    let written = fs::read_to_string(folder.path("seen.json")).expect("it was written");
    let written: serde_json::Value = serde_json::from_str(&written).expect("it is JSON");
    let thread = &written["threads"][0];
    assert_eq!(thread["name"], "guests");
    assert!(thread["samples"]["length"].as_u64() > Some(0), "{thread}");
}

#[test]
fn what_cannot_be_profiled_is_told() {
    let folder = Folder::with(&[]);
    let told = |arguments: &[&str], code| folder.told(&[&["profile"], arguments].concat(), code);
    assert!(told(&["absent.wasm"], 1).contains("cannot read absent.wasm"));
    assert!(told(&[], 1).contains("cannot read windhover.toml"));
    assert!(told(&["absent.wasm", "--method", "A B"], 1).contains("cannot send A B /"));
    assert!(told(&["absent.wasm", "--content", "absent"], 1).contains("cannot read absent"));
    assert!(told(&["absent.wasm", "--seconds", "0"], 2).contains("1..=120"));
    assert!(folder.files().is_empty());
}
