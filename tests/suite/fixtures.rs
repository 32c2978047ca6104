//! Every guest of `tests/guests` has a test: a fixture that nobody loads proves nothing, and would never be missed.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[test]
fn every_fixture_is_used_by_a_test() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    // `just fronts` serves one of them.
    let suite = sources(&tests.join("suite")) + &sources(&tests.join("fronts"));
    let unused: Vec<String> =
        fixtures(tests).into_iter().filter(|name| !suite.contains(&format!("\"{name}\""))).collect();
    assert!(unused.is_empty(), "no test uses {}", unused.join(", "));
}

#[test]
fn every_fixture_is_built() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders: BTreeSet<String> = fs::read_dir(tests.join("guests"))
        .expect("the fixtures are in the checkout")
        .map(|entry| entry.expect("it is listed"))
        .filter(|entry| entry.path().join("Cargo.toml").is_file())
        .map(|entry| entry.file_name().into_string().expect("a fixture's name is ASCII"))
        .collect();
    assert_eq!(folders, fixtures(tests), "the members in tests/guests/Cargo.toml are the folders");
}

/// What is in a folder, and in those in it.
fn sources(folder: &Path) -> String {
    let entries = fs::read_dir(folder).expect("the suite is where it is built from");
    let paths = entries.map(|entry| entry.expect("it is listed").path());
    paths
        .map(|path| if path.is_dir() { sources(&path) } else { fs::read_to_string(path).expect("it is text") })
        .collect()
}

/// The members of the fixtures' workspace: the lines of its list, `"name", # what it does`.
fn fixtures(tests: &Path) -> BTreeSet<String> {
    let manifest = fs::read_to_string(tests.join("guests/Cargo.toml")).expect("the fixtures are in the checkout");
    let members = manifest.split_once("members = [").expect("a workspace has members").1;
    let members = members.split_once("\n]").expect("the list has an end").0;
    let fixtures: BTreeSet<String> =
        members.lines().filter_map(|line| Some(line.trim().strip_prefix('"')?.split_once('"')?.0.to_owned())).collect();
    assert!(!fixtures.is_empty(), "the list of members has another form than this test reads");
    fixtures
}
