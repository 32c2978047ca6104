//! `informational`.

use crate::windhover::http::informational::{self, Error};
use crate::windhover::http::response;

pub fn act(what: &str, query: &str) {
    let hint = || informational::send(103, &[super::field("link", "</style.css>; rel=preload")]);
    match what {
        "hints" => {
            hint().unwrap();
            informational::send(102, &[]).unwrap();
            super::answer("after two hints");
        }
        "busy" => {
            for step in 0..100_000_000_u32 {
                std::hint::black_box(step);
            }
            hint().unwrap();
            super::answer("after work and a hint");
        }
        "late" => {
            response::start(200, &[]).unwrap();
            let outcome = hint();
            response::write(format!("{outcome:?}\n").as_bytes()).unwrap();
        }
        "status" => super::answer_with(informational::send(query.parse().unwrap(), &[])),
        "field" => {
            let (name, value) = query.split_once('=').unwrap();
            super::answer_with(informational::send(103, &[super::field(name, &value.replace("LF", "\n"))]));
        }
        "many" => {
            let fields = vec![(String::new(), Vec::new()); query.parse().unwrap()];
            super::answer_with(informational::send(103, &fields));
        }
        "possible" => super::answer_with(hint().map_err(|error| matches!(error, Error::NotPossible))),
        what => panic!("no such use: {what}"),
    }
}
