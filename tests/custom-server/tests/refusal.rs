//! The guests that the server refuses.

mod common;

use common::{example, guest};

#[test]
fn a_guest_that_needs_more_than_the_server_offers_is_refused_by_name_and_nothing_is_bound() {
    let refused = example().args([&*guest("facts").to_string_lossy(), "127.0.0.1:0"]).output().expect("it runs");
    let told = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && refused.stdout.is_empty(), "{told}");
    assert!(told.contains("facts.wasm needs the feature windhover:http/"), "{told}");
}
