//! Properties of the visitor's request for the page, as text.

use crate::windhover::http::{connection, request, server_addresses};

pub struct Facts {
    pub method: String,
    pub scheme: String,
    pub authority: String,
    pub path_base: String,
    pub path: String,
    pub query: Option<String>,
    pub protocol: String,
    pub fields: Vec<(String, String)>,
    pub connection: String,
    pub remote: Option<String>,
    pub local: Option<String>,
    pub server_addresses: Vec<String>,
}

impl Facts {
    pub fn of_current_request() -> Facts {
        let head = request::head();
        let connection = connection::current();
        Facts {
            method: head.method,
            scheme: head.scheme,
            authority: head.authority,
            path_base: head.path_base,
            path: head.path,
            query: head.query,
            protocol: head.protocol,
            fields: head.fields.into_iter().map(|(name, value)| (name, readable(&value))).collect(),
            connection: connection.id,
            remote: connection.remote.map(|end| socket_address(&end.address, end.port)),
            local: connection.local.map(|end| socket_address(&end.address, end.port)),
            server_addresses: server_addresses::addresses(),
        }
    }

    /// The address to type into a terminal. The authority comes from the visitor, so a command must not repeat what a
    /// shell could execute.
    pub fn origin(&self) -> String {
        let harmless = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
        let authority = match self.authority.as_str() {
            claimed if !claimed.is_empty() && claimed.chars().all(harmless) => claimed,
            _ => "localhost:8080",
        };
        format!("{}://{authority}{}", self.scheme, self.path_base)
    }
}

/// A field's value as text. Bytes that are not UTF-8 are written as `\xff`.
fn readable(value: &[u8]) -> String {
    value.utf8_chunks().flat_map(|chunk| [chunk.valid().into(), chunk.invalid().escape_ascii().to_string()]).collect()
}

fn socket_address(address: &str, port: u16) -> String {
    if address.contains(':') { format!("[{address}]:{port}") } else { format!("{address}:{port}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Facts {
        pub(crate) fn sample() -> Facts {
            let fields = [
                ("host", "localhost:8080"),
                ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"),
                ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
                ("accept-language", "en-US,en;q=0.5"),
                ("accept-encoding", "gzip, deflate, br, zstd"),
                ("connection", "keep-alive"),
                ("upgrade-insecure-requests", "1"),
                ("sec-fetch-dest", "document"),
                ("sec-fetch-mode", "navigate"),
                ("sec-fetch-site", "none"),
                ("sec-fetch-user", "?1"),
            ];
            Facts {
                method: "GET".into(),
                scheme: "http".into(),
                authority: "localhost:8080".into(),
                path_base: "".into(),
                path: "/".into(),
                query: None,
                protocol: "HTTP/1.1".into(),
                fields: fields.map(|(name, value)| (name.into(), value.into())).into(),
                connection: "1".into(),
                remote: Some(socket_address("127.0.0.1", 51234)),
                local: Some(socket_address("::1", 8080)),
                server_addresses: vec!["http://127.0.0.1:8080".into(), "http://[::1]:8080".into()],
            }
        }
    }

    #[test]
    fn a_hostile_authority_never_reaches_a_command() {
        let origin = |authority: &str| Facts { authority: authority.into(), ..Facts::sample() }.origin();
        assert_eq!(origin("example.com"), "http://example.com");
        assert_eq!(origin("[::1]:80"), "http://[::1]:80");
        assert_eq!(origin("a;reboot"), "http://localhost:8080");
        assert_eq!(origin("$(reboot)"), "http://localhost:8080");
        assert_eq!(origin(""), "http://localhost:8080");
    }

    #[test]
    fn bytes_that_are_not_text_are_shown_escaped() {
        assert_eq!(readable(b"caf\xe9"), r"caf\xe9");
    }
}
