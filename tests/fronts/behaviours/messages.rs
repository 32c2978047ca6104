//! Fields, statuses and trailers.

use anyhow::{Result, ensure};

use super::facts::facts;
use crate::client::{Content, Request, Version};
use crate::columns::Front;

pub(super) async fn fields(front: &Front, version: Version) -> Result<()> {
    let long = "x".repeat(7 << 10);
    let fields = [("x-one", "1"), ("x-two", "a"), ("x-two", "b"), ("x-long", &long), ("x-last", "é~\"")];
    let answer = front.target.ask(version, &Request { fields: &fields, ..Request::get("/facts") }, b"").await?;
    facts(&answer)?;
    let text = answer.text();
    let all = |name: &str| {
        let prefix = format!("field {name}: ");
        text.lines().filter_map(|line| line.strip_prefix(&prefix)).collect::<Vec<_>>().join(", ")
    };
    ensure!(all("x-one") == "1" && all("x-two").replace(", ", ",") == "a,b", "{} {}", all("x-one"), all("x-two"));
    ensure!(all("x-long") == long, "{} bytes of 7 KiB", all("x-long").len());
    ensure!(all("x-last") == "\\xc3\\xa9~\\\"", "{}", all("x-last"));
    Ok(())
}

pub(super) async fn head(front: &Front, version: Version) -> Result<()> {
    let answer = front.target.ask(version, &Request { method: "HEAD", ..Request::get("/head") }, b"").await?;
    ensure!(answer.head.status == 200 && answer.content.is_empty(), "{:?}", answer.head);
    ensure!(answer.head.all("content-length") == ["12345"], "{:?}", answer.head);
    ensure!(answer.head.all("x-method") == ["HEAD"], "{:?}", answer.head);
    Ok(())
}

pub(super) async fn no_content(front: &Front, version: Version) -> Result<()> {
    for status in [204, 304] {
        let answer = front.target.get(version, &format!("/status?{status}")).await?;
        ensure!(answer.head.status == status && answer.content.is_empty(), "{:?}", answer.head);
        ensure!(answer.head.all("etag") == ["\"one\""], "{:?}", answer.head);
        ensure!(answer.head.all("transfer-encoding").is_empty(), "{:?}", answer.head);
    }
    Ok(())
}

pub(super) async fn cookies(front: &Front, version: Version) -> Result<()> {
    let answer = front.target.get(version, "/cookies").await?;
    let expected = ["one=1; Path=/", "two=2; Expires=Wed, 21 Oct 2065 07:28:00 GMT", "three=\"3,4\"; HttpOnly"];
    ensure!(answer.head.all("set-cookie") == expected, "{:?}", answer.head);
    Ok(())
}

pub(super) async fn response_trailers(front: &Front, version: Version) -> Result<()> {
    let request = Request { fields: &[("te", "trailers")], ..Request::get("/trailers") };
    let answer = front.target.ask(version, &request, b"").await?;
    ensure!(answer.text() == "content\n", "{:?}", answer.text());
    let trailers: Vec<_> = answer.trailers.iter().map(|(name, value)| (&**name, &**value)).collect();
    ensure!(
        trailers.contains(&("x-sum", "8")) && trailers.contains(&("x-end", "yes")),
        "the trailers are {trailers:?}"
    );
    Ok(())
}

pub(super) async fn request_trailers(front: &Front, version: Version) -> Result<()> {
    let request = Request { fields: &[("trailer", "x-sum")], ..Request::post("/request-trailers", Content::Streamed) };
    let mut exchange = front.target.begin(version, &request).await?;
    exchange.send(b"content").await?;
    exchange.finish(&[("x-sum", "7")]).await?;
    let answer = exchange.answer().await?;
    ensure!(answer.head.status == 200 && answer.text() == "x-sum: 7\n", "the app's trailers are {:?}", answer.text());
    Ok(())
}

pub(super) async fn early_hints(front: &Front, version: Version) -> Result<()> {
    let answer = front.target.get(version, "/hints").await?;
    ensure!(answer.head.status == 200 && answer.text() == "after the hint\n", "{answer:?}");
    let hint = answer.interim.iter().find(|head| head.status == 103);
    let link = hint.map(|head| head.all("link").join(", "));
    ensure!(
        link.as_deref() == Some("</style.css>; rel=preload; as=style"),
        "the interim responses: {:?}",
        answer.interim
    );
    Ok(())
}
