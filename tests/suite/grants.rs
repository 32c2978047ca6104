//! What a guest is granted of the machine: it has that, and nothing beside it.

use std::fs;

use windhover_sandbox::Access;
use windhover_tests::{Served, TestServer, for_each_server, guest};

use crate::get;

for_each_server! {
    async fn variables_and_values_are_found_by_name(server) {
        let server = server.grants(|grants| grants.variable("PLACE", "here").config("colour", "red"));
        let served = server.serve(guest("wasi-granted")).await;
        assert_eq!(ask(&served, "/variable/PLACE").await, "here");
        assert_eq!(ask(&served, "/variable/HOME").await, "environment variable not found");
        assert_eq!(ask(&served, "/config/colour").await, "red");
        assert_eq!(ask(&served, "/config/size").await, "none of 1");
    }

    async fn without_a_grant_there_is_nothing_to_find(server) {
        let served = server.serve(guest("wasi-granted")).await;
        assert_eq!(ask(&served, "/variable/PATH").await, "environment variable not found");
        assert_eq!(ask(&served, "/config/colour").await, "none of 0");
        assert_ne!(ask(&served, "/read/etc/passwd").await, fs::read_to_string("/etc/passwd").unwrap_or_default());
        assert_eq!(ask(&served, "/send/GET/http://127.0.0.1:9/").await, "ErrorCode::HttpRequestDenied");
    }
}

#[tokio::test]
async fn a_folder_is_read_or_written_as_it_was_granted_and_nothing_beside_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let inside = folder.path().join("inside");
    fs::create_dir(&inside).expect("a folder can be made");
    fs::write(inside.join("a.txt"), "of the file").expect("it can be written to");
    fs::write(folder.path().join("beside.txt"), "beside").expect("it can be written to");
    std::os::unix::fs::symlink("../beside.txt", inside.join("link.txt")).expect("a link can be made");
    let served = TestServer::http().grants(move |grants| {
        let grants = grants.folder("/data", &inside, Access::Read).expect("it exists");
        grants.folder("/own", &inside, Access::ReadWrite).expect("it exists")
    });
    let served = served.serve(guest("wasi-granted")).await;
    assert_eq!(ask(&served, "/read/data/a.txt").await, "of the file");
    for path in
        ["/read/data/../beside.txt", "/read/data/link.txt", "/read/own/link.txt", "/read/a.txt", "/read/etc/passwd"]
    {
        let got = ask(&served, path).await;
        assert!(got != "beside" && !got.contains("root:") && got != "of the file", "{path}: {got}");
    }
    assert_ne!(ask(&served, "/write/data/b.txt").await, "done");
    assert_eq!(ask(&served, "/write/own/b.txt").await, "done");
    assert_eq!(ask(&served, "/read/data/b.txt").await, "written\n");
}

async fn ask(served: &Served, path: &str) -> String {
    let mut wire = served.connect().await;
    wire.send(get(path)).await;
    wire.receive_response().await.text().to_owned()
}
