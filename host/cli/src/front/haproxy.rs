//! HAProxy: sections that stand beside the `global` section.

use super::plan::{Plan, Upstream, for_each_removed};
use crate::args::front::{Protocol, ProxyProtocol};

pub(super) fn configuration(plan: &Plan) -> anyhow::Result<String> {
    let mut text = plan.needed("HAProxy", "haproxy");
    text += "# Append to /etc/haproxy/haproxy.cfg, then: haproxy -c -f /etc/haproxy/haproxy.cfg && systemctl reload haproxy\n\n";
    if plan.certificate.is_none() && plan.proxy_protocol.is_none() && !plan.is_inner {
        let host = plan.host();
        text += &format!(
            "# HAProxy wants certificate and key in one file. With certbot:\n#     cd /etc/letsencrypt/live/{host} && \
             cat fullchain.pem privkey.pem >/etc/haproxy/{host}.pem\n\n"
        );
    }
    text += &match plan.proxy_protocol {
        Some(version) => tcp(plan, version),
        None => http(plan),
    };
    Ok(text)
}

fn http(plan: &Plan) -> String {
    let keep_alive = plan.keep_alive.as_secs();
    let binds = binds(plan, &bind_options(plan));
    let redirect = plan.listen.port == 443 && plan.listen.address.is_none() && !plan.is_inner;
    let http = if redirect {
        "    bind :::80 v4v6\n    http-request redirect scheme https code 308 unless { ssl_fc }\n"
    } else {
        ""
    };
    let too_large = match plan.max_body {
        Some(max) => format!(
            "    # The limit of windhover.toml, for content with a length; Windhover limits the rest.\n    \
             http-request deny deny_status 413 if {{ req.hdr_val(content-length) gt {max} }}\n"
        ),
        None => String::new(),
    };
    let server = server(plan);
    let check = check(plan);
    let (proto, grpc) = match plan.protocol {
        Protocol::H2c => (" proto h2", false),
        Protocol::Http1 => ("", plan.takes_h2c),
    };
    let mut text = format!(
        "\
defaults windhover
    mode http
    log global
    option httplog
    timeout connect 5s
    timeout client 1h
    timeout http-request 30s
    timeout http-keep-alive 60s
    # Windhover limits how long an app may take; HAProxy only ends what Windhover would not.
    timeout server 1h
    timeout tunnel 1h
    # A request is sent again if its connection ended before Windhover could have seen it.
    retries 3
    retry-on conn-failure empty-response
    option http-no-delay
    # A client that leaves ends its request.
    option abortonclose

frontend windhover from windhover
{binds}{http}{too_large}{facts}",
        facts = facts(plan),
    );
    if grpc {
        text += "    # gRPC needs HTTP/2.\n    use_backend windhover_grpc if { req.hdr(content-type) -m beg application/grpc }\n";
    }
    text += &format!(
        "    default_backend windhover

backend windhover from windhover
    http-reuse safe
    # Only what can be repeated is sent again.
    http-request disable-l7-retry unless METH_GET
{httpchk}    server app {server}{proto} pool-purge-delay {keep_alive}s {check}
",
        httpchk = httpchk(plan),
    );
    if grpc {
        text += &format!(
            "
backend windhover_grpc from windhover
    http-request disable-l7-retry
{httpchk}    server app {server} proto h2 pool-purge-delay {keep_alive}s {check}
",
            httpchk = httpchk(plan),
        );
    }
    text
}

fn bind_options(plan: &Plan) -> String {
    if plan.is_inner {
        return String::new();
    }
    let certificate = match &plan.certificate {
        Some((certificate, _)) => certificate.display().to_string(),
        None => format!("/etc/haproxy/{}.pem", plan.host()),
    };
    format!(" ssl crt {certificate} alpn h2,http/1.1 ssl-min-ver TLSv1.2")
}

fn binds(plan: &Plan, options: &str) -> String {
    match plan.listen.address {
        Some(_) => format!("    bind {}{options}\n", plan.listen),
        None => format!("    bind :::{}{options} v4v6\n", plan.listen.port),
    }
}

fn facts(plan: &Plan) -> String {
    let lines: &[&str] = match plan.is_inner {
        true => &[
            "# The proxy before this one told the scheme and the host. Each hop appends its own.",
            "option forwardfor",
            "http-request add-header X-Forwarded-Proto http",
            "http-request add-header X-Forwarded-Host %[req.hdr(host)]",
        ],
        false => &[
            "# The client, as HAProxy knows it. What a client claims about itself is replaced or removed.",
            "http-request set-header X-Forwarded-For %[src]",
            "http-request set-header X-Forwarded-Proto https",
            "http-request set-header X-Forwarded-Host %[req.hdr(host)]",
        ],
    };
    let removed = for_each_removed(|name| format!("    http-request del-header {name}\n"));
    lines.iter().map(|line| format!("    {line}\n")).collect::<String>() + &removed
}

fn httpchk(plan: &Plan) -> &'static str {
    match plan.health {
        Some(_) => "    option httpchk GET /readyz\n",
        None => "",
    }
}

/// The admin endpoint tells whether the server takes requests; without one, whether it can be connected to.
fn check(plan: &Plan) -> String {
    match &plan.health {
        Some((host, port)) => {
            format!("check inter 1s addr {host} port {port}")
        }
        None => "check inter 1s".to_owned(),
    }
}

/// TLS is Windhover's, and the address of the client comes before it.
fn tcp(plan: &Plan, version: ProxyProtocol) -> String {
    let send = match version {
        ProxyProtocol::V1 => "send-proxy",
        ProxyProtocol::V2 => "send-proxy-v2",
    };
    format!(
        "\
defaults windhover
    mode tcp
    log global
    option tcplog
    timeout connect 5s
    # Windhover ends connections that are idle for too long.
    timeout client 1h
    timeout server 1h

frontend windhover from windhover
{binds}    default_backend windhover

backend windhover from windhover
    server app {server} {send} {check}
",
        binds = binds(plan, ""),
        server = server(plan),
        check = check(plan),
    )
}

fn server(plan: &Plan) -> String {
    match &plan.upstream {
        Upstream::Tcp(host, port) => format!("{host}:{port}"),
        Upstream::Unix(path) => format!("unix@{path}"),
    }
}
