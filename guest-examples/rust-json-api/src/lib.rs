//! A JSON API with validation: what an order costs. All that is wrong with a request is told at once, as
//! `application/problem+json` (RFC 9457).

mod order;

use order::{Order, Problem};
use serde::Serialize;
use serde_json::json;
use windhover::http::request::{self, BodyError};
use windhover::http::response;

wit_bindgen::generate!({
    path: "wit",
    generate_all,
    ownership: Borrowing { duplicate_if_necessary: false }, // calls take `&str` and `&[u8]`
});

struct Api;

export!(Api);

impl Guest for Api {
    fn handle() {
        match (request::method().as_str(), request::path().as_str()) {
            ("GET" | "HEAD", "/products") => send(200, JSON, &[], &order::PRODUCTS),
            ("POST", "/quotes") => quote(),
            (_, "/products") => refuse(405, "not this way", &[("allow", b"GET, HEAD")], &[]),
            (_, "/quotes") => refuse(405, "not this way", &[("allow", b"POST")], &[]),
            _ => refuse(404, "there is nothing here", &[], &[]),
        }
    }
}

fn quote() {
    let content_type = request::field("content-type").unwrap_or_default();
    if !content_type.to_ascii_lowercase().starts_with(JSON.as_bytes()) {
        return refuse(415, "an order is application/json", &[("accept", JSON.as_bytes())], &[]);
    }
    let content = match request::read_all(MOST_CONTENT) {
        Ok(content) => content,
        Err(BodyError::TooLarge) => return refuse(413, "no order is that large", &[], &[]),
        Err(reason) => panic!("the request broke off: {reason:?}"), // the server tells the client what it did
    };
    match serde_json::from_slice::<Order>(&content) {
        Err(reason) => refuse(400, &reason.to_string(), &[], &[]),
        Ok(order) => match order.quote() {
            Ok(quote) => send(200, JSON, &[], &quote),
            Err(problems) => refuse(422, "the order cannot be quoted", &[], &problems),
        },
    }
}

fn refuse(status: u16, title: &str, fields: &[(&str, &[u8])], problems: &[Problem]) {
    send(status, "application/problem+json", fields, &json!({ "title": title, "status": status, "errors": problems }));
}

fn send(status: u16, content_type: &str, fields: &[(&str, &[u8])], content: &impl Serialize) {
    let content = serde_json::to_vec(content).expect("it has only strings for keys");
    let fields = [fields, &[("content-type", content_type.as_bytes())]].concat();
    response::send(status, &fields, &content).expect("nothing was sent before");
}

const JSON: &str = "application/json";

/// Octets.
const MOST_CONTENT: u32 = 64 * 1024;
