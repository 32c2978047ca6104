//! Creates the request of a test.

use anyhow::Context;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};

use super::file::Request;

pub(super) fn request(asked: &Request) -> anyhow::Result<http::Request<Bytes>> {
    let mut builder = http::Request::builder().method(asked.method.as_str()).uri(&asked.path).header(HOST, &asked.host);
    for (name, value) in &asked.fields {
        builder = builder.header(name, value.as_bytes());
    }
    let is_typed = asked.fields.keys().any(|name| name.eq_ignore_ascii_case(CONTENT_TYPE.as_str()));
    let content = match (&asked.text, &asked.json) {
        (Some(text), _) => text.clone(),
        (None, Some(json)) => {
            if !is_typed {
                builder = builder.header(CONTENT_TYPE, "application/json");
            }
            json.to_string()
        }
        (None, None) => String::new(),
    };
    builder.body(Bytes::from(content)).context("it cannot be asked so")
}
