//! Load by wrk: 64 keep-alive connections from one thread on the second core.

use std::process::Stdio;

use anyhow::{Context, bail};

use crate::process::{Server, pinned};

/// What one run of load cost the server.
pub(crate) struct Cost {
    pub(crate) requests_per_second: f64,
    pub(crate) cpu_microseconds: f64,
}

/// Loads the server for some seconds. Any failed request fails the measurement.
pub(crate) fn run(server: &Server, seconds: u64) -> anyhow::Result<Cost> {
    let before = server.cpu_time()?;
    let output = pinned(LOAD_CORE)
        .args(["wrk", "--threads", "1", "--connections", "64", "--duration", &format!("{seconds}s")])
        .arg(format!("http://{}/", server.address))
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run taskset and wrk; on Debian: apt-get install wrk util-linux")?;
    let report = String::from_utf8(output.stdout)?;
    let after = server.cpu_time()?;
    if !output.status.success() || report.contains("Non-2xx") || report.contains("Socket errors") {
        bail!("the load failed (is wrk installed? on Debian: apt-get install wrk):\n{report}");
    }
    let requests: f64 = number(&report, |line| line.trim().split_once(" requests in ").map(|(count, _)| count))?;
    let requests_per_second = number(&report, |line| line.strip_prefix("Requests/sec:"))?;
    Ok(Cost { requests_per_second, cpu_microseconds: (after - before) as f64 / 1000.0 / requests })
}

fn number(report: &str, find: impl Fn(&str) -> Option<&str>) -> anyhow::Result<f64> {
    let found = report.lines().find_map(find).with_context(|| format!("wrk's report is not as expected:\n{report}"))?;
    Ok(found.trim().parse()?)
}

const LOAD_CORE: usize = 1;
