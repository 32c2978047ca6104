//! nginx: a file for `/etc/nginx/conf.d`, or with the PROXY protocol one for the main context.

use super::plan::{Plan, Upstream, for_each_removed};
use crate::args::front::{Protocol, ProxyProtocol};

pub(super) fn configuration(plan: &Plan) -> anyhow::Result<String> {
    if let Some(version) = plan.proxy_protocol {
        anyhow::ensure!(version == ProxyProtocol::V1, "nginx sends version 1 of the PROXY protocol, and not version 2");
        return Ok(stream(plan));
    }
    anyhow::ensure!(
        plan.protocol == Protocol::Http1,
        "nginx speaks HTTP/2 to Windhover only for gRPC, so the endpoint has to accept HTTP/1.1 too"
    );
    let (server, keep_alive) = (server(plan), plan.keep_alive.as_secs());
    let mut text = plan.needed("nginx", "www-data");
    text += "# Save as /etc/nginx/conf.d/windhover.conf, then: nginx -t && systemctl reload nginx\n\n";
    text += &format!(
        "\
upstream windhover {{
    server {server};
    # Idle connections: closed here before Windhover closes them, so that no request meets a connection that ends.
    keepalive 64;
    keepalive_timeout {keep_alive}s;
    keepalive_requests 1000000;
}}
"
    );
    if plan.takes_h2c {
        text += &format!(
            "\
# HTTP/2, for gRPC. nginx must not share its connections with HTTP/1.1.
upstream windhover_grpc {{
    server {server};
    keepalive 64;
    keepalive_timeout {keep_alive}s;
    keepalive_requests 1000000;
}}
"
        );
    }
    text += "\
# An upgrade (WebSocket) is passed on; otherwise connections to Windhover stay open.
map $http_upgrade $windhover_connection {
    '' '';
    default upgrade;
}
";
    if plan.is_inner {
        text += "\
# The proxy before this one told the scheme and the host. Each hop appends its own, as in X-Forwarded-For.
map $http_x_forwarded_proto $windhover_proto {
    '' $scheme;
    default \"$http_x_forwarded_proto, $scheme\";
}
map $http_x_forwarded_host $windhover_host {
    '' $http_host;
    default \"$http_x_forwarded_host, $http_host\";
}
";
    }
    let names = if plan.hosts.is_empty() { "_".to_owned() } else { plan.hosts.join(" ") };
    if plan.listen.port == 443 && plan.listen.address.is_none() && !plan.is_inner {
        text += &format!(
            "
server {{
    listen 80;
    listen [::]:80;
    server_name {names};
    return 308 https://$host$request_uri;
}}
"
        );
    }
    text += &format!(
        "
server {{
{listen}    server_name {names};
{tls}
    # The limits of windhover.toml, which answers beyond them.
    client_max_body_size {max_body};
    large_client_header_buffers {buffers} {buffer};

    # What Windhover sends reaches the client at once, and what the client sends Windhover.
    proxy_buffering off;
    proxy_request_buffering off;
    # Windhover limits how long an app may take; nginx only ends what Windhover would not.
    proxy_read_timeout 1h;
    proxy_send_timeout 1h;

    proxy_http_version 1.1;
    proxy_set_header Connection $windhover_connection;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header TE $http_te;
{facts}
    location / {{
{grpc}        proxy_pass http://windhover;
    }}
",
        listen = listen(plan),
        tls = tls(plan),
        max_body = plan.max_body.unwrap_or(0),
        // nginx limits each line by one buffer, and the whole head by all of them.
        buffers = 4 + (plan.max_head.0 + plan.max_head.1).div_ceil(plan.max_head.0.max(plan.max_head.1)),
        buffer = plan.max_head.0.max(plan.max_head.1),
        facts = facts(plan, "proxy_set_header"),
        grpc = if plan.takes_h2c { GRPC } else { "" },
    );
    if plan.takes_h2c {
        text += &format!(
            "
    location @windhover_grpc {{
        grpc_pass grpc://windhover_grpc;
        grpc_read_timeout 1h;
        grpc_send_timeout 1h;
        grpc_set_header TE trailers;
{facts}    }}
",
            facts = facts(plan, "    grpc_set_header")
        );
    }
    text += "}\n";
    Ok(text)
}

const GRPC: &str = "\x20       # 418 is a way to say `go to`: no client sees it.
        error_page 418 = @windhover_grpc;
        if ($content_type ~ \"^application/grpc\") {
            return 418;
        }
";

fn facts(plan: &Plan, set: &str) -> String {
    let (client, proto, host) = match plan.is_inner {
        true => ("$proxy_add_x_forwarded_for", "$windhover_proto", "$windhover_host"),
        false => ("$remote_addr", "$scheme", "$http_host"),
    };
    let indent = &set[..set.len() - set.trim_start().len()];
    format!(
        "    {indent}# The client, as nginx knows it. What a client claims about itself is replaced or removed.
    {set} Host $http_host;
    {set} X-Forwarded-For {client};
    {set} X-Forwarded-Proto {proto};
    {set} X-Forwarded-Host {host};
{removed}",
        removed = for_each_removed(|name| format!("    {set} {name} \"\";\n"))
    )
}

fn listen(plan: &Plan) -> String {
    let with = if plan.is_inner { "" } else { " ssl http2" };
    match plan.listen.address {
        Some(_) => format!("    listen {}{with};\n", plan.listen),
        None => format!("    listen {0}{with};\n    listen [::]:{0}{with};\n", plan.listen.port),
    }
}

fn tls(plan: &Plan) -> String {
    if plan.is_inner {
        return String::new();
    }
    let (certificate, key) = plan.certificate();
    format!(
        "    ssl_certificate {certificate};
    ssl_certificate_key {key};
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache shared:windhover:10m;
"
    )
}

/// TLS is Windhover's, and the address of the client comes before it.
fn stream(plan: &Plan) -> String {
    let mut text = plan.needed("nginx", "www-data");
    text += "\
# Append to /etc/nginx/nginx.conf, outside of `http`, then: nginx -t && systemctl reload nginx
# It needs nginx's stream module; on Debian: apt-get install libnginx-mod-stream

";
    let listen = match plan.listen.address {
        Some(_) => format!("        listen {};\n", plan.listen),
        None => format!("        listen {0};\n        listen [::]:{0};\n", plan.listen.port),
    };
    let server = server(plan);
    text += &format!(
        "\
stream {{
    upstream windhover {{
        server {server};
    }}
    server {{
{listen}        proxy_pass windhover;
        proxy_protocol on;
        # Windhover ends connections that are idle for too long; an end of one direction is passed on.
        proxy_timeout 1h;
        proxy_half_close on;
    }}
}}
"
    );
    text
}

fn server(plan: &Plan) -> String {
    match &plan.upstream {
        Upstream::Tcp(host, port) => format!("{host}:{port}"),
        Upstream::Unix(path) => format!("unix:{path}"),
    }
}
