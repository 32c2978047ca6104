//! Answers from a granted folder, and from nowhere else.

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use windhover_tests::for_each_server;

use crate::{get, in_every_world, ok};

for_each_server! {
    async fn a_file_is_sent_whole_or_in_part(server) {
        let folder = folder();
        for guest in in_every_world() {
            let served = server.clone().files(&granted(&folder)).serve(guest).await;
            let mut wire = served.connect().await;
            for (file, content) in [
                ("a.txt", "0123456789"),
                ("a.txt,3", "3456789"),
                ("a.txt,3,4", "3456"),
                ("a.txt,10", ""),
                ("deep/b.txt", "b"),
                ("link-inside", "0123456789"),
                ("empty", ""),
            ] {
                wire.send(get(&format!("/files/send?{file}"))).await;
                wire.expect(&format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {}\r\ndate: …\r\n\r\n{content}",
                    content.len()
                ))
                .await;
            }
        }
    }

    async fn a_file_larger_than_every_buffer_passes_through(server) {
        let folder = folder();
        let large: Vec<u8> = (0..3_000_000_u32).map(|byte| byte as u8).collect();
        fs::write(granted(&folder).join("large"), &large).expect("a new folder can be written to");
        for guest in in_every_world() {
            let served = server.clone().files(&granted(&folder)).serve(guest).await;
            let mut wire = served.connect().await;
            wire.send(get("/files/send?large")).await;
            assert!(wire.receive_response().await.content == large, "the bytes are those of the file");
        }
    }

    async fn a_file_that_shrinks_while_it_is_sent_breaks_its_answer_off(server) {
        for guest in in_every_world() {
            let folder = folder();
            let path = granted(&folder).join("shrinking");
            let file = fs::File::create(&path).expect("a new folder can be written to");
            file.set_len(64 << 20).expect("a file may have holes");
            let served = server.clone().files(&granted(&folder)).serve(guest).await;
            let mut wire = served.connect().await;
            wire.send(get("/files/send?shrinking")).await;
            let head = wire.receive_head().await;
            file.set_len(0).expect("a file may shrink");
            wire.expect_reset_mid_body(&head).await;
        }
    }

    async fn head_gets_the_head_alone(server) {
        let folder = folder();
        for guest in in_every_world() {
            let served = server.clone().files(&granted(&folder)).serve(guest).await;
            let mut wire = served.connect().await;
            wire.send("HEAD /files/send?a.txt HTTP/1.1\r\nhost: a\r\n\r\n".to_owned() + &get("/files/stat?a.txt")).await;
            wire.expect(
                "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 10\r\ndate: …\r\n\r\n",
            )
            .await;
            wire.expect(&ok("Ok((10, true))\n")).await;
        }
    }

    async fn nothing_outside_of_the_folder_can_be_reached(server) {
        let folder = folder();
        for guest in in_every_world() {
            let served = server.clone().files(&granted(&folder)).serve(guest).await;
            let mut wire = served.connect().await;
            for (path, error) in [
                ("EMPTY", "InvalidPath"),
                ("/etc/passwd", "InvalidPath"),
                ("../secret", "InvalidPath"),
                ("deep/../../secret", "InvalidPath"),
                ("deep/../a.txt", "InvalidPath"),
                ("link-outside", "InvalidPath"),
                ("link-absolute", "InvalidPath"),
                ("missing", "NotFound"),
                ("deep", "NotFound"),
                ("a.txt/b", "NotFound"),
                ("a.txt,11", "InvalidRange(10)"),
                ("a.txt,3,8", "InvalidRange(10)"),
                ("a.txt,18446744073709551615", "InvalidRange(10)"),
                ("a.txt,1,18446744073709551615", "InvalidRange(10)"),
            ] {
                for what in ["send", "stat"] {
                    if what == "stat" && error.starts_with("InvalidRange") {
                        continue;
                    }
                    wire.send(get(&format!("/files/{what}?{path}"))).await;
                    let answer = wire.receive_response().await;
                    let expected = if what == "send" { format!("Error::{error}\n") } else { format!("Err(Error::{error})\n") };
                    assert_eq!(answer.text(), expected, "for {what} {path}");
                }
            }
        }
    }

    async fn a_guest_without_the_grant_finds_no_file(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut wire = served.connect().await;
            wire.send(get("/files/send?a.txt") + &get("/files/stat?a.txt")).await;
            wire.expect(&ok("Error::NotFound\n")).await;
            wire.expect(&ok("Err(Error::NotFound)\n")).await;
        }
    }

    async fn an_answer_that_cannot_be_is_refused_and_another_may_follow(server) {
        let folder = folder();
        for guest in in_every_world() {
            let served = server.clone().files(&granted(&folder)).serve(guest).await;
            let mut wire = served.connect().await;
            wire.send(get("/files/no-content?a.txt")).await;
            wire.expect(&ok("Error::Response(Error::ContentNotAllowed)\n")).await;
            wire.send(get("/files/wrong-length?a.txt")).await;
            wire.expect(&ok("Error::Response(Error::ContentLengthMismatch)\n")).await;
            wire.send(get("/files/twice?a.txt")).await;
            wire.expect(&ok("0123456789")).await;
        }
    }
}

/// A folder to grant, with a secret beside it.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("the system has a place for temporary files");
    let inside = granted(&folder);
    let write = |path: &Path, content: &str| fs::write(path, content).expect("a new folder can be written to");
    fs::create_dir_all(inside.join("deep")).expect("a new folder can be written to");
    write(&folder.path().join("secret"), "secret");
    write(&inside.join("a.txt"), "0123456789");
    write(&inside.join("deep/b.txt"), "b");
    write(&inside.join("empty"), "");
    for (link, target) in [("link-inside", "a.txt"), ("link-outside", "../secret"), ("link-absolute", "/etc/passwd")] {
        std::os::unix::fs::symlink(target, inside.join(link)).expect("a new folder can be written to");
    }
    folder
}

fn granted(folder: &TempDir) -> std::path::PathBuf {
    folder.path().join("granted")
}
