//! Answers as it is asked: the query is the status, each request field `give-NAME: VALUE` a field of the answer. `/`
//! sends it with the content `content`, `/bare` without content, `/started` starts it and writes twice, `/begun` starts it.

wit_bindgen::generate!({ path: "../../../wit", world: "application" });

use windhover::http::{request, response};

struct Answers;

impl Guest for Answers {
    fn handle() {
        let status = request::query().map_or(200, |status| status.parse().unwrap());
        let given = |(name, value): (String, Vec<u8>)| Some((name.strip_prefix("give-")?.to_string(), value));
        let fields: Vec<_> = request::fields().into_iter().filter_map(given).collect();
        match request::path().as_str() {
            "/" => response::send(status, &fields, b"content\n").unwrap(),
            "/bare" => response::send(status, &fields, b"").unwrap(),
            "/started" => {
                response::start(status, &fields).unwrap();
                response::write(b"cont").unwrap();
                response::write(b"ent\n").unwrap();
            }
            "/begun" => response::start(status, &fields).unwrap(),
            path => panic!("no such path: {path}"),
        }
    }
}

export!(Answers);
