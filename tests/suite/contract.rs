//! The table in `wit/README.md` is true: each interface is in it, and each row has its tests.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use windhover_contract::Feature;
use windhover_tests::{for_each_server, guest};

use crate::{HELLO, get, ok};

for_each_server! {
    /// What the benchmark measures.
    async fn a_guest_may_use_five_features_in_one_request(server) {
        let served = server.serve(guest("five-features")).await;
        let mut wire = served.connect().await;
        wire.send(get("/") + &get("/")).await;
        wire.expect(HELLO).await;
        wire.expect(HELLO).await;
    }

    /// Also what the benchmark measures: no call keeps what the next one needs.
    async fn a_guest_may_call_a_function_a_thousand_times_in_one_request(server) {
        let served = server.serve(guest("calls")).await;
        let mut wire = served.connect().await;
        for function in [
            "authentication.current",
            "connection.current",
            "identifier.request-id",
            "lifetime.is-aborted",
            "lifetime.time-left",
            "limits.timeout",
            "request.field",
            "request.fields",
            "request.head",
            "request.method",
            "response.has-started",
            "server-addresses.addresses",
            "server-variables.get",
            "telemetry.set-tag",
            "tls.current",
            "upgrade.requested",
            "websocket.requested",
        ] {
            wire.send(get(&format!("/{function}?1000"))).await;
            wire.expect(&ok("done\n")).await;
        }
        wire.send(get("/response.write?1000")).await;
        assert_eq!(wire.receive_response().await.text(), "");
    }
}

#[test]
fn every_interface_has_a_row_and_every_row_has_its_tests_on_every_server() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let readme = fs::read_to_string(root.join("wit/README.md")).expect("it is in the checkout");
    let rows: BTreeSet<String> =
        readme.lines().filter_map(|line| Some(line.strip_prefix("| [")?.split_once("](")?.0.to_owned())).collect();
    let interfaces: BTreeSet<String> = fs::read_dir(root.join("wit"))
        .expect("it is in the checkout")
        .filter_map(|file| {
            let name = file.expect("it is listed").file_name().into_string().expect("a WIT file's name is ASCII");
            name.strip_suffix(".wit").filter(|name| *name != "world").map(str::to_owned)
        })
        .collect();
    assert_eq!(rows, interfaces);
    for row in rows {
        let tests = root.join("tests/suite").join(row.replace('-', "_")).with_extension("rs");
        let tests = fs::read_to_string(&tests).unwrap_or_else(|_| panic!("{row} has no {}", tests.display()));
        assert!(tests.contains("for_each_server! {"), "the tests of {row} do not run on every server");
    }
}

#[test]
fn every_feature_is_an_interface() {
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
    for feature in Feature::ALL {
        let file = wit.join(feature.name()).with_extension("wit");
        let text = fs::read_to_string(&file).unwrap_or_else(|_| panic!("there is no {}", file.display()));
        assert!(text.contains(&format!("interface {} {{", feature.name())), "{}", file.display());
        assert_eq!(Feature::from_name(feature.name()), Some(feature));
    }
}
