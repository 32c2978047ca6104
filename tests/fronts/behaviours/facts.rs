//! What the app is told about the request is what the client sent.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};

use crate::client::{Answer, CLIENT, Request, Version};
use crate::columns::Front;
use crate::windhover::Endpoint;

/// The facts that the guest tells, by name.
pub(super) fn facts(answer: &Answer) -> Result<BTreeMap<String, String>> {
    ensure!(answer.head.status == 200, "{}: {}", answer.head.status, answer.text());
    let text = answer.text();
    Ok(text.lines().filter_map(|line| line.split_once(": ")).map(|(name, value)| (name.into(), value.into())).collect())
}

fn expect(facts: &BTreeMap<String, String>, expected: &[(&str, &str)]) -> Result<()> {
    for (name, value) in expected {
        let told = facts.get(*name).with_context(|| format!("{name} is not told: {facts:?}"))?;
        ensure!(told == value, "{name} is {told:?} and not {value:?}");
    }
    Ok(())
}

fn scheme(front: &Front) -> &'static str {
    if front.target.is_secure || front.windhover.endpoint == Endpoint::Proxied { "https" } else { "http" }
}

/// Whether there is no proxy, or one that does not look into what it passes on.
fn speaks_with_client(front: &Front) -> bool {
    front.proxies.is_empty() || front.windhover.endpoint == Endpoint::Proxied
}

pub(super) async fn request(front: &Front, version: Version) -> Result<()> {
    let answer = front.target.get(version, "/facts?a=b&c").await?;
    let authority = front.target.authority();
    expect(
        &facts(&answer)?,
        &[
            ("method", "GET"),
            ("scheme", scheme(front)),
            ("authority", &authority),
            ("path-base", ""),
            ("path", "/facts"),
            ("query", "Some(\"a=b&c\")"),
            ("raw-target", "/facts?a=b&c"),
        ],
    )
}

pub(super) async fn authority(front: &Front, version: Version) -> Result<()> {
    for host in ["localhost", "localhost:1234", "LOCALHOST:80", "sub.localhost:443"] {
        let answer = front.target.ask(version, &Request { host: Some(host), ..Request::get("/facts") }, b"").await?;
        let told = facts(&answer)?;
        let told = &told["authority"];
        ensure!(told.eq_ignore_ascii_case(host), "the authority of {host} is {told:?}");
    }
    Ok(())
}

pub(super) async fn connection(front: &Front, version: Version) -> Result<()> {
    let facts = facts(&front.target.get(version, "/facts").await?)?;
    let remote = facts["remote"].split(' ').next();
    ensure!(remote == Some(&CLIENT.to_string()), "the remote end is {:?}", facts["remote"]);
    if speaks_with_client(front) && front.target.is_secure {
        let alpn = if version == Version::Http2 { "h2" } else { "http/1.1" };
        expect(&facts, &[("tls", &format!("TLSv1.3 {alpn} localhost"))])?;
    } else {
        expect(&facts, &[("tls", "none")])?;
    }
    expect(&facts, &[("client-certificates", "0"), ("user", "none"), ("addresses", "true")])
}

pub(super) async fn variables(front: &Front, version: Version) -> Result<()> {
    let request = Request { fields: &[("x-custom", "value")], ..Request::get("/facts?q=%20") };
    let facts = facts(&front.target.ask(version, &request, b"").await?)?;
    let scheme = scheme(front);
    let port = front.target.port.to_string();
    expect(
        &facts,
        &[
            ("CONTENT_LENGTH", "none"),
            ("HTTPS", if scheme == "https" { "on" } else { "off" }),
            ("PATH_INFO", "/facts"),
            ("QUERY_STRING", "q=%20"),
            ("REMOTE_ADDR", facts["remote"].split(' ').next().unwrap_or_default()),
            ("REQUEST_METHOD", "GET"),
            ("REQUEST_SCHEME", scheme),
            ("REQUEST_URI", "/facts?q=%20"),
            ("SERVER_NAME", "localhost"),
            ("SERVER_PORT", &port),
            ("HTTP_X_CUSTOM", "value"),
        ],
    )
}

pub(super) async fn paths(front: &Front, version: Version) -> Result<()> {
    for path in [
        "/below/this/../../facts",
        "/facts/",
        "/a%20b",
        "/a%2Fb",
        "/a%2fb",
        "//a//b",
        "/%C3%A9%E6%97%A5",
        "/a%25b",
        "/a/./b",
        "/a;b=c,d!$&'()*+@:~",
        "/%61",
        "/a%5Cb",
    ] {
        let target = format!("/below/this{path}?told");
        let answer =
            front.target.ask(version, &Request { fields: &[("want", "target")], ..Request::get(&target) }, b"").await?;
        let told = answer.text();
        ensure!(told.trim_end() == target, "{target} arrives as {told:?}");
    }
    Ok(())
}

pub(super) async fn queries(front: &Front, version: Version) -> Result<()> {
    for query in ["", "?", "?a", "?a=%2F%20+b", "?a?b/c//", "?%C3%A9=%zz", "?a=b&a=c&;"] {
        let target = format!("/query{query}");
        let request = Request { fields: &[("want", "target")], ..Request::get(&target) };
        let told = front.target.ask(version, &request, b"").await?.text();
        ensure!(told.trim_end() == target, "{target} arrives as {told:?}");
    }
    Ok(())
}

pub(super) async fn path_base(front: &Front, version: Version) -> Result<()> {
    let answer = front.target.get(version, "/below/this/facts").await?;
    let expected =
        [("path-base", "/below/this"), ("path", "/facts"), ("SCRIPT_NAME", "/below/this"), ("PATH_INFO", "/facts")];
    expect(&facts(&answer)?, &expected)
}

pub(super) async fn spoofed(front: &Front, version: Version) -> Result<()> {
    let claims = [
        ("x-forwarded-for", "203.0.113.9"),
        ("x-forwarded-for", "203.0.113.10, 203.0.113.11"),
        ("x-forwarded-proto", "spoofed"),
        ("x-forwarded-host", "spoofed.example"),
        ("x-forwarded-port", "9"),
        ("x-forwarded-prefix", "/spoofed"),
        ("x-real-ip", "203.0.113.9"),
        ("forwarded", "for=203.0.113.9;proto=spoofed;host=spoofed.example"),
        ("client-cert", ":c3Bvb2ZlZA==:"),
        ("client-cert-chain", ":c3Bvb2ZlZA==:"),
    ];
    let answer = front.target.ask(version, &Request { fields: &claims, ..Request::get("/facts") }, b"").await?;
    let told = answer.text();
    let facts = facts(&answer)?;
    let authority = front.target.authority();
    expect(&facts, &[("scheme", scheme(front)), ("authority", &authority), ("path-base", "")])?;
    ensure!(facts["remote"].starts_with(&CLIENT.to_string()), "the remote end is {:?}", facts["remote"]);
    for claim in ["203.0.113", "spoofed", "c3Bvb2ZlZA"] {
        ensure!(!told.contains(claim), "{claim} reaches the app:\n{told}");
    }
    if version == Version::Http1 {
        // A proxy that takes off what `Connection` names must not take off what it says itself.
        let named = [("connection", "x-forwarded-for, x-forwarded-proto, x-forwarded-host")];
        let answer = front.target.ask(version, &Request { fields: &named, ..Request::get("/facts") }, b"").await?;
        let facts = self::facts(&answer)?;
        expect(&facts, &[("scheme", scheme(front)), ("authority", &authority)])?;
        ensure!(facts["remote"].starts_with(&CLIENT.to_string()), "the remote end is {:?}", facts["remote"]);
    }
    Ok(())
}
