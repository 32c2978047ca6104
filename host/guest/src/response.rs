//! Values that can be a response.

use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};

use crate::{Body, ContentError, Response};

/// A value that a handler may return.
///
/// | value | response |
/// |---|---|
/// | `&'static str`, `String` | 200, `text/plain; charset=utf-8` |
/// | `Vec<u8>` | 200, `application/octet-stream` |
/// | [`StatusCode`] | this status, no content |
/// | `(StatusCode, T)` | that of `T`, with this status |
/// | `Result<T, E>` | that of `T` or `E` |
/// | [`ContentError`] | the status of the error, no content |
/// | [`http::Response`] | as it is |
pub trait IntoResponse {
    /// Converts the value.
    fn into_response(self) -> Response;
}

impl<B: Into<Body>> IntoResponse for http::Response<B> {
    fn into_response(self) -> Response {
        self.map(Into::into)
    }
}

impl IntoResponse for StatusCode {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self;
        response
    }
}

impl IntoResponse for &'static str {
    fn into_response(self) -> Response {
        of_type("text/plain; charset=utf-8", self.into())
    }
}

impl IntoResponse for String {
    fn into_response(self) -> Response {
        of_type("text/plain; charset=utf-8", self.into())
    }
}

impl IntoResponse for Vec<u8> {
    fn into_response(self) -> Response {
        of_type("application/octet-stream", self.into())
    }
}

impl<T: IntoResponse> IntoResponse for (StatusCode, T) {
    fn into_response(self) -> Response {
        let mut response = self.1.into_response();
        *response.status_mut() = self.0;
        response
    }
}

impl<T: IntoResponse, E: IntoResponse> IntoResponse for Result<T, E> {
    fn into_response(self) -> Response {
        match self {
            Ok(answer) => answer.into_response(),
            Err(answer) => answer.into_response(),
        }
    }
}

impl IntoResponse for ContentError {
    fn into_response(self) -> Response {
        let status = match self {
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Incomplete => StatusCode::BAD_REQUEST,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Taken | Self::Aborted => StatusCode::INTERNAL_SERVER_ERROR,
        };
        status.into_response()
    }
}

fn of_type(content_type: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Content, Handler, Request};

    #[test]
    fn an_answer_may_be_many_things() {
        let told = |answer: Response| {
            let content_type =
                answer.headers().get(CONTENT_TYPE).map(|value| value.to_str().expect("it is text").to_owned());
            let status = answer.status().as_u16();
            (status, content_type, answer.into_body().collect().expect("nothing fails"))
        };
        let text = || Some("text/plain; charset=utf-8".to_owned());
        assert_eq!(told("a".into_response()), (200, text(), b"a".to_vec()));
        assert_eq!(told((StatusCode::CREATED, "a".to_owned()).into_response()), (201, text(), b"a".to_vec()));
        assert_eq!(told(StatusCode::NO_CONTENT.into_response()), (204, None, Vec::new()));
        let too_large: Result<&str, _> = Err(ContentError::TooLarge);
        assert_eq!(told(too_large.into_response()), (413, None, Vec::new()));
        assert_eq!(told(http::Response::new("a").into_response()), (200, None, b"a".to_vec()));
    }

    #[test]
    fn a_function_is_a_handler() {
        let echo = |request: Request| -> Result<Vec<u8>, ContentError> { request.into_body().collect(3) };
        let answer = |content: &str| echo.handle(|| Request::new(Content::from(content))).status();
        assert_eq!((answer("abc"), answer("abcd")), (StatusCode::OK, StatusCode::PAYLOAD_TOO_LARGE));
    }
}
