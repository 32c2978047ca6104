//! `windhover profile`: measures where an app spends its time.

use std::collections::HashMap;
use std::fmt::{self, Write};
use std::fs;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, bail};
use bytes::Bytes;
use fxprof_processed_profile::{
    CategoryHandle, CpuDelta, Frame, FrameFlags, FrameInfo, Profile as Written, SamplingInterval, Timestamp,
};
use http::Request;
use windhover_sandbox::{Function, Profile, Seen};

use crate::args::authoring;
use crate::output;
use windhover_server::say;
use windhover_server::testing::App;

/// Sends requests for the given time, writes the samples, and prints the most frequent functions. No samples: an error.
pub(crate) fn profile(args: &authoring::Profile) -> anyhow::Result<ExitCode> {
    let content = match &args.content {
        Some(file) => Bytes::from(fs::read(file).with_context(|| format!("cannot read {}", file.display()))?),
        None => Bytes::new(),
    };
    let request = || {
        let builder = Request::builder().method(args.method.as_str()).uri(&args.path);
        builder.body(content.clone()).with_context(|| format!("cannot send {} {}", args.method, args.path))
    };
    request()?; // before seconds of compiling
    let app = match &args.app {
        Some(app) => App::load(app)?,
        None => App::configured(&args.config)?,
    };
    let first = app.call(request()?).with_context(|| format!("{} {}", args.method, args.path))?;
    let profile = Arc::new(Profile::default());
    app.record(&profile);
    let (until, mut requests) = (Instant::now() + Duration::from_secs(args.seconds), 0_u64);
    while Instant::now() < until {
        app.call(request()?)?;
        requests += 1;
    }
    let seen = profile.seen();
    let what = format!("{requests} times {} {} (status {})", args.method, args.path, first.status().as_u16());
    if seen.samples.is_empty() {
        bail!(
            "{what} took {} s, but there is no sample of the app; choose a request that takes longer, or more seconds",
            args.seconds
        );
    }
    output::write(&args.out, &serde_json::to_vec(&written(&what, &seen)).context("it cannot be written as JSON")?)?;
    say(&format!("{what}: {} samples in {}", seen.samples.len(), args.out.display()));
    say("Open it at https://profiler.firefox.com. Most of the time went to:");
    for (function, share) in heaviest(&seen) {
        say(&format!("  {share:5.1} %  {}", label(function)));
    }
    Ok(ExitCode::SUCCESS)
}

/// The samples in the format of the Firefox Profiler.
fn written(what: &str, seen: &Seen) -> Written {
    let interval = SamplingInterval::from_nanos(Profile::INTERVAL.as_nanos() as u64);
    let mut written = Written::new("windhover", SystemTime::now().into(), interval);
    let start = Timestamp::from_nanos_since_reference(0);
    let process = written.add_process(what, std::process::id(), start);
    let thread = written.add_thread(process, std::process::id(), start, false);
    written.set_thread_name(thread, "guests");
    let labels: Vec<_> = seen.functions.iter().map(|function| written.intern_string(&label(function))).collect();
    for sample in &seen.samples {
        let frames = sample.stack.iter().filter_map(|function| labels.get(*function)).map(|label| FrameInfo {
            frame: Frame::Label(*label),
            category_pair: CategoryHandle::OTHER.into(),
            flags: FrameFlags::empty(),
        });
        let stack = written.intern_stack_frames(thread, frames.collect::<Vec<_>>().into_iter());
        let at = Timestamp::from_nanos_since_reference(sample.at.as_nanos() as u64);
        written.add_sample(thread, at, stack, CpuDelta::from_nanos(Profile::INTERVAL.as_nanos() as u64), 1);
    }
    written
}

/// The functions that were innermost in most samples, with their share in percent.
fn heaviest(seen: &Seen) -> Vec<(&Function, f64)> {
    let mut counts: HashMap<usize, usize> = HashMap::new();
    for innermost in seen.samples.iter().filter_map(|sample| sample.stack.last()) {
        *counts.entry(*innermost).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(function, count)| (std::cmp::Reverse(*count), *function));
    let share = |count: usize| count as f64 * 100.0 / seen.samples.len() as f64;
    let told = counts.into_iter().take(MOST_TOLD);
    told.filter_map(|(function, count)| Some((seen.functions.get(function)?, share(count)))).collect()
}

/// The function, and where it is.
fn label(function: &Function) -> String {
    let name = readable(&function.name);
    match &function.place {
        Some((file, line)) => format!("{name} ({file}:{line})"),
        None => name,
    }
}

/// Demangles a Rust name. A short name can expand to gigabytes; such a name stays as it is.
fn readable(name: &str) -> String {
    let mut readable = Bounded(String::new());
    match rustc_demangle::try_demangle(name) {
        Ok(demangled) if write!(readable, "{demangled:#}").is_ok() => readable.0,
        _ => name.to_owned(),
    }
}

struct Bounded(String);

impl fmt::Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.0.len() + text.len() > LONGEST_NAME {
            return Err(fmt::Error);
        }
        self.0.push_str(text);
        Ok(())
    }
}

const MOST_TOLD: usize = 10;

const LONGEST_NAME: usize = 2000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_rust_are_readable_and_others_as_they_are() {
        assert_eq!(readable("_ZN4core3fmt9Formatter3pad17h0123456789abcdefE"), "core::fmt::Formatter::pad");
        assert_eq!(readable("exports_app_handle"), "exports_app_handle");
        // A type of v0 mangling that holds itself twice, again and again.
        let bomb = format!("_RMC0T{}E", "T".repeat(30) + &"uE".repeat(30));
        assert!(readable(&bomb).len() <= LONGEST_NAME);
    }
}
