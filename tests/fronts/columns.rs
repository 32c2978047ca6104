//! The columns of the table: ways to reach the same module.

use anyhow::Result;

use crate::client::{Target, Version};
use crate::process::{self, Process};
use crate::proxies::Proxy;
use crate::windhover::{Endpoint, Machine, Windhover};

/// A way to reach the module.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    /// For the table and for `--only`.
    pub(crate) name: &'static str,
    /// From the client's side to Windhover's.
    pub(crate) proxies: &'static [(Proxy, &'static [&'static str])],
    pub(crate) endpoint: Endpoint,
    /// What the client speaks.
    pub(crate) versions: &'static [Version],
}

pub(crate) const COLUMNS: &[Column] = &[
    Column::new("direct, h1", &[], Endpoint::Tcp, &[Version::Http1]),
    Column::new("direct, h2c", &[], Endpoint::Tcp, &[Version::Http2]),
    Column::new("direct, TLS", &[], Endpoint::Secure, BOTH),
    Column::new("nginx", &[(Proxy::Nginx, &[])], Endpoint::Tcp, BOTH),
    Column::new("nginx, Unix", &[(Proxy::Nginx, &[])], Endpoint::Unix, BOTH),
    Column::new("nginx, PROXY v1", &[(Proxy::Nginx, &["--proxy-protocol", "v1"])], Endpoint::Proxied, BOTH),
    Column::new("Apache", &[(Proxy::Apache, &[])], Endpoint::Tcp, BOTH),
    Column::new("Apache, Unix", &[(Proxy::Apache, &[])], Endpoint::Unix, BOTH),
    Column::new("Apache, h2c", &[(Proxy::Apache, H2C)], Endpoint::Tcp, BOTH),
    Column::new("HAProxy", &[(Proxy::Haproxy, &[])], Endpoint::Tcp, BOTH),
    Column::new("HAProxy, h2c", &[(Proxy::Haproxy, H2C)], Endpoint::Tcp, BOTH),
    Column::new("HAProxy, Unix", &[(Proxy::Haproxy, &[])], Endpoint::Unix, BOTH),
    Column::new("HAProxy, PROXY v1", &[(Proxy::Haproxy, &["--proxy-protocol", "v1"])], Endpoint::Proxied, BOTH),
    Column::new("HAProxy, PROXY v2", &[(Proxy::Haproxy, &["--proxy-protocol", "v2"])], Endpoint::Proxied, BOTH),
    Column::new("Caddy", &[(Proxy::Caddy, &[])], Endpoint::Tcp, BOTH),
    Column::new("Caddy, h2c", &[(Proxy::Caddy, H2C)], Endpoint::Tcp, BOTH),
    Column::new("Caddy, Unix", &[(Proxy::Caddy, &[])], Endpoint::Unix, BOTH),
    Column::new("Caddy, nginx", &[(Proxy::Caddy, &[]), (Proxy::Nginx, &["--inner"])], Endpoint::Tcp, BOTH),
];

const BOTH: &[Version] = &[Version::Http1, Version::Http2];
const H2C: &[&str] = &["--protocol", "h2c"];

impl Column {
    const fn new(
        name: &'static str,
        proxies: &'static [(Proxy, &'static [&'static str])],
        endpoint: Endpoint,
        versions: &'static [Version],
    ) -> Self {
        Self { name, proxies, endpoint, versions }
    }

    /// Whether it is tried with what is not exactly HTTP/1.1: one proxy that speaks HTTP/1.1 to Windhover. A socket of
    /// another kind changes nothing in that. In HTTP/2 the end of a request is no matter of its content, and what is
    /// malformed is reset without a line in the log that could be counted.
    pub(crate) fn is_smuggled(&self) -> bool {
        self.proxies.len() == 1 && self.endpoint == Endpoint::Tcp && !self.name.ends_with("h2c")
    }

    /// Whether restarts are tried behind it: each proxy once.
    pub(crate) fn is_restarted(&self) -> bool {
        matches!(self.name, "nginx" | "Apache" | "HAProxy" | "Caddy")
    }

    /// The name of its folder.
    fn folder(&self) -> String {
        self.name.to_lowercase().replace(", ", "-").replace(' ', "-")
    }

    /// Starts Windhover, and the proxies before it.
    pub(crate) async fn start(&self, machine: &Machine) -> Result<Front> {
        self.start_at(machine, &self.folder(), self.endpoint).await
    }

    /// The same with another endpoint.
    pub(crate) async fn start_at(&self, machine: &Machine, folder: &str, endpoint: Endpoint) -> Result<Front> {
        let hops = u32::try_from(self.proxies.len())?;
        let windhover = Windhover::start(machine, folder, endpoint, hops).await?;
        let mut target = Target { port: windhover.port, is_secure: matches!(endpoint, Endpoint::Secure) };
        let mut proxies = Vec::new();
        for (at, (proxy, options)) in self.proxies.iter().enumerate().rev() {
            let port = process::free_port()?;
            let (listen, upstream) = (format!("127.0.0.1:{port}"), format!("127.0.0.1:{}", target.port));
            let certificate = machine.certificate.display().to_string();
            let mut all = vec!["--listen", &listen];
            all.extend(*options);
            if !options.contains(&"--inner") {
                all.extend(["--certificate", &certificate]);
            }
            if at + 1 < self.proxies.len() {
                all.extend(["--upstream", &upstream]); // the proxy behind this one
            }
            let site = windhover.front(proxy.name(), &all)?;
            let folder = windhover.folder.join(proxy.name());
            proxies.push((*proxy, proxy.start(&folder, &site, port).await?));
            target = Target { port, is_secure: !options.contains(&"--inner") };
        }
        proxies.reverse();
        Ok(Front { target, windhover, proxies })
    }
}

/// A column at work. The proxies end before Windhover.
pub(crate) struct Front {
    pub(crate) target: Target,
    pub(crate) proxies: Vec<(Proxy, Process)>,
    pub(crate) windhover: Windhover,
}
