//! The limit: hyper on one thread, answering from memory or with what it gets as it comes, with the timers that any
//! server needs.

use std::convert::Infallible;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;

pub(crate) fn serve() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("Listening on http://{}", listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let service = service_fn(|request: Request<Incoming>| async {
                if request.method() == Method::POST {
                    return Ok(Response::new(Either::Right(request.into_body())));
                }
                let content: &[u8] =
                    if request.uri().path() == "/mebibyte" { &LARGE } else { b"Hello from WebAssembly!\n" };
                let mut response = Response::new(Either::Left(Full::new(Bytes::from_static(content))));
                response.headers_mut().insert("content-type", HeaderValue::from_static("text/plain"));
                Ok::<_, Infallible>(response)
            });
            tokio::spawn(
                http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service),
            );
        }
    })
}

/// What is asked for to see what much content costs.
pub(crate) static LARGE: [u8; 1 << 20] = [b'x'; 1 << 20];
