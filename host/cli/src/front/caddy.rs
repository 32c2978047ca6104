//! Caddy: a site of a Caddyfile.

use super::plan::{Plan, Upstream, for_each_removed};
use crate::args::front::Protocol;

pub(super) fn configuration(plan: &Plan) -> anyhow::Result<String> {
    plan.without_proxy_protocol("Caddy")?;
    let mut text = plan.needed("Caddy", "caddy");
    text += "# Append to /etc/caddy/Caddyfile, then: caddy validate --config /etc/caddy/Caddyfile && systemctl reload caddy\n\n";
    text += &format!("{} {{\n", sites(plan));
    if let Some(address) = plan.listen.address {
        text += &format!("    bind {address}\n");
    }
    if let (Some((certificate, key)), false) = (&plan.certificate, plan.is_inner) {
        text += &format!("    tls {} {}\n", certificate.display(), key.display());
    }
    if let Some(max) = plan.max_body {
        text += &format!(
            "    # The limit of windhover.toml, which answers beyond it.\n    request_body {{\n        max_size {max}\n    }}\n"
        );
    }
    match plan.protocol {
        Protocol::H2c => {
            text +=
                "    # HTTP/2 of Go knows no WebSocket, so that one goes over HTTP/1.1.\n    @http1 header Upgrade *\n";
            text += &reverse_proxy(plan, " @http1", Protocol::Http1);
            text += &reverse_proxy(plan, "", Protocol::H2c);
        }
        Protocol::Http1 => {
            if plan.takes_h2c {
                text += "    # gRPC needs HTTP/2.\n    @grpc header Content-Type application/grpc*\n";
                text += &reverse_proxy(plan, " @grpc", Protocol::H2c);
            }
            text += &reverse_proxy(plan, "", Protocol::Http1);
        }
    }
    text += "}\n";
    Ok(text)
}

/// Without a host: every host at that port.
fn sites(plan: &Plan) -> String {
    let (scheme, port) = (if plan.is_inner { "http" } else { "https" }, plan.listen.port);
    if plan.hosts.is_empty() {
        return format!("{scheme}://:{port}");
    }
    let site = |host: &String| match port {
        443 if !plan.is_inner => host.clone(),
        port => format!("{scheme}://{host}:{port}"),
    };
    plan.hosts.iter().map(site).collect::<Vec<_>>().join(", ")
}

fn reverse_proxy(plan: &Plan, matcher: &str, protocol: Protocol) -> String {
    let address = match (&plan.upstream, protocol) {
        (Upstream::Tcp(host, port), _) => format!("{host}:{port}"),
        (Upstream::Unix(path), _) => format!("unix/{path}"),
    };
    let versions = match protocol {
        Protocol::Http1 => "1.1",
        Protocol::H2c => "h2c",
    };
    let health = match &plan.health {
        Some((_, port)) => {
            format!("        health_uri /readyz\n        health_port {port}\n        health_interval 1s\n")
        }
        None => String::new(),
    };
    let trusted = match plan.is_inner {
        true => "        trusted_proxies private_ranges\n",
        false => "",
    };
    format!(
        "    reverse_proxy{matcher} {address} {{
        # Streams reach the client at once without flush_interval, which would hide from Windhover that a client has left.
        # Caddy sets X-Forwarded-For, -Proto and -Host itself. What else a client claims about itself is removed.
{trusted}{removed}{health}        transport http {{
            versions {versions}
            # Idle connections are closed here before Windhover closes them.
            keepalive {keep_alive}s
            keepalive_idle_conns_per_host 64
            # What the app compresses is for the client.
            compression off
        }}
    }}
",
        removed = for_each_removed(|name| format!("        header_up -{name}\n")),
        keep_alive = plan.keep_alive.as_secs(),
    )
}
