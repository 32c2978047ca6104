//! What is not exactly HTTP/1.1, through each proxy: as many requests as the proxy says that it passed on, Windhover
//! answered, and nobody gets the answer to another's request.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures_util::StreamExt;
use futures_util::stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use windhover_tests::strict::{CODINGS, FIELD_LINES, FRAMINGS, LENGTHS, REQUEST_LINES, UNUSUAL_FRAMINGS, targets};

use crate::client::Version;
use crate::columns::Front;

/// Sends all inputs, and asks for something else meanwhile. Gives how many there were, and how many came through.
pub(crate) async fn smuggle(front: &Front) -> Result<(usize, usize)> {
    let inputs = inputs();
    let before = counts(front);
    let sending = stream::iter(&inputs).for_each_concurrent(64, |input| async {
        let _ = send(front, input).await; // the proxy may end the connection whenever it likes
    });
    let asking = async {
        for round in 0..PROBES {
            probe(front, round).await?;
        }
        anyhow::Ok(())
    };
    let ((), asked) = tokio::join!(sending, asking);
    asked?;
    for round in PROBES..2 * PROBES {
        probe(front, round).await?;
    }
    // The last lines of the logs may be on their way.
    let began = Instant::now();
    let (mut forwarded, mut answered) = (0, 0);
    while began.elapsed() < LIMIT {
        let now = counts(front);
        (forwarded, answered) = (now.0 - before.0, now.1 - before.1);
        if forwarded == answered && began.elapsed() > Duration::from_millis(500) {
            ensure!(forwarded >= 2 * PROBES, "only {forwarded} requests were passed on");
            return Ok((inputs.len(), forwarded));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("the proxy says that it passed on {forwarded} requests, and Windhover answered {answered}")
}

/// What the nearest proxy has passed on, and what Windhover has answered.
fn counts(front: &Front) -> (usize, usize) {
    let (proxy, process) = front.proxies.last().expect("there is a proxy");
    let said = front.windhover.process.said();
    // What is refused before any app sees it is answered too.
    let answered = said.lines().filter(|line| line.contains(" exchange ") || line.contains(" rejected ")).count();
    (proxy.forwarded(process), answered)
}

async fn probe(front: &Front, round: usize) -> Result<()> {
    let path = format!("/probe-{round}");
    let version = if round.is_multiple_of(2) { Version::Http1 } else { Version::Http2 };
    let answer = tokio::time::timeout(LIMIT, front.target.get(version, &path)).await.context("a probe")??;
    ensure!(answer.text() == format!("GET {path}\n"), "{path} gets {:?}", answer.text());
    Ok(())
}

async fn send(front: &Front, input: &[u8]) -> Result<()> {
    let mut stream = front.target.connect(Version::Http1).await?;
    stream.write_all(input).await?;
    stream.flush().await?;
    let mut came = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut came)).await;
    Ok(())
}

/// Each input of the tests of strictness and each seed of the fuzz targets, alone and with a request behind it.
fn inputs() -> Vec<Vec<u8>> {
    let mut inputs = Vec::new();
    let head = |line: &[u8]| [line, b"host: localhost\r\n\r\n"].concat();
    inputs.extend(REQUEST_LINES.iter().map(|line| head(line)));
    for line in FIELD_LINES {
        inputs.push(head(&[b"GET /field HTTP/1.1\r\n", *line].concat()));
        inputs.push(head(&[b"GET /field HTTP/1.1\r\nx: y\r\n", *line].concat()));
    }
    for fields in LENGTHS.iter().chain(CODINGS) {
        let post = format!("POST /count HTTP/1.1\r\nhost: localhost\r\n{fields}\r\n\r\n");
        inputs.push(format!("{post}a").into_bytes());
        inputs.push(format!("{post}1\r\na\r\n0\r\n\r\n").into_bytes());
        inputs.push(format!("{post}0\r\n\r\n").into_bytes());
    }
    let chunked = "POST /count HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n";
    for framing in FRAMINGS {
        inputs.push([chunked.as_bytes(), b"3\r\nabc\r\n", *framing, b"x\r\n0\r\n\r\n"].concat());
    }
    inputs.extend(UNUSUAL_FRAMINGS.iter().map(|content| format!("{chunked}{content}").into_bytes()));
    for target in targets() {
        inputs.push(head(&[b"GET ", &target[..], b" HTTP/1.1\r\n"].concat()));
    }
    inputs.extend(SEEDS.iter().map(|(skip, seed)| seed[*skip..].to_vec()));
    let behind = inputs.iter().map(|input| [input, &b"GET /behind HTTP/1.1\r\nhost: localhost\r\n\r\n"[..]].concat());
    let behind: Vec<_> = behind.collect();
    inputs.extend(behind);
    inputs
}

/// Those of HTTP/1.1, and how many of their first bytes tell the target how to read the others.
const SEEDS: &[(usize, &[u8])] = &[
    (2, include_bytes!("../fuzz/seeds/strict/requests")),
    (1, include_bytes!("../fuzz/seeds/agreement/requests")),
    (0, include_bytes!("../fuzz/seeds/connection/chunks")),
    (0, include_bytes!("../fuzz/seeds/connection/get")),
    (0, include_bytes!("../fuzz/seeds/connection/length")),
    (0, include_bytes!("../fuzz/seeds/connection/upgrade")),
];

const PROBES: usize = 25;

/// How long a client waits for the end of a connection that the proxy may keep.
const PATIENCE: Duration = Duration::from_millis(150);

const LIMIT: Duration = Duration::from_secs(15);
