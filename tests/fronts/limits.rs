//! What a proxy cannot do, whatever stands behind it, each with its reason. A limit that does not exist any more is a
//! failure of the tests, so that this list stays true.

use crate::client::Version;

/// Why something does not hold in a column and a version of HTTP, if it is the proxy's doing.
pub(crate) fn limit(column: &str, sentence: &str, version: Version) -> Option<&'static Limit> {
    LIMITS.iter().find(|limit| {
        limit.columns.contains(&column) && sentence.contains(limit.row) && limit.versions.contains(&version)
    })
}

pub(crate) struct Limit {
    columns: &'static [&'static str],
    /// Words of the sentence.
    row: &'static str,
    versions: &'static [Version],
    pub(crate) reason: &'static str,
    /// It depends on the moment. All others must fail each time.
    pub(crate) is_sometimes: bool,
}

const fn limit_of(
    columns: &'static [&'static str],
    row: &'static str,
    versions: &'static [Version],
    reason: &'static str,
) -> Limit {
    Limit { columns, row, versions, reason, is_sometimes: false }
}

/// The same, where it depends on the moment.
const fn not_always(
    columns: &'static [&'static str],
    row: &'static str,
    versions: &'static [Version],
    reason: &'static str,
) -> Limit {
    Limit { is_sometimes: true, ..limit_of(columns, row, versions, reason) }
}

const LIMITS: &[Limit] = &[
    limit_of(
        &["HAProxy", "HAProxy, h2c", "HAProxy, Unix"],
        "the authority has the port",
        H2,
        "HAProxy takes the default port off an authority of HTTP/2: `a:443` becomes `a` (RFC 3986 section 6.2.3).",
    ),
    limit_of(
        &["nginx", "nginx, Unix", "Caddy, nginx"],
        "trailers of a response",
        BOTH,
        "nginx drops the trailers of a response, except for gRPC.",
    ),
    limit_of(
        &["nginx", "nginx, Unix", "Caddy, nginx"],
        "trailers of a request",
        BOTH,
        "nginx drops the trailers of a request, and over HTTP/2 refuses them.",
    ),
    limit_of(
        &["Apache", "Apache, Unix"],
        "trailers of",
        BOTH,
        "Apache's mod_proxy_http drops trailers in both directions.",
    ),
    limit_of(&["Apache, h2c"], "trailers of a response", H1, "Apache sends no trailers to clients of HTTP/1.1."),
    limit_of(
        &["Caddy", "Caddy, h2c", "Caddy, Unix"],
        "trailers of a request",
        BOTH,
        "Caddy drops the trailers of a request.",
    ),
    limit_of(
        &["nginx", "nginx, Unix"],
        "the app's read asks for the content",
        H2,
        "nginx never sends 100 over HTTP/2, so the client has to send its content without.",
    ),
    limit_of(
        &["nginx", "nginx, Unix"],
        "an app that does not read never asks",
        H1,
        "nginx answers `Expect: 100-continue` itself.",
    ),
    limit_of(
        &["Caddy", "Caddy, h2c", "Caddy, Unix", "Caddy, nginx"],
        "an app that does not read never asks",
        BOTH,
        "Caddy answers `Expect: 100-continue` itself.",
    ),
    limit_of(
        &["Apache", "Apache, Unix"],
        "content goes both ways",
        BOTH,
        "Apache's mod_proxy_http reads the response when it has sent the whole request. Its mod_proxy_http2 does not wait.",
    ),
    limit_of(
        &["Caddy", "Caddy, h2c", "Caddy, Unix", "Caddy, nginx"],
        "content goes both ways",
        H1,
        "Caddy before 2.7 reads the whole request before it answers a client of HTTP/1.1.",
    ),
    not_always(
        &["nginx", "Caddy", "Caddy, nginx"],
        "an app that waits learns",
        BOTH,
        "nginx and Caddy close their connection to the app, which TCP tells only as the end of what they send. A client may end its \
         request so and wait for the response, so the app learns it when it sends. A Unix socket and h2c tell the difference.",
    ),
    not_always(
        &["Apache", "Apache, Unix", "Apache, h2c"],
        "an app that waits learns",
        BOTH,
        "Apache notices that a client has left when it sends it something.",
    ),
    not_always(
        &["HAProxy"],
        "an app that waits learns",
        BOTH,
        "Behind HAProxy the app learns it at once, but in some runs only when it sends.",
    ),
    limit_of(
        &["nginx", "nginx, Unix", "Caddy", "Caddy, h2c", "Caddy, Unix", "Caddy, nginx"],
        "WebSocket",
        H2,
        "nginx and Caddy know no WebSocket over HTTP/2 (RFC 8441). Browsers then use HTTP/1.1.",
    ),
    limit_of(
        &["Caddy, nginx"],
        "gRPC",
        H2,
        "nginx before 1.25 accepts HTTP/1.1 or HTTP/2 without TLS at a port, and not both.",
    ),
    limit_of(
        &["nginx", "nginx, Unix", "Caddy, nginx"],
        "103",
        H2,
        "nginx before 1.29 takes 103 for the response, and what comes behind it for content: an app must not send it.",
    ),
    not_always(
        &["Apache, h2c"],
        "103",
        BOTH,
        "Apache's mod_proxy_http2 passes 103 on only if the response comes late enough.",
    ),
];

const H1: &[Version] = &[Version::Http1];
const H2: &[Version] = &[Version::Http2];
const BOTH: &[Version] = &[Version::Http1, Version::Http2];
