//! Content in both directions.

use anyhow::{Result, ensure};

use crate::client::{Content, Request, Version};
use crate::columns::Front;

pub(super) async fn continues(front: &Front, version: Version) -> Result<()> {
    let request = Request { fields: &[("expect", "100-continue")], ..Request::post("/count", Content::Length(5)) };
    let mut exchange = front.target.begin(version, &request).await?;
    let interim = exchange.head().await?;
    ensure!(interim.status == 100, "the first head is {interim:?}");
    exchange.send(b"12345").await?;
    exchange.finish(&[]).await?;
    let answer = exchange.answer().await?;
    ensure!(answer.text() == "5 bytes, sum 255\n", "{answer:?}");
    Ok(())
}

pub(super) async fn declines(front: &Front, version: Version) -> Result<()> {
    let request = Request { fields: &[("expect", "100-continue")], ..Request::post("/early", Content::Length(5)) };
    let mut exchange = front.target.begin(version, &request).await?;
    let (head, interim) = exchange.final_head().await?;
    ensure!(interim.is_empty(), "the client is told to go on: {interim:?}");
    ensure!(head.status == 403, "{head:?}");
    Ok(())
}

/// The app answers without having read anything, and the client sends on until it has heard.
pub(super) async fn early_answer(front: &Front, version: Version) -> Result<()> {
    let mut exchange = front.target.begin(version, &Request::post("/early", Content::Length(1 << 20))).await?;
    for _ in 0..16 {
        if exchange.send(&[b'x'; 1 << 16]).await.is_err() {
            break; // the answer has ended it
        }
    }
    let (head, _) = exchange.final_head().await?;
    ensure!(head.status == 403, "{head:?}");
    ensure!(exchange.content(12).await? == b"not for you\n", "the content is another");
    Ok(())
}

pub(super) async fn both_ways(front: &Front, version: Version) -> Result<()> {
    let mut exchange = front.target.begin(version, &Request::post("/echo", Content::Streamed)).await?;
    exchange.send(b"first").await?;
    let (head, _) = exchange.final_head().await?;
    ensure!(head.status == 200, "{head:?}");
    ensure!(exchange.content(5).await? == b"first", "the first piece is another");
    for round in 0..5 {
        let piece = format!("piece {round}");
        exchange.send(piece.as_bytes()).await?;
        let came = exchange.content(piece.len()).await?;
        ensure!(came == piece.as_bytes(), "{piece:?} comes back as {:?}", String::from_utf8_lossy(&came));
    }
    exchange.finish(&[]).await?;
    ensure!(exchange.piece().await?.is_none(), "the content goes on");
    Ok(())
}

pub(super) async fn upload(front: &Front, version: Version) -> Result<()> {
    let before = memory(front);
    let mut exchange = front.target.begin(version, &Request::post("/count", Content::Length(SIZE))).await?;
    let piece = [1; 64 << 10];
    for _ in 0..SIZE / piece.len() as u64 {
        exchange.send(&piece).await?;
    }
    exchange.finish(&[]).await?;
    let answer = exchange.answer().await?;
    ensure!(answer.text() == format!("{SIZE} bytes, sum {SIZE}\n"), "{answer:?}");
    is_flat(front, &before)
}

pub(super) async fn download(front: &Front, version: Version) -> Result<()> {
    let before = memory(front);
    let path = format!("/large?{SIZE}");
    let mut exchange = front.target.begin(version, &Request::get(&path)).await?;
    let (head, _) = exchange.final_head().await?;
    ensure!(head.status == 200, "{head:?}");
    let mut size = 0_u64;
    while let Some(piece) = exchange.piece().await? {
        let expected = |at: usize| (size + at as u64) as u8;
        let wrong = piece.iter().enumerate().find(|(at, byte)| **byte != expected(*at));
        ensure!(wrong.is_none(), "another byte at {size}: {wrong:?}");
        size += piece.len() as u64;
    }
    ensure!(size == SIZE, "{size} bytes came");
    is_flat(front, &before)
}

/// The most that Windhover and each proxy have had resident.
fn memory(front: &Front) -> Vec<u64> {
    let processes = std::iter::once(&front.windhover.process).chain(front.proxies.iter().map(|(_, process)| process));
    processes.map(|process| process.memory()).collect()
}

fn is_flat(front: &Front, before: &[u64]) -> Result<()> {
    let names = std::iter::once("windhover").chain(front.proxies.iter().map(|(proxy, _)| proxy.name()));
    for ((name, before), after) in names.zip(before).zip(memory(front)) {
        let grown = after.saturating_sub(*before); // what the kernel tells is not exact
        ensure!(grown < SIZE / 2, "{name} grew by {} MiB", grown >> 20);
    }
    Ok(())
}

const SIZE: u64 = 64 << 20;
