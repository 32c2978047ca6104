//! Written with `windhover-guest`: what it does is in the path.

use std::io::{BufRead, BufReader, Write};

use windhover_guest::features::response;
use windhover_guest::http::Response as Plain;
use windhover_guest::{Body, ContentError, HeaderMap, IntoResponse, Request, Response, StatusCode};

windhover_guest::export!(handle);

fn handle(request: Request) -> Response {
    match request.uri().path() {
        "/tell" => tell(&request).into_response(),
        "/echo" => Response::new(request.into_body().into()),
        "/lines" => lines(request).into_response(),
        "/at-most" => request.into_body().collect(3).into_response(),
        "/with-trailers" => with_trailers(),
        "/breaks-off" => Response::new(Body::stream(|out| {
            out.write_all(b"begun")?;
            out.flush()?;
            Err(std::io::Error::other("as the path says"))
        })),
        "/answered-already" => {
            response::send(202, &[], b"by a feature\n").expect("nothing was sent before");
            "by the handler\n".into_response()
        }
        "/forbidden" => Plain::builder().header("transfer-encoding", "x").body("").expect("it is one").into_response(),
        _ => (StatusCode::NOT_FOUND, "nowhere\n").into_response(),
    }
}

fn tell(request: &Request) -> String {
    let (method, version, uri) = (request.method(), request.version(), request.uri());
    let fields: Vec<_> = request.headers().iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    format!("{method} {version:?} {uri} {}\n", fields.join(" "))
}

/// Each in reverse, by `std::io`.
fn lines(request: Request) -> Result<String, ContentError> {
    let lines = BufReader::with_capacity(2, request.into_body()).lines();
    Ok(lines.map(|line| line.expect("it is text").chars().rev().collect::<String>() + "\n").collect())
}

fn with_trailers() -> Response {
    let body = Body::stream(|out| {
        out.write_all(b"content")?;
        out.set_trailers(&HeaderMap::from_iter([(
            "x-checksum".parse().expect("it is a name"),
            "1".parse().expect("it is a value"),
        )]))
    });
    Plain::builder().header("trailer", "x-checksum").body(body).expect("it is a response")
}
