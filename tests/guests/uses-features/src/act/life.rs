//! `lifetime`.

use crate::windhover::http::{informational, lifetime, limits, request, response};

pub fn act(what: &str, query: &str) {
    match what {
        "there" => super::answer(&format!("{} {}", lifetime::is_aborted(), lifetime::wait(0))),
        "left" => super::answer_with(lifetime::time_left() <= query.parse().unwrap()),
        "wait" => super::answer_with(lifetime::wait(query.parse().unwrap())),
        "shutting-down" => super::answer_with(lifetime::is_shutting_down()),
        "notice" => super::answer(match lifetime::wait_for_notice(query.parse().unwrap()) {
            None => "none",
            Some(lifetime::Notice::ClientLeft) => "client-left",
            Some(lifetime::Notice::ShuttingDown) => "shutting-down",
        }),
        // An answer that ends when the server wants to.
        "until-notice" => {
            begin();
            let notice = lifetime::wait_for_notice(u32::MAX);
            told(notice == Some(lifetime::Notice::ClientLeft));
            let _ = response::write(b"ended\n");
        }
        "abort" => lifetime::abort(),
        "abort-late" => {
            begin();
            lifetime::abort();
        }
        // Answers, and breaks off what is over then: when its content has come, which its client sends after the
        // answer.
        "abort-after" => {
            super::answer("answered");
            request::read(0).unwrap();
            lifetime::abort();
        }
        // As `wasi-waits`.
        "ticks" => {
            response::start(200, &[]).unwrap();
            for _ in 0..5 {
                lifetime::wait(60);
                response::write(b"tick\n").unwrap();
            }
        }
        "works" => {
            super::answer("done");
            lifetime::wait(u32::MAX);
        }
        "large" => {
            response::start(200, &[]).unwrap();
            for _ in 0..128 {
                response::write(&[b'x'; 65_536]).unwrap();
            }
        }
        // Says nothing behind its head until its content comes.
        "asks-and-reads" => {
            limits::set_min_request_data_rate(None).unwrap();
            limits::set_timeout(None);
            response::start(200, &[]).unwrap();
            response::flush().unwrap();
            response::write(&request::read(0).unwrap()).unwrap();
        }
        // Each of these begins, is told that its client has left, and says so.
        "told-by-wait" => {
            begin();
            told(lifetime::wait(u32::MAX));
        }
        "told-by-write" => {
            begin();
            while response::write(&[0; 65_536]).is_ok() {}
            told(lifetime::is_aborted());
        }
        "told-by-read" => {
            begin();
            told(matches!(request::read(0), Err(request::BodyError::Aborted | request::BodyError::Incomplete)));
        }
        "told-before-the-head" => {
            informational::send(103, &[super::field("link", "<begun>")]).unwrap();
            told(lifetime::wait(u32::MAX));
        }
        "goes-on" => {
            begin();
            lifetime::wait(u32::MAX);
            let _ = response::write(b"to nobody");
            eprintln!("goes on although there is nobody");
        }
        "never-ends" => {
            begin();
            lifetime::wait(u32::MAX);
            loop {
                lifetime::is_aborted();
            }
        }
        what => panic!("no such use: {what}"),
    }
}

fn begin() {
    response::start(200, &[]).unwrap();
    response::write(b"begun\n").unwrap();
    response::flush().unwrap();
}

fn told(has_left: bool) {
    eprintln!("told that the client has left: {has_left}, and again: {}", lifetime::is_aborted());
}
