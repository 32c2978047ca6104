//! The response in an app's place while it is not built.

use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use windhover_contract::{Body, Request, Response};

use super::reload;
use super::state::Failure;

/// Says why the build failed.
pub(super) fn failed(failure: &Failure, served: &str, request: &Request) -> Response {
    answer(StatusCode::INTERNAL_SERVER_ERROR, &failure.reason, &failure.said, served, request)
}

/// Says that the first build is running.
pub(super) fn first_build(served: &str, request: &Request) -> Response {
    let mut response = answer(StatusCode::SERVICE_UNAVAILABLE, "The app is being built.", "", served, request);
    response.fields.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// A page for browsers, and text for other clients.
fn answer(status: StatusCode, reason: &str, said: &str, served: &str, request: &Request) -> Response {
    let accepts = request.fields.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let is_browser = accepts.into_iter().any(|value| value.contains("text/html"));
    let (content_type, content) = match is_browser {
        true => ("text/html; charset=utf-8", page(reason, said, served)),
        false => ("text/plain; charset=utf-8", format!("{reason}\n\n{said}")),
    };
    let mut response = Response::empty(status);
    response.fields.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.body = Body::full(content);
    response
}

fn page(reason: &str, said: &str, served: &str) -> String {
    let (title, step) = reason.split_once('\n').unwrap_or((reason, ""));
    include_str!("page.html")
        .replace("{title}", &escaped(title))
        .replace("{step}", &escaped(step))
        .replace("{script}", &reload::script(served))
        .replace("{said}", &escaped(said)) // last: it may contain any text
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_command_says_is_text_and_nothing_else() {
        let page = page("shop is not built:\ncc <a>", "error: <script> & {title}", "0");
        assert!(page.contains("<h1>shop is not built:</h1>") && page.contains("cc &lt;a&gt;"), "{page}");
        assert!(page.contains("error: &lt;script&gt; &amp; {title}"), "{page}");
    }
}
