//! The client of the tests: HTTP/1.1 by hand, because a library would not send what is unusual, and HTTP/2 by a library.
//! It connects from an address of its own, so that client and proxy are not the same on loopback.

mod http1;
mod http2;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context, Result};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpSocket;
use tokio_rustls::TlsConnector;
use windhover_tests::secure;

/// A version of HTTP between client and front.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    Http1,
    Http2,
}

impl Version {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Http1 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
        }
    }
}

/// Where the client connects.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    pub(crate) port: u16,
    pub(crate) is_secure: bool,
}

/// The address that the client has.
pub(crate) const CLIENT: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 77);

pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Target {
    /// As clients write it in Host.
    pub(crate) fn authority(self) -> String {
        format!("localhost:{}", self.port)
    }

    /// Connects, with TLS if it is secure.
    pub(crate) async fn connect(self, version: Version) -> Result<Box<dyn Stream>> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from((CLIENT, 0)))?;
        let stream = socket.connect(SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))).await.context("connect")?;
        stream.set_nodelay(true)?;
        stream.set_zero_linger()?; // who drops an exchange has left, and not only stopped sending
        if !self.is_secure {
            return Ok(Box::new(stream));
        }
        let alpn = if version == Version::Http1 { "http/1.1" } else { "h2" };
        let connector = TlsConnector::from(Arc::new(secure::client(&[alpn], None)));
        let name = "localhost".try_into().expect("it is a name");
        Ok(Box::new(connector.connect(name, stream).await.context("the handshake of TLS")?))
    }

    /// Sends a whole request and receives the whole answer.
    pub(crate) async fn ask(self, version: Version, request: &Request<'_>, content: &[u8]) -> Result<Answer> {
        let mut exchange = self.begin(version, request).await?;
        if request.content != Content::None {
            exchange.send(content).await?;
            exchange.finish(&[]).await?;
        }
        exchange.answer().await
    }

    /// Asks for a path without content.
    pub(crate) async fn get(self, version: Version, path: &str) -> Result<Answer> {
        self.ask(version, &Request::get(path), b"").await
    }

    /// Sends the head of a request on a new connection.
    pub(crate) async fn begin(self, version: Version, request: &Request<'_>) -> Result<Exchange> {
        let stream = self.connect(version).await?;
        Ok(match version {
            Version::Http1 => Exchange::Http1(http1::Exchange::begin(stream, self, request).await?),
            Version::Http2 => Exchange::Http2(http2::Exchange::begin(stream, self, request).await?),
        })
    }
}

/// The head of a request.
pub(crate) struct Request<'r> {
    pub(crate) method: &'r str,
    pub(crate) target: &'r str,
    /// `None`: where the client is connected.
    pub(crate) host: Option<&'r str>,
    pub(crate) fields: &'r [(&'r str, &'r str)],
    pub(crate) content: Content,
}

/// What content a request has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    None,
    Length(u64),
    /// As long as it is sent.
    Streamed,
}

impl<'r> Request<'r> {
    pub(crate) fn get(target: &'r str) -> Self {
        Self { method: "GET", target, host: None, fields: &[], content: Content::None }
    }

    pub(crate) fn post(target: &'r str, content: Content) -> Self {
        Self { method: "POST", target, host: None, fields: &[], content }
    }
}

/// Names in lower case.
pub(crate) type Fields = Vec<(String, String)>;

/// The head of an answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) fields: Fields,
}

impl Head {
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.fields.iter().filter(|(own, _)| own == name).map(|(_, value)| value.as_str()).collect()
    }
}

/// A whole answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) interim: Vec<Head>,
    pub(crate) head: Head,
    pub(crate) content: Vec<u8>,
    pub(crate) trailers: Fields,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.content).into_owned()
    }
}

/// One exchange, alone on its connection.
pub(crate) enum Exchange {
    Http1(http1::Exchange),
    Http2(http2::Exchange),
}

impl Exchange {
    pub(crate) async fn send(&mut self, content: &[u8]) -> Result<()> {
        match self {
            Self::Http1(exchange) => exchange.send(content).await,
            Self::Http2(exchange) => exchange.send(content).await,
        }
    }

    /// Ends the content.
    pub(crate) async fn finish(&mut self, trailers: &[(&str, &str)]) -> Result<()> {
        match self {
            Self::Http1(exchange) => exchange.finish(trailers).await,
            Self::Http2(exchange) => exchange.finish(trailers),
        }
    }

    /// The next head: an interim one, or the last.
    pub(crate) async fn head(&mut self) -> Result<Head> {
        match self {
            Self::Http1(exchange) => exchange.head().await,
            Self::Http2(exchange) => exchange.head().await,
        }
    }

    /// The last head, and the interim ones before it.
    pub(crate) async fn final_head(&mut self) -> Result<(Head, Vec<Head>)> {
        let mut interim = Vec::new();
        loop {
            let head = self.head().await?;
            if head.status == 101 || head.status >= 200 {
                return Ok((head, interim));
            }
            interim.push(head);
        }
    }

    /// Some content. `None`: it has ended.
    pub(crate) async fn piece(&mut self) -> Result<Option<Vec<u8>>> {
        match self {
            Self::Http1(exchange) => exchange.piece().await,
            Self::Http2(exchange) => exchange.piece().await,
        }
    }

    /// So much content, or more.
    pub(crate) async fn content(&mut self, size: usize) -> Result<Vec<u8>> {
        let mut content = Vec::new();
        while content.len() < size {
            content.extend(self.piece().await?.with_context(|| format!("the content ended after {content:?}"))?);
        }
        Ok(content)
    }

    /// What follows the content.
    pub(crate) async fn trailers(&mut self) -> Result<Fields> {
        match self {
            Self::Http1(exchange) => Ok(exchange.trailers()),
            Self::Http2(exchange) => exchange.trailers().await,
        }
    }

    /// The whole answer.
    pub(crate) async fn answer(&mut self) -> Result<Answer> {
        let (head, interim) = self.final_head().await?;
        let mut answer = Answer { interim, head, ..Answer::default() };
        while let Some(piece) = self.piece().await? {
            answer.content.extend(piece);
        }
        answer.trailers = self.trailers().await?;
        Ok(answer)
    }
}
