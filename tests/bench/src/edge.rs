//! Windhover's HTTP server on one thread, with all its limits, answering from memory or with what it gets as it comes.

use std::num::NonZeroUsize;
use std::sync::Arc;

use http::{HeaderValue, Method, StatusCode};
use windhover_contract::{Application, Body, Request, Response, Server, ServerHandle};
use windhover_http::{HttpConfig, HttpServer};

use crate::native::LARGE;

struct Hello;

impl Application for Hello {
    async fn handle(&self, request: Request) -> Response {
        let mut response = Response::empty(StatusCode::OK);
        if request.method == Method::POST {
            response.body = request.body;
            return response;
        }
        response.fields.insert("content-type", HeaderValue::from_static("text/plain"));
        let is_large = request.target.path() == "/mebibyte";
        response.body = if is_large { Body::full(&LARGE[..]) } else { Body::full("Hello from WebAssembly!\n") };
        response
    }
}

pub(crate) fn serve() -> anyhow::Result<()> {
    let endpoints = vec!["http://127.0.0.1:0".into()];
    let server = HttpServer::bind(HttpConfig { endpoints, workers: NonZeroUsize::MIN, ..HttpConfig::default() })?;
    for address in server.handle().addresses().iter() {
        println!("Listening on {address}");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(server.serve(Arc::new(Hello), std::future::pending()))?;
    Ok(())
}
