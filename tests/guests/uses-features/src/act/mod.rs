//! What the path names, in whatever world: the same source is a guest of each.

mod files;
mod interim;
mod life;
mod limiting;
mod marks;
mod switching;
mod talking;
mod telling;
mod trailing;

use std::fmt::Debug;

use crate::windhover::http::{request, response};

/// Uses a feature and answers with what came of it, unless that was the answer.
pub fn act() {
    let path = request::path();
    let (topic, rest) = path[1..].split_once('/').unwrap_or((&path[1..], ""));
    let query = request::query().unwrap_or_default();
    match topic {
        "files" => files::act(rest, &query),
        "interim" => interim::act(rest, &query),
        "life" => life::act(rest, &query),
        "limits" => limiting::act(rest, &query),
        "marks" => marks::act(rest),
        "trailers" => trailing::act(rest),
        "upgrade" => switching::act(rest),
        "websocket" => talking::act(rest, &query),
        topic => answer(&telling::tell(topic, &query)),
    }
}

/// Answers with a line of text.
fn answer(text: &str) {
    response::send(200, &[], format!("{text}\n").as_bytes()).unwrap();
}

/// Answers with an outcome.
fn answer_with(outcome: impl Debug) {
    answer(&format!("{outcome:?}"));
}

/// Numbers in a query, separated by commas.
fn numbers<T: std::str::FromStr>(query: &str) -> Vec<T> {
    query.split(',').filter_map(|number| number.parse().ok()).collect()
}

fn field(name: &str, value: &str) -> (String, Vec<u8>) {
    (name.into(), value.into())
}
