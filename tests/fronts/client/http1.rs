//! One exchange over HTTP/1.1.

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{Content, Fields, Head, Request, Stream, Target};

pub(crate) struct Exchange {
    pub(super) stream: Box<dyn Stream>,
    unread: Vec<u8>,
    is_chunked: bool,
    is_head: bool,
    left: Left,
    trailers: Fields,
}

/// What is left of the answer's content.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Left {
    Nothing,
    Length(u64),
    Chunked,
    UntilClosed,
}

impl Exchange {
    pub(super) async fn begin(stream: Box<dyn Stream>, target: Target, request: &Request<'_>) -> Result<Self> {
        let authority = target.authority();
        let mut head = format!(
            "{} {} HTTP/1.1\r\nHost: {}\r\n",
            request.method,
            request.target,
            request.host.unwrap_or(&authority)
        );
        for (name, value) in request.fields {
            head += &format!("{name}: {value}\r\n");
        }
        match request.content {
            Content::None => {}
            Content::Length(length) => head += &format!("Content-Length: {length}\r\n"),
            Content::Streamed => head += "Transfer-Encoding: chunked\r\n",
        }
        let mut exchange = Self {
            stream,
            unread: Vec::new(),
            is_chunked: request.content == Content::Streamed,
            is_head: request.method == "HEAD",
            left: Left::Nothing,
            trailers: Vec::new(),
        };
        exchange.write((head + "\r\n").as_bytes()).await?;
        Ok(exchange)
    }

    /// Sends bytes as they are.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes).await?;
        Ok(self.stream.flush().await?)
    }

    /// Receives exactly so many bytes.
    pub(crate) async fn read_exactly(&mut self, size: usize) -> Result<Vec<u8>> {
        while self.unread.len() < size {
            self.read().await?;
        }
        Ok(self.unread.drain(..size).collect())
    }

    pub(super) async fn send(&mut self, content: &[u8]) -> Result<()> {
        if self.is_chunked && !content.is_empty() {
            self.write(format!("{:x}\r\n", content.len()).as_bytes()).await?;
            self.write(content).await?;
            return self.write(b"\r\n").await;
        }
        self.write(content).await
    }

    pub(super) async fn finish(&mut self, trailers: &[(&str, &str)]) -> Result<()> {
        if self.is_chunked {
            let lines: String = trailers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
            self.write(format!("0\r\n{lines}\r\n").as_bytes()).await?;
        }
        Ok(())
    }

    pub(super) async fn head(&mut self) -> Result<Head> {
        let mut lines = Vec::new();
        loop {
            match self.line().await?.as_str() {
                "" => break,
                line => lines.push(line.to_owned()),
            }
        }
        let (status, fields) = lines.split_first().context("an empty head")?;
        let status: u16 = status
            .strip_prefix("HTTP/1.1 ")
            .and_then(|rest| rest.get(..3)?.parse().ok())
            .with_context(|| format!("{status:?} is no status line of HTTP/1.1"))?;
        let head = Head { status, fields: fields.iter().map(|line| field(line)).collect::<Result<_>>()? };
        self.left = match (head.all("transfer-encoding").as_slice(), head.all("content-length").as_slice()) {
            _ if self.is_head || status < 200 || matches!(status, 204 | 304) => Left::Nothing,
            (["chunked"], []) => Left::Chunked,
            ([], [length]) => Left::Length(length.parse()?),
            ([], []) => Left::UntilClosed,
            framing => bail!("the framing of the answer is not clear: {framing:?}"),
        };
        Ok(head)
    }

    pub(super) async fn piece(&mut self) -> Result<Option<Vec<u8>>> {
        match self.left {
            Left::Nothing | Left::Length(0) => Ok(None),
            Left::Length(left) => {
                if self.unread.is_empty() {
                    self.read().await?;
                }
                let size = self.unread.len().min(usize::try_from(left)?);
                self.left = Left::Length(left - size as u64);
                Ok(Some(self.unread.drain(..size).collect()))
            }
            Left::Chunked => {
                let line = self.line().await?;
                let size =
                    usize::from_str_radix(&line, 16).with_context(|| format!("{line:?} is no size of a chunk"))?;
                if size == 0 {
                    self.left = Left::Nothing;
                    loop {
                        match self.line().await?.as_str() {
                            "" => return Ok(None),
                            line => self.trailers.push(field(line)?),
                        }
                    }
                }
                let chunk = self.read_exactly(size).await?;
                ensure!(self.read_exactly(2).await? == b"\r\n", "a chunk has no line end");
                Ok(Some(chunk))
            }
            Left::UntilClosed => {
                if self.unread.is_empty() && self.read().await.is_err() {
                    self.left = Left::Nothing;
                    return Ok(None);
                }
                Ok(Some(std::mem::take(&mut self.unread)))
            }
        }
    }

    pub(super) fn trailers(&mut self) -> Fields {
        std::mem::take(&mut self.trailers)
    }

    async fn line(&mut self) -> Result<String> {
        loop {
            if let Some(at) = self.unread.windows(2).position(|end| end == b"\r\n") {
                let line: Vec<u8> = self.unread.drain(..at + 2).collect();
                return Ok(String::from_utf8_lossy(&line[..at]).into_owned());
            }
            self.read().await?;
        }
    }

    async fn read(&mut self) -> Result<()> {
        let size = self.stream.read_buf(&mut self.unread).await?;
        ensure!(size > 0, "the connection ended; unread: {:?}", String::from_utf8_lossy(&self.unread));
        Ok(())
    }
}

fn field(line: &str) -> Result<(String, String)> {
    let (name, value) = line.split_once(':').with_context(|| format!("{line:?} is no field"))?;
    Ok((name.to_ascii_lowercase(), value.trim().to_owned()))
}
