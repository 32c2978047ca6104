//! A JSON API with validation: computes what an order costs. The response lists everything that is wrong with a
//! request, as `application/problem+json` (RFC 9457).

mod order;

use order::{Order, Problem};
use serde::Serialize;
use serde_json::json;
use windhover_guest::header::{ACCEPT, ALLOW, CONTENT_TYPE};
use windhover_guest::{ContentError, HeaderName, HeaderValue, IntoResponse, Request, Response, StatusCode};

windhover_guest::export!(api);

fn api(request: Request) -> Response {
    match (request.method().as_str(), request.uri().path()) {
        ("GET" | "HEAD", "/products") => json(StatusCode::OK, JSON, &order::PRODUCTS),
        ("POST", "/quotes") => quote(request).unwrap_or_else(|refusal| refusal),
        (_, "/products") => with(ALLOW, "GET, HEAD", refusal(StatusCode::METHOD_NOT_ALLOWED, "not this way", &[])),
        (_, "/quotes") => with(ALLOW, "POST", refusal(StatusCode::METHOD_NOT_ALLOWED, "not this way", &[])),
        _ => refusal(StatusCode::NOT_FOUND, "there is nothing here", &[]),
    }
}

fn quote(request: Request) -> Result<Response, Response> {
    let content_type = request.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    if !content_type.to_ascii_lowercase().starts_with(JSON.as_bytes()) {
        let refusal = refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, "an order is application/json", &[]);
        return Err(with(ACCEPT, JSON, refusal));
    }
    let content = request.into_body().collect(MOST_CONTENT).map_err(|error| match error {
        ContentError::TooLarge => refusal(StatusCode::PAYLOAD_TOO_LARGE, "no order is that large", &[]),
        error => error.into_response(),
    })?;
    let order: Order = serde_json::from_slice(&content)
        .map_err(|reason| refusal(StatusCode::BAD_REQUEST, &reason.to_string(), &[]))?;
    let quote = order
        .quote()
        .map_err(|problems| refusal(StatusCode::UNPROCESSABLE_ENTITY, "the order cannot be quoted", &problems))?;
    Ok(json(StatusCode::OK, JSON, &quote))
}

fn refusal(status: StatusCode, title: &str, problems: &[Problem]) -> Response {
    let problem = json!({ "title": title, "status": status.as_u16(), "errors": problems });
    json(status, "application/problem+json", &problem)
}

fn json(status: StatusCode, content_type: &'static str, content: &impl Serialize) -> Response {
    let content = serde_json::to_vec(content).expect("it has only strings for keys");
    with(CONTENT_TYPE, content_type, (status, content).into_response())
}

fn with(name: HeaderName, value: &'static str, mut response: Response) -> Response {
    response.headers_mut().insert(name, HeaderValue::from_static(value));
    response
}

const JSON: &str = "application/json";

/// In bytes.
const MOST_CONTENT: u32 = 64 * 1024;
