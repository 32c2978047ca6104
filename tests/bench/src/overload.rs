//! More than a server can do.

use crate::args::Args;
use crate::load::Load;
use crate::process::Contender;
use crate::report::Report;

/// Twice as many requests as the server can answer, of a guest that computes a few milliseconds.
pub(crate) fn overload(args: &Args, report: &mut Report) -> anyhow::Result<()> {
    let file = tempfile::Builder::new().suffix(".toml").tempfile()?;
    let guest = args.guests.join("computes.wasm").canonicalize()?;
    let (instances, queue, path) = (4, 8, "/5");
    let text = format!(
        "[server]\nworkers = 1\ncache = \"none\"\n[endpoints.http]\nurl = \"http://127.0.0.1:0\"\n[apps.computes]\n\
         component = {guest:?}\nlimits = {{ max-instances = {instances}, max-queue = {queue} }}\n"
    );
    std::fs::write(file.path(), text)?;
    let contender = Contender::new(&args.windhover, ["serve".into(), "--config".into(), file.path().into()]);
    let mut rounds = Vec::new();
    for _ in 0..args.rounds {
        let server = contender.start()?;
        let peak = Load::get(path).connections(instances).run(&server, args.seconds)?;
        let twice = Load::get(path).rate(2.0 * peak.requests_per_second).run(&server, args.seconds)?;
        rounds.push((twice.requests_per_second / peak.requests_per_second, peak, twice));
    }
    rounds.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (goodput, peak, twice) = &rounds[rounds.len() / 2];
    report.say(format!(
        "Twice as much as it can do: a guest that computes for {:.1} ms, {instances} instances at once and {queue} \
         requests that wait. {:.0} requests/s are answered when {instances} clients ask, p99 {:.0} ms; of {:.0} a second \
         {:.0} are answered ({:.0} %), p99 {:.0} ms, and {:.0} are refused, each with 503 and Retry-After.\n",
        peak.cpu_microseconds / 1e3,
        peak.requests_per_second,
        peak.p99.as_secs_f64() * 1e3,
        2.0 * peak.requests_per_second,
        twice.requests_per_second,
        goodput * 100.0,
        twice.p99.as_secs_f64() * 1e3,
        twice.refused_per_second,
    ));
    Ok(())
}
