//! `send-file`: the query is a path, and perhaps an offset and a length: `a.txt,2,3`.

use crate::windhover::http::send_file;

pub fn act(what: &str, query: &str) {
    let mut parts = query.split(',');
    let path = parts.next().unwrap().replace("EMPTY", "");
    let numbers: Vec<u64> = parts.map(|number| number.parse().unwrap()).collect();
    let (offset, length) = (numbers.first().copied().unwrap_or(0), numbers.get(1).copied());
    let outcome = match what {
        "stat" => return super::answer_with(send_file::stat(&path).map(|file| (file.size, file.modified.is_some()))),
        "send" => send_file::send(200, &[super::field("content-type", "text/plain")], &path, offset, length),
        "no-content" => send_file::send(204, &[], &path, offset, length),
        "wrong-length" => send_file::send(200, &[super::field("content-length", "1")], &path, offset, length),
        "twice" => {
            send_file::send(200, &[], &path, offset, length).unwrap();
            let again = send_file::send(200, &[], &path, offset, length);
            return assert!(again.is_err(), "an answer is sent once");
        }
        what => panic!("no such use: {what}"),
    };
    if let Err(error) = outcome {
        super::answer_with(error);
    }
}
