//! `limits`.

use crate::windhover::http::limits::{self, DataRate};
use crate::windhover::http::{lifetime, request, response};

pub fn act(what: &str, query: &str) {
    match what {
        "tell" => {
            let rate = |rate: Option<DataRate>| rate.map(|rate| (rate.bytes_per_second, rate.grace));
            super::answer(&format!(
                "{:?} {:?} {:?} {}",
                limits::max_request_body_size(),
                rate(limits::min_request_data_rate()),
                rate(limits::min_response_data_rate()),
                limits::timeout(),
            ));
        }
        "size" => {
            limits::set_max_request_body_size(query.parse().ok()).unwrap();
            read();
        }
        "none" => read(),
        "late" => {
            let first = request::read(1).map(|piece| piece.len());
            let size = limits::set_max_request_body_size(None).map_err(|error| error.name());
            let rate = limits::set_min_request_data_rate(None).map_err(|error| error.name());
            let response = limits::set_min_response_data_rate(None).is_ok();
            super::answer(&format!("{:?} {size:?} {rate:?} {response}", first.ok()));
        }
        "no-rate" => {
            let rate = Some(DataRate { bytes_per_second: 0, grace: 1 });
            let request = limits::set_min_request_data_rate(rate).map_err(|error| error.name());
            let response = limits::set_min_response_data_rate(rate).map_err(|error| error.name());
            super::answer_with((request, response));
        }
        "request-rate" => {
            limits::set_min_request_data_rate(rate(query)).unwrap();
            read();
        }
        "response-rate" => {
            limits::set_min_response_data_rate(rate(query)).unwrap();
            response::start(200, &[]).unwrap();
            loop {
                response::write(&[b'x'; 65_536]).unwrap();
            }
        }
        "timeout" => {
            limits::set_timeout(query.parse().ok());
            super::answer_with(limits::timeout());
        }
        "short" => {
            limits::set_timeout(Some(query.parse().unwrap()));
            lifetime::wait(u32::MAX);
        }
        "long" => {
            limits::set_timeout(None);
            super::answer_with(lifetime::wait(query.parse().unwrap()));
        }
        what => panic!("no such use: {what}"),
    }
}

fn rate(query: &str) -> Option<DataRate> {
    let numbers = super::numbers(query);
    Some(DataRate { bytes_per_second: *numbers.first()?, grace: *numbers.get(1)? })
}

/// Counts the content.
fn read() {
    let mut size = 0;
    loop {
        match request::read(0) {
            Ok(piece) if piece.is_empty() => return super::answer(&format!("{size} bytes")),
            Ok(piece) => size += piece.len(),
            Err(error) => return super::answer(&format!("{size} bytes, then {}", error.name())),
        }
    }
}
