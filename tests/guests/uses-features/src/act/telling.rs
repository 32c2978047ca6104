//! Facts, as text.

use crate::windhover::http::{authentication, identifier, reset, server_variables, telemetry, tls};

pub fn tell(topic: &str, query: &str) -> String {
    match topic {
        "authentication" => match authentication::current() {
            Some(user) => format!("{} by {}", user.name, user.method),
            None => "nobody".into(),
        },
        "identifier" => identifier::request_id(),
        "trace" => match identifier::trace() {
            Some(trace) => {
                format!("{} {} {} {}", trace.trace_id, trace.parent_id, trace.trace_flags, trace.state)
            }
            None => "none".into(),
        },
        "reset" => {
            let outcome = reset::reset(query.parse().unwrap()).map_err(|error| error.name());
            format!("possible: {}, {outcome:?}", reset::is_possible())
        }
        "tls" => match tls::current() {
            Some(session) => format!("{session:?} {:?}", tls::client_certificates()),
            None => format!("plain {:?}", tls::client_certificates()),
        },
        "telemetry" => {
            let (name, value) = query.split_once('=').unwrap();
            let value = value.replace("LONG", &"x".repeat(257));
            format!("{:?}", telemetry::set_tag(name, &value).map_err(|error| error.name()))
        }
        "many-tags" => {
            let outcomes = (0..17).map(|tag| telemetry::set_tag(&format!("tag-{tag}"), "x").is_ok());
            let taken = outcomes.filter(|taken| *taken).count();
            format!("{taken} of 17, and again {:?}", telemetry::set_tag("tag-0", "y").is_ok())
        }
        "variables" => {
            let value = |name: &str| server_variables::get(name).unwrap_or_else(|| "(none)".into());
            query.split(',').map(|name| format!("{name}={}", value(name))).collect::<Vec<_>>().join("\n")
        }
        topic => panic!("no such topic: {topic}"),
    }
}
