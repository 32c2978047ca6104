//! The client of the collector.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry_http::{HttpClient, HttpError};
use tokio::runtime::Handle;

/// The client of the collector. Spans are sent by a thread that has no runtime, so this brings its own along.
#[derive(Clone, Debug)]
pub(super) struct Client {
    pool: Pool<HttpsConnector<HttpConnector>, Full<Bytes>>,
    timeout: Duration,
    runtime: Handle,
}

impl Client {
    /// Works on the runtime that this is called on.
    pub(super) fn new(timeout: Duration) -> std::io::Result<Self> {
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(rustls::crypto::aws_lc_rs::default_provider())?
            .https_or_http()
            .enable_all_versions()
            .build();
        Ok(Self { pool: Pool::builder(TokioExecutor::new()).build(connector), timeout, runtime: Handle::current() })
    }

    async fn send(self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let exchange = async {
            let (head, content) = self.pool.request(request.map(Full::new)).await?.into_parts();
            let content = Limited::new(content, MAX_ANSWER).collect().await?.to_bytes();
            Ok(Response::from_parts(head, content))
        };
        tokio::time::timeout(self.timeout, exchange).await.map_err(|_| format!("no answer in {:?}", self.timeout))?
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        self.runtime.spawn(self.clone().send(request)).await?
    }
}

/// What is read of an answer, which says how many spans were taken.
const MAX_ANSWER: usize = 64 << 10;
