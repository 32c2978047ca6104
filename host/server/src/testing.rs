//! Calls an app as a function, for tests in Rust: put `windhover-server` below `[dev-dependencies]`.
//!
//! ```no_run
//! use bytes::Bytes;
//! use windhover_server::testing::App;
//!
//! # fn main() -> anyhow::Result<()> {
//! let app = App::load("target/wasm32-wasip2/release/my_app.wasm")?;
//! let answer = app.call(http::Request::get("/?name=Zoe").body(Bytes::new())?)?;
//! assert_eq!(answer.status(), 200);
//! assert_eq!(answer.body(), "Hello, Zoe!\n");
//! # Ok(())
//! # }
//! ```
//!
//! No socket is opened: each request goes through a pipe, as HTTP/1.1, and otherwise the way of any. Each is answered by
//! a fresh instance, unless a configuration says otherwise.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use http::header::HOST;
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::runtime::Runtime;
use tokio::time::timeout;
use windhover_contract::Limits;
use windhover_http::{Clock, serve_in_memory};
use windhover_sandbox::Profile;

use crate::config::Config;
use crate::deployments::Deployments;
use crate::loader::Loader;
use crate::pipeline::Pipeline;
use crate::telemetry::Telemetry;

/// An app, or all apps of a configuration, loaded and ready to be called.
pub struct App {
    pipeline: Arc<Pipeline>,
    limits: Limits,
    /// `None`: it has ended.
    runtime: Option<Runtime>,
}

impl App {
    /// Loads a component, with all limits and grants as they are by default. An error: it cannot be read, or not be
    /// served.
    pub fn load(component: impl AsRef<Path>) -> anyhow::Result<Self> {
        Self::of(&Config::of_app(component.as_ref())?)
    }

    /// Loads the apps of a configuration file, with its routes, limits and grants. An error: it has mistakes, or its only
    /// app cannot be loaded.
    pub fn configured(config: impl AsRef<Path>) -> anyhow::Result<Self> {
        Self::of(&Config::read(config.as_ref())?)
    }

    /// Loads the apps of a configuration. An error: its only app cannot be loaded.
    pub fn of(config: &Config) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no event queue")?;
        let entered = runtime.enter();
        let loader = Loader::open(&config.written)?;
        let deployments = Deployments::load(&loader, config)?;
        let telemetry = Telemetry::new(&config.written.log, None, None);
        let pipeline = Arc::new(Pipeline::new(deployments.router(config), telemetry, None));
        let limits = config.written.limits.to_http(&config.written.server);
        drop(entered);
        Ok(Self { pipeline, limits, runtime: Some(runtime) })
    }

    /// Sends a request, and waits for all of the answer. The target is a path with its query; without a `host` the field
    /// says `localhost`. What the app does wrong is an answer, as to any client; an error is that there was none, that
    /// it broke off or is larger than 64 MiB, or that it was not whole after ten minutes.
    ///
    /// Blocks: call it outside of any runtime of tokio's.
    pub fn call(&self, request: Request<impl Into<Bytes>>) -> anyhow::Result<Response<Bytes>> {
        let mut request = request.map(|content| Full::new(content.into()));
        request.headers_mut().entry(HOST).or_insert(HeaderValue::from_static("localhost"));
        let runtime = self.runtime.as_ref().context("it has ended")?;
        runtime.block_on(async {
            let (client, server) = tokio::io::duplex(PIPE);
            let serving = serve_in_memory(server, Arc::clone(&self.pipeline), self.limits.clone(), Clock::default());
            let serving = tokio::spawn(serving);
            let answer = timeout(TIMEOUT, exchange(client, request)).await;
            serving.abort();
            answer.unwrap_or_else(|_| bail!("there was no whole answer within {} s", TIMEOUT.as_secs()))
        })
    }
}

impl App {
    /// Records where the time of all apps' guests goes.
    pub fn record(&self, profile: &Arc<Profile>) {
        for app in self.pipeline.apps() {
            app.loaded().iter().for_each(|loaded| loaded.sandbox.record(profile));
        }
    }
}

impl Drop for App {
    /// An app that still does something is not waited for.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn exchange(pipe: tokio::io::DuplexStream, request: Request<Full<Bytes>>) -> anyhow::Result<Response<Bytes>> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(pipe)).await.context("nobody serves")?;
    let connection = tokio::spawn(connection);
    let response = sender.send_request(request).await.context("there was no answer")?;
    let (head, body) = response.into_parts();
    let content = Limited::new(body, MOST_CONTENT).collect().await;
    connection.abort();
    match content {
        Ok(content) => Ok(Response::from_parts(head, content.to_bytes())),
        Err(reason) => bail!("the answer began with {} and broke off: {reason}", head.status),
    }
}

/// More than any app takes that a test calls: its own limit of time is met before.
const TIMEOUT: Duration = Duration::from_secs(600);

const PIPE: usize = 64 * 1024;

/// More is no answer that a test looks at.
const MOST_CONTENT: usize = 64 << 20;
