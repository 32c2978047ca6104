//! What a proxy has to know of a Windhover configuration, whichever proxy it is.

use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use windhover_server::config::Config;
use windhover_server::config::file::{Endpoint, ForwardedFields, Protocols, ProxyProtocol as Required};
use windhover_server::route::HostPattern;

use crate::args::front::{Front, Listen, Protocol, Proxy, ProxyProtocol};
use crate::settings::DEFAULT_URL;

/// What a proxy has to know.
pub(super) struct Plan {
    /// The endpoint's.
    pub(super) name: String,
    pub(super) upstream: Upstream,
    /// Between the proxy and the endpoint.
    pub(super) protocol: Protocol,
    /// Whether the endpoint takes HTTP/2 without TLS, which gRPC needs.
    pub(super) takes_h2c: bool,
    /// Whether connections are passed on as they are.
    pub(super) proxy_protocol: Option<ProxyProtocol>,
    /// Empty: every host.
    pub(super) hosts: Vec<String>,
    pub(super) listen: Listen,
    /// Certificate and key, if they were given.
    pub(super) certificate: Option<(PathBuf, PathBuf)>,
    /// Whether another proxy stands before this one.
    pub(super) is_inner: bool,
    /// Bytes. `None`: there is no limit.
    pub(super) max_body: Option<u64>,
    /// Bytes of the request line, and of the fields.
    pub(super) max_head: (u64, u64),
    /// How long the proxy may keep an idle connection: less than Windhover does, so that the proxy never sends a request
    /// into a connection that Windhover closes.
    pub(super) keep_alive: Duration,
    /// Host and port of `/readyz`.
    pub(super) health: Option<(String, u16)>,
    /// Whether the file trusts a proxy already.
    trusts: bool,
    /// Whether its url is a Unix socket with a file, which lets in a group.
    is_url_of_file: bool,
}

/// A line of configuration for each field that only a trusted proxy may send and that none of these proxies sets itself.
pub(super) fn for_each_removed(line: impl Fn(&str) -> String) -> String {
    ["X-Forwarded-Port", "X-Forwarded-Prefix", "X-Real-IP", "Forwarded", "Client-Cert", "Client-Cert-Chain"]
        .map(line)
        .concat()
}

/// Where the endpoint is.
pub(super) enum Upstream {
    /// A host, in brackets if it is an IPv6 address, and a port.
    Tcp(String, u16),
    /// The path of a Unix socket.
    Unix(String),
}

impl Plan {
    pub(super) fn new(args: &Front, config: &Config) -> anyhow::Result<Self> {
        let (name, endpoint) = chosen(args, config)?;
        let is_secure = endpoint.url.starts_with("https:");
        let upstream = match &args.upstream {
            Some(given) => Upstream::parse(given),
            None => Upstream::parse(endpoint.url.split_once("://").map_or(&*endpoint.url, |(_, address)| address)),
        }
        .with_context(|| {
            format!("endpoint {name} at {} has no address that is known here; give --upstream", endpoint.url)
        })?;
        let own = endpoint.proxy.clone().unwrap_or_default();
        let proxy_protocol = match (own.protocol, args.proxy) {
            (Required::Off, _) => args.proxy_protocol,
            (Required::Required, Proxy::Nginx) => args.proxy_protocol.or(Some(ProxyProtocol::V1)),
            (Required::Required, _) => args.proxy_protocol.or(Some(ProxyProtocol::V2)),
        };
        if own.headers == ForwardedFields::Forwarded && proxy_protocol.is_none() {
            bail!(
                "endpoints.{name}.proxy.headers is \"forwarded\", and what this command prints sends X-Forwarded-*: set it \
                 to \"x-forwarded\""
            );
        }
        if own.client_certificate.is_some() && proxy_protocol.is_none() {
            bail!(
                "endpoints.{name}.proxy.client-certificate is set, and this command prints nothing that sets such a field: a \
                 client's own would be believed. Remove the key here, and add it with the proxy's setting for client \
                 certificates"
            );
        }
        if proxy_protocol.is_some() && !is_secure && !args.inner {
            bail!(
                "--proxy-protocol passes connections on as they are, so Windhover has to speak TLS: endpoint {name} \
                 needs an https url and tls.certificate"
            );
        }
        if proxy_protocol.is_none() && is_secure {
            bail!(
                "endpoint {name} speaks TLS, and behind a proxy that does, it needs none: give it an http or unix url, \
                 or pass connections on with --proxy-protocol"
            );
        }
        let limits = &config.written.limits;
        Ok(Self {
            protocol: protocol(args.protocol, &name, &endpoint)?,
            takes_h2c: endpoint.protocols != Protocols::Http1,
            proxy_protocol,
            trusts: !own.trusted.is_empty(),
            hosts: if args.host.is_empty() { hosts(config) } else { args.host.clone() },
            listen: args.listen,
            certificate: args.certificate.clone().map(|file| (file.clone(), args.key.clone().unwrap_or(file))),
            is_inner: args.inner,
            max_body: limits.max_request_body_size.0.map(|size| size.0),
            max_head: (limits.max_request_line_size.0, limits.max_request_fields_size.0),
            keep_alive: (limits.keep_alive_timeout.0 / 2).min(KEEP_ALIVE).max(Duration::from_secs(1)),
            health: config.written.admin.as_ref().and_then(|admin| health(&admin.url)),
            is_url_of_file: endpoint.url.starts_with("unix:/"),
            name,
            upstream,
        })
    }

    /// The lines that `windhover.toml` needs, as comments. `user` is the user of Debian's package.
    pub(super) fn needed(&self, proxy: &str, user: &str) -> String {
        let mut text = format!(
            "# {proxy} in front of Windhover's endpoint `{}`, printed by `windhover front`.\n#\n\
             # windhover.toml needs these lines, so that apps, logs and limits see the client and not the proxy:\n#\n",
            self.name
        );
        if self.is_url_of_file {
            let _ = writeln!(
                text,
                "#     # in [endpoints.{}]: the proxy's group may connect\n#     group = \"{user}\"\n#",
                self.name
            );
        }
        if self.trusts {
            text.push_str("#     none: [endpoints.NAME.proxy] is there. It must name this proxy.\n\n");
            return text.replace("NAME", &self.name);
        }
        let _ = writeln!(text, "#     [endpoints.{}.proxy]", self.name);
        match &self.upstream {
            Upstream::Unix(_) => text.push_str("#     trusted = [\"unix\"]\n"),
            Upstream::Tcp(host, _) if is_loopback(host) => text.push_str("#     trusted = [\"127.0.0.1\", \"::1\"]\n"),
            Upstream::Tcp(..) => text.push_str("#     trusted = [\"192.0.2.1\"]  # the address of this proxy\n"),
        }
        if self.proxy_protocol.is_some() {
            text.push_str("#     protocol = \"required\"\n");
        }
        if self.is_inner {
            text.push_str("#     hops = 2  # the proxy before this one must be in `trusted` too\n");
        }
        text.push('\n');
        text
    }

    /// The certificate and the key: those of certbot, if none were given.
    pub(super) fn certificate(&self) -> (String, String) {
        if let Some((certificate, key)) = &self.certificate {
            return (certificate.display().to_string(), key.display().to_string());
        }
        let folder = format!("/etc/letsencrypt/live/{}", self.host());
        (format!("{folder}/fullchain.pem"), format!("{folder}/privkey.pem"))
    }

    /// The name that the certificate is for.
    pub(super) fn host(&self) -> &str {
        self.hosts.iter().find(|host| !host.starts_with('*')).map_or("example.org", String::as_str)
    }

    /// Refuses the PROXY protocol.
    pub(super) fn without_proxy_protocol(&self, proxy: &str) -> anyhow::Result<()> {
        if self.proxy_protocol.is_some() {
            bail!("{proxy} does not send the PROXY protocol; nginx and HAProxy do");
        }
        Ok(())
    }
}

impl Upstream {
    fn parse(text: &str) -> Option<Self> {
        if let Some(path) = text.strip_prefix("unix:") {
            return path.starts_with('/').then(|| Self::Unix(path.to_owned()));
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
            _ => (text, if text.starts_with("https:") { 443 } else { 80 }),
        };
        let host = match host {
            "*" | "localhost" | "0.0.0.0" | "[::]" => "127.0.0.1",
            host => host,
        };
        (port != 0 && !host.is_empty() && !host.contains('/')).then(|| Self::Tcp(host.to_owned(), port))
    }
}

fn is_loopback(host: &str) -> bool {
    host.starts_with("127.") || host == "[::1]"
}

fn chosen(args: &Front, config: &Config) -> anyhow::Result<(String, Endpoint)> {
    let endpoints = &config.written.endpoints;
    let names = || endpoints.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    match &args.endpoint {
        Some(name) => match endpoints.get(name) {
            Some(endpoint) => Ok((name.clone(), endpoint.clone())),
            None => bail!("there is no endpoint {name}; the file has {}", names()),
        },
        None if endpoints.is_empty() => Ok(("web".to_owned(), Endpoint::at(DEFAULT_URL))),
        None if endpoints.len() == 1 => {
            let (name, endpoint) = endpoints.iter().next().expect("there is one");
            Ok((name.clone(), endpoint.clone()))
        }
        None => bail!("there are several endpoints: choose one of {} with --endpoint", names()),
    }
}

fn protocol(given: Option<Protocol>, name: &str, endpoint: &Endpoint) -> anyhow::Result<Protocol> {
    match (given, endpoint.protocols) {
        (Some(Protocol::H2c), Protocols::Http1) => bail!("endpoint {name} does not speak HTTP/2: set its protocols"),
        (Some(Protocol::Http1), Protocols::Http2) => bail!("endpoint {name} speaks only HTTP/2: set its protocols"),
        (None, Protocols::Http2) => Ok(Protocol::H2c),
        (given, _) => Ok(given.unwrap_or(Protocol::Http1)),
    }
}

fn hosts(config: &Config) -> Vec<String> {
    let routed = || config.routes.iter().flat_map(|(_, routes)| routes).map(|route| &route.host);
    let patterns: Vec<&HostPattern> = match config.hosts.is_empty() {
        false => config.hosts.iter().collect(),
        true => routed().collect(),
    };
    if patterns.iter().any(|pattern| matches!(pattern, HostPattern::Any)) {
        return Vec::new();
    }
    let mut hosts: Vec<String> = patterns.iter().map(ToString::to_string).collect();
    hosts.sort_by_key(|host| (host.starts_with('*'), host.clone())); // certificates are named after the first
    hosts.dedup();
    hosts
}

fn health(url: &str) -> Option<(String, u16)> {
    match Upstream::parse(url.strip_prefix("http://")?)? {
        Upstream::Tcp(host, port) => Some((host, port)),
        Upstream::Unix(_) => None,
    }
}

/// As nginx has it by default.
const KEEP_ALIVE: Duration = Duration::from_secs(60);
