//! Properties of the current request, from three features. The JSON uses the names of the WIT.

use serde::Serialize;

use crate::windhover::http::{connection, request, server_addresses};

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Facts {
    pub request: Request,
    pub connection: Connection,
    pub server_addresses: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Request {
    pub method: String,
    pub scheme: String,
    pub authority: String,
    pub path_base: String,
    pub path: String,
    pub query: Option<String>,
    pub raw_target: String,
    pub protocol: String,
    pub fields: Vec<(String, String)>,
    /// In bytes. `None`: no content was announced.
    pub body_length: Option<u64>,
}

#[derive(Serialize)]
pub struct Connection {
    pub id: String,
    pub remote: Option<Endpoint>,
    pub local: Option<Endpoint>,
}

#[derive(Serialize)]
pub struct Endpoint {
    pub address: String,
    pub port: u16,
}

impl Facts {
    pub fn of_current_request() -> Facts {
        let head = request::head();
        let connection = connection::current();
        let endpoint = |end: connection::Endpoint| Endpoint { address: end.address, port: end.port };
        Facts {
            request: Request {
                method: head.method,
                scheme: head.scheme,
                authority: head.authority,
                path_base: head.path_base,
                path: head.path,
                query: head.query,
                raw_target: head.raw_target,
                protocol: head.protocol,
                fields: head.fields.into_iter().map(|(name, value)| (name, readable(&value))).collect(),
                body_length: request::can_have_body().then(body_length),
            },
            connection: Connection {
                id: connection.id,
                remote: connection.remote.map(endpoint),
                local: connection.local.map(endpoint),
            },
            server_addresses: server_addresses::addresses(),
        }
    }
}

/// Counts the content, with at most one piece of it in memory.
fn body_length() -> u64 {
    let mut length = 0;
    loop {
        // The guest has not answered yet. If it ends here, the server answers with the status for the error: 413 for
        // content that is too large.
        let piece = request::read(0).expect("content can be read to its end");
        if piece.is_empty() {
            return length;
        }
        length += piece.len() as u64;
    }
}

/// A field's value as text. Bytes that are not UTF-8 are written as `\xff`.
fn readable(value: &[u8]) -> String {
    value.utf8_chunks().flat_map(|chunk| [chunk.valid().into(), chunk.invalid().escape_ascii().to_string()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Facts {
        pub(crate) fn sample() -> Facts {
            let field = |name: &str, value: &[u8]| (name.into(), readable(value));
            Facts {
                request: Request {
                    method: "POST".into(),
                    scheme: "http".into(),
                    authority: "localhost:8080".into(),
                    path_base: "".into(),
                    path: "/a/b c".into(),
                    query: Some("d=%20e".into()),
                    raw_target: "/a/./b%20c?d=%20e".into(),
                    protocol: "HTTP/1.1".into(),
                    fields: vec![
                        field("host", b"localhost:8080"),
                        field("user-agent", b"curl/8.14.1"),
                        field("accept", b"*/*"),
                        field("x-hostile", b"</td><script>alert(\"1\")</script>&amp;"),
                        field("x-latin-1", b"caf\xe9"),
                    ],
                    body_length: Some(5),
                },
                connection: Connection {
                    id: "1".into(),
                    remote: Some(Endpoint { address: "127.0.0.1".into(), port: 51234 }),
                    local: Some(Endpoint { address: "127.0.0.1".into(), port: 8080 }),
                },
                server_addresses: vec!["http://127.0.0.1:8080".into()],
            }
        }
    }

    #[test]
    fn bytes_that_are_not_text_are_shown_escaped() {
        assert_eq!(readable(b"caf\xe9 cr\xe8me"), r"caf\xe9 cr\xe8me");
        assert_eq!(readable("café".as_bytes()), "café");
        assert_eq!(readable(b""), "");
    }

    #[test]
    fn json_has_the_names_of_the_wit_and_null_for_absence() {
        let mut facts = Facts::sample();
        facts.request.query = None;
        let json = serde_json::to_value(&facts).unwrap();
        assert_eq!(json["request"]["raw-target"], "/a/./b%20c?d=%20e");
        assert!(json["request"]["query"].is_null());
        assert_eq!(json["request"]["fields"][0], serde_json::json!(["host", "localhost:8080"]));
        assert_eq!(json["connection"]["remote"]["port"], 51234);
        assert_eq!(json["server-addresses"][0], "http://127.0.0.1:8080");
    }
}
