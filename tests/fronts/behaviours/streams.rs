//! Exchanges that stay open.

use anyhow::{Result, bail, ensure};

use crate::client::{Content, Exchange, Request, Version};
use crate::columns::Front;

/// The app sends one event and then waits, so an event that somebody keeps never comes.
pub(super) async fn event(front: &Front, version: Version) -> Result<()> {
    let mut exchange = front.target.begin(version, &Request::get("/events?kept")).await?;
    let (head, _) = exchange.final_head().await?;
    ensure!(head.status == 200 && head.all("content-type") == ["text/event-stream"], "{head:?}");
    ensure!(exchange.content(11).await? == b"data: one\n\n", "the event is another");
    Ok(())
}

pub(super) async fn client_leaves(front: &Front, version: Version) -> Result<()> {
    leaves(front, version, "/ticks").await
}

pub(super) async fn client_leaves_silence(front: &Front, version: Version) -> Result<()> {
    leaves(front, version, "/events").await
}

async fn leaves(front: &Front, version: Version, path: &str) -> Result<()> {
    let name = format!("{path}-{version:?}");
    let path = format!("{path}?{name}");
    let mut exchange = front.target.begin(version, &Request::get(&path)).await?;
    exchange.final_head().await?;
    exchange.content(11).await?;
    drop(exchange);
    let told = format!("events {name}: the client has left: true");
    while !front.windhover.process.said().contains(&told) {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await; // the row has a time limit
    }
    Ok(())
}

pub(super) async fn websocket(front: &Front, version: Version) -> Result<()> {
    match version {
        Version::Http1 => websocket_http1(front).await,
        Version::Http2 => websocket_http2(front).await,
    }
}

async fn websocket_http1(front: &Front) -> Result<()> {
    let fields = [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let mut exchange =
        front.target.begin(Version::Http1, &Request { fields: &fields, ..Request::get("/websocket") }).await?;
    let (head, _) = exchange.final_head().await?;
    ensure!(head.status == 101, "{head:?}");
    ensure!(head.all("sec-websocket-accept") == ["s3pPLMBiTxaQ9kYGzzhZRbK+xOo="], "{head:?}");
    let Exchange::Http1(stream) = &mut exchange else { bail!("it was begun over HTTP/1.1") };
    for text in ["one", "two", "three"] {
        stream.write(&masked(0x81, text.as_bytes())).await?;
        let came = stream.read_exactly(2 + text.len()).await?;
        ensure!(came[0] == 0x81 && &came[2..] == text.as_bytes(), "{text} comes back as {came:?}");
    }
    stream.write(&masked(0x88, &[3, 0xe8])).await?;
    let close = stream.read_exactly(4).await?;
    ensure!(close == [0x88, 2, 3, 0xe8], "the close is {close:?}");
    Ok(())
}

/// RFC 8441.
async fn websocket_http2(front: &Front) -> Result<()> {
    let fields = [(":protocol", "websocket"), ("sec-websocket-version", "13")];
    let request = Request { method: "CONNECT", fields: &fields, ..Request::post("/websocket", Content::Streamed) };
    let mut exchange = front.target.begin(Version::Http2, &request).await?;
    let (head, _) = exchange.final_head().await?;
    ensure!(head.status == 200, "{head:?}");
    for text in ["one", "two", "three"] {
        exchange.send(&masked(0x81, text.as_bytes())).await?;
        let came = exchange.content(2 + text.len()).await?;
        ensure!(came[0] == 0x81 && &came[2..] == text.as_bytes(), "{text} comes back as {came:?}");
    }
    exchange.send(&masked(0x88, &[3, 0xe8])).await?;
    let close = exchange.content(4).await?;
    ensure!(close == [0x88, 2, 3, 0xe8], "the close is {close:?}");
    Ok(())
}

/// A small frame as clients send it.
fn masked(first: u8, content: &[u8]) -> Vec<u8> {
    let mask = [1, 2, 3, 4];
    let size = u8::try_from(content.len()).expect("it is small");
    let masked = content.iter().enumerate().map(|(at, byte)| byte ^ mask[at % 4]);
    [first, 0x80 | size].into_iter().chain(mask).chain(masked).collect()
}

/// A call that streams both ways, with its trailers.
pub(super) async fn grpc(front: &Front, version: Version) -> Result<()> {
    let fields = [("content-type", "application/grpc"), ("te", "trailers")];
    let request = Request { fields: &fields, ..Request::post("/grpc", Content::Streamed) };
    let mut exchange = front.target.begin(version, &request).await?;
    let message = b"\0\0\0\0\x05hello";
    exchange.send(message).await?;
    let (head, _) = exchange.final_head().await?;
    ensure!(head.status == 200 && head.all("content-type") == ["application/grpc"], "{head:?}");
    ensure!(exchange.content(message.len()).await? == message, "the message is another");
    exchange.send(message).await?;
    ensure!(exchange.content(message.len()).await? == message, "the second message is another");
    exchange.finish(&[]).await?;
    ensure!(exchange.piece().await?.is_none(), "the content goes on");
    let trailers = exchange.trailers().await?;
    let status = trailers.iter().find(|(name, _)| name == "grpc-status").map(|(_, value)| value.as_str());
    ensure!(status == Some("0"), "the trailers are {trailers:?}");
    Ok(())
}
