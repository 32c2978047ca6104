//! Sends a request through a pipe, and takes all of the answer.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::time::timeout;
use windhover_contract::Limits;
use windhover_http::{Clock, serve_in_memory};

use super::file::Request;
use crate::pipeline::Pipeline;

pub(super) struct Asker {
    pipeline: Arc<Pipeline>,
    limits: Limits,
}

/// An answer that came to its end.
pub(super) struct Answer {
    pub(super) head: http::response::Parts,
    pub(super) content: Bytes,
}

impl Asker {
    pub(super) fn new(pipeline: Arc<Pipeline>, limits: Limits) -> Self {
        Self { pipeline, limits }
    }

    /// Asks on a connection of its own. An error: there was no answer, or it broke off.
    pub(super) async fn ask(&self, asked: &Request) -> anyhow::Result<Answer> {
        let (client, server) = tokio::io::duplex(PIPE);
        let serving = serve_in_memory(server, Arc::clone(&self.pipeline), self.limits.clone(), Clock::default());
        let serving = tokio::spawn(serving);
        let answer = timeout(PATIENCE, exchange(client, asked)).await;
        serving.abort();
        answer.unwrap_or_else(|_| bail!("there was no whole answer within {} s", PATIENCE.as_secs()))
    }
}

async fn exchange(pipe: tokio::io::DuplexStream, asked: &Request) -> anyhow::Result<Answer> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(pipe)).await.context("nobody serves")?;
    let connection = tokio::spawn(connection);
    let response = sender.send_request(request(asked)?).await.context("there was no answer")?;
    let (head, body) = response.into_parts();
    let content = Limited::new(body, MOST_CONTENT).collect().await;
    connection.abort();
    match content {
        Ok(content) => Ok(Answer { head, content: content.to_bytes() }),
        Err(reason) => bail!("the answer began with {} and broke off: {reason}", head.status),
    }
}

fn request(asked: &Request) -> anyhow::Result<http::Request<Full<Bytes>>> {
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
    builder.body(Full::from(content)).context("it cannot be asked so")
}

/// More than any app takes that is asked by a test: the app's own timeout is met before.
const PATIENCE: Duration = Duration::from_secs(600);

const PIPE: usize = 64 * 1024;

/// More is no answer that a test writes down.
const MOST_CONTENT: usize = 64 << 20;
