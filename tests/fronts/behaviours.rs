//! The rows of the table: what holds on every server and behind every proxy.

mod content;
mod facts;
mod messages;
mod streams;

use std::pin::Pin;

use anyhow::Result;

use crate::client::Version;
use crate::columns::Front;

pub(crate) type Behaviour = for<'f> fn(&'f Front, Version) -> Pin<Box<dyn Future<Output = Result<()>> + Send + 'f>>;

/// A row.
pub(crate) struct Row {
    /// For the table and for the list of limits.
    pub(crate) sentence: &'static str,
    pub(crate) behaviour: Behaviour,
    /// The versions in which it means something.
    pub(crate) versions: &'static [Version],
}

impl Row {
    /// Whether nothing else may go on meanwhile.
    pub(crate) fn is_alone(&self) -> bool {
        // nginx takes 103 for the response, and what comes behind it for part of it.
        self.sentence.ends_with("flat memory") || self.sentence.starts_with("103")
    }
}

macro_rules! rows {
    ($($sentence:literal, $versions:expr, $behaviour:path;)*) => {
        pub(crate) const ROWS: &[Row] = &[$(Row {
            sentence: $sentence,
            behaviour: |front, version| Box::pin($behaviour(front, version)),
            versions: $versions,
        }),*];
    };
}

rows! {
    "method, scheme, authority, path and query are the client's", BOTH, facts::request;
    "the authority has the port that the client wrote, or none", BOTH, facts::authority;
    "`connection` and `tls` tell what is true", BOTH, facts::connection;
    "`server-variables` agree with the rest", BOTH, facts::variables;
    "`/a%20b`, `/a%2Fb`, `//`, `%C3%A9`, `%25` and `/.` arrive as they were sent", BOTH, facts::paths;
    "queries arrive as they were sent: empty, escaped, with `?` and `/`", BOTH, facts::queries;
    "an app below a path knows its path base", BOTH, facts::path_base;
    "what a client claims about itself reaches no app", BOTH, facts::spoofed;
    "fields arrive: repeated, empty, of 7 KiB", BOTH, messages::fields;
    "HEAD has no content, and the length of GET", BOTH, messages::head;
    "204 and 304 have no content", BOTH, messages::no_content;
    "three Set-Cookie stay three", BOTH, messages::cookies;
    "trailers of a response arrive", BOTH, messages::response_trailers;
    "trailers of a request arrive", BOTH, messages::request_trailers;
    "`Expect: 100-continue`: the app's read asks for the content", BOTH, content::continues;
    "`Expect: 100-continue`: an app that does not read never asks", BOTH, content::declines;
    "a response arrives although the upload goes on", BOTH, content::early_answer;
    "content goes both ways at once", BOTH, content::both_ways;
    "64 MiB up, with flat memory", BOTH, content::upload;
    "64 MiB down, with flat memory", BOTH, content::download;
    "a server-sent event arrives at once", BOTH, streams::event;
    "an app that goes on sending learns that its client has left", BOTH, streams::client_leaves;
    "an app that waits learns that its client has left", BOTH, streams::client_leaves_silence;
    "WebSocket", BOTH, streams::websocket;
    "gRPC", &[Version::Http2], streams::grpc;
    "103 arrives before the response", BOTH, messages::early_hints;
}

const BOTH: &[Version] = &[Version::Http1, Version::Http2];
