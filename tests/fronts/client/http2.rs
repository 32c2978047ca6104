//! One exchange over HTTP/2.

use std::future::poll_fn;

use anyhow::{Context, Result};
use bytes::Bytes;
use h2::client::{Builder, ResponseFuture, SendRequest};
use h2::ext::Protocol;
use h2::{RecvStream, SendStream};
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::task::JoinHandle;

use super::{Content, Fields, Head, Request, Stream, Target};

pub(crate) struct Exchange {
    sending: SendStream<Bytes>,
    coming: Coming,
    /// Without it the library closes the connection.
    _requests: SendRequest<Bytes>,
    connection: JoinHandle<()>,
}

enum Coming {
    Head(ResponseFuture),
    Content(RecvStream),
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

impl Exchange {
    pub(super) async fn begin(stream: Box<dyn Stream>, target: Target, request: &Request<'_>) -> Result<Self> {
        let mut builder = Builder::new();
        builder.initial_window_size(1 << 20).initial_connection_window_size(1 << 21);
        let (requests, connection) = builder.handshake(stream).await?;
        let connection = tokio::spawn(async move { drop(connection.await) });
        let mut requests = requests.ready().await?;
        let scheme = if target.is_secure { "https" } else { "http" };
        let authority = target.authority();
        let uri = format!("{scheme}://{}{}", request.host.unwrap_or(&authority), request.target);
        let mut head = http::Request::builder().method(request.method).uri(uri);
        if let Content::Length(length) = request.content {
            head = head.header("content-length", length);
        }
        for (name, value) in request.fields {
            match *name {
                ":protocol" => head = head.extension(Protocol::from(*value)),
                name => head = head.header(name, *value),
            }
        }
        let is_all = request.content == Content::None;
        let (answer, sending) = requests.send_request(head.body(())?, is_all)?;
        Ok(Self { sending, coming: Coming::Head(answer), _requests: requests, connection })
    }

    pub(super) async fn send(&mut self, content: &[u8]) -> Result<()> {
        let mut content = Bytes::copy_from_slice(content);
        while !content.is_empty() {
            self.sending.reserve_capacity(content.len());
            let capacity = poll_fn(|cx| self.sending.poll_capacity(cx)).await.context("the stream was closed")??;
            self.sending.send_data(content.split_to(capacity.min(content.len())), false)?;
        }
        Ok(())
    }

    pub(super) fn finish(&mut self, trailers: &[(&str, &str)]) -> Result<()> {
        if trailers.is_empty() {
            return Ok(self.sending.send_data(Bytes::new(), true)?);
        }
        let mut fields = HeaderMap::new();
        for (name, value) in trailers {
            fields.append(HeaderName::try_from(*name)?, HeaderValue::from_str(value)?);
        }
        Ok(self.sending.send_trailers(fields)?)
    }

    pub(super) async fn head(&mut self) -> Result<Head> {
        let Coming::Head(answer) = &mut self.coming else { anyhow::bail!("the head has come") };
        if let Some(interim) = poll_fn(|cx| answer.poll_informational(cx)).await {
            let interim = interim?;
            return Ok(Head { status: interim.status().as_u16(), fields: fields(interim.headers()) });
        }
        let (head, content) = answer.await?.into_parts();
        self.coming = Coming::Content(content);
        Ok(Head { status: head.status.as_u16(), fields: fields(&head.headers) })
    }

    pub(super) async fn piece(&mut self) -> Result<Option<Vec<u8>>> {
        let Coming::Content(content) = &mut self.coming else { anyhow::bail!("the head has not come") };
        loop {
            match content.data().await.transpose()? {
                None => return Ok(None),
                Some(piece) if piece.is_empty() => {}
                Some(piece) => {
                    content.flow_control().release_capacity(piece.len())?;
                    return Ok(Some(piece.to_vec()));
                }
            }
        }
    }

    pub(super) async fn trailers(&mut self) -> Result<Fields> {
        let Coming::Content(content) = &mut self.coming else { anyhow::bail!("the head has not come") };
        Ok(content.trailers().await?.as_ref().map(fields).unwrap_or_default())
    }
}

fn fields(map: &HeaderMap) -> Fields {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    map.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
}
