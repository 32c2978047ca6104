//! Apache: a site with one virtual host.

use super::plan::{Plan, Upstream, for_each_removed};
use crate::args::front::Protocol;

pub(super) fn configuration(plan: &Plan) -> anyhow::Result<String> {
    plan.without_proxy_protocol("Apache")?;
    let mut text = plan.needed("Apache", "www-data");
    text += "\
# Save as /etc/apache2/sites-available/windhover.conf, then:
#     a2enmod ssl http2 headers proxy proxy_http proxy_http2 rewrite
#     a2ensite windhover && apachectl configtest && systemctl restart apache2

";
    let (keep_alive, listen) = (plan.keep_alive.as_secs(), plan.listen);
    if listen.port != 443 || listen.address.is_some() {
        text += &format!("Listen {listen}\n");
    } else if !plan.is_inner {
        text += &format!(
            "\
<VirtualHost *:80>
{}    Redirect 308 / https://{}/
</VirtualHost>

",
            names(plan),
            plan.host()
        );
    }
    let address = listen.address.map_or_else(|| format!("*:{}", listen.port), |_| listen.to_string());
    let http1 = url(plan, "http");
    let upstream = match plan.protocol {
        Protocol::Http1 => http1.clone(),
        Protocol::H2c => url(plan, "h2c"),
    };
    text += &format!(
        "\
<VirtualHost {address}>
{names}{tls}
    # The limits of windhover.toml, which answers beyond them.
    LimitRequestBody {max_body}
    LimitRequestLine {line}
    LimitRequestFieldSize {fields}

    # Paths reach Windhover as the client wrote them: %2F, // and all.
    AllowEncodedSlashes NoDecode
    MergeSlashes Off

    # The client, as Apache knows it. What a client claims about itself is removed; mod_proxy adds X-Forwarded-For and
    # X-Forwarded-Host.
{facts}    ProxyPreserveHost On

    # Windhover limits how long an app may take; Apache only ends what Windhover would not.
    ProxyTimeout 3600
    # Idle connections are closed here before Windhover closes them (ttl), so that no request meets a connection that ends.
",
        names = names(plan),
        tls = tls(plan),
        max_body = plan.max_body.unwrap_or(0),
        line = plan.max_head.0,
        fields = plan.max_head.1,
        facts = facts(plan),
    );
    if plan.takes_h2c && plan.protocol == Protocol::Http1 {
        text += &format!(
            "    # gRPC needs HTTP/2.
    RewriteEngine On
    RewriteCond %{{HTTP:Content-Type}} ^application/grpc
{}",
            rewritten(plan, "h2c")
        );
    }
    if plan.protocol == Protocol::H2c {
        text += &format!(
            "    # mod_proxy_http2 knows no WebSocket, so that one goes over HTTP/1.1.
    RewriteEngine On
    RewriteCond %{{HTTP:Upgrade}} =websocket [NC]
{}",
            rewritten(plan, "http")
        );
    }
    let upgrade = if plan.protocol == Protocol::Http1 { " upgrade=websocket" } else { "" };
    text += &format!("    ProxyPass / {upstream} nocanon ttl={keep_alive} flushpackets=on{upgrade}\n");
    text += "</VirtualHost>\n";
    Ok(text)
}

/// Passes what a condition before it chose on, with the target as the client wrote it, by a worker of its own.
fn rewritten(plan: &Plan, scheme: &str) -> String {
    let (url, keep_alive) = (url(plan, scheme), plan.keep_alive.as_secs());
    let upgrade = if scheme == "http" { " upgrade=websocket" } else { "" };
    format!(
        "    RewriteCond %{{THE_REQUEST}} \"^[^ ]+ (/[^ ]*)\"\n    RewriteRule ^ \"{}%1\" [P,L,NE]
    <Proxy \"{url}\">\n        ProxySet ttl={keep_alive} flushpackets=on{upgrade}\n    </Proxy>\n",
        url.trim_end_matches('/')
    )
}

fn url(plan: &Plan, scheme: &str) -> String {
    match &plan.upstream {
        Upstream::Tcp(host, port) => format!("{scheme}://{host}:{port}/"),
        Upstream::Unix(path) => format!("unix:{path}|{scheme}://windhover/"),
    }
}

fn names(plan: &Plan) -> String {
    let Some((first, _)) = plan.hosts.split_first() else { return String::new() };
    let name = first.trim_start_matches("*.");
    let others: Vec<&str> = plan.hosts.iter().map(String::as_str).filter(|host| *host != name).collect();
    match others.is_empty() {
        true => format!("    ServerName {name}\n"),
        false => format!("    ServerName {name}\n    ServerAlias {}\n", others.join(" ")),
    }
}

fn tls(plan: &Plan) -> String {
    if plan.is_inner {
        return String::new();
    }
    let (certificate, key) = plan.certificate();
    format!(
        "    SSLEngine on
    SSLProtocol -all +TLSv1.2 +TLSv1.3
    SSLCertificateFile {certificate}
    SSLCertificateKeyFile {key}
    Protocols h2 http/1.1
    H2EarlyHints on
    H2WebSockets on
"
    )
}

fn facts(plan: &Plan) -> String {
    let told = match plan.is_inner {
        true => {
            "    # The proxy before this one told the scheme. Each hop appends its own, as in X-Forwarded-For.
    RequestHeader append X-Forwarded-Proto expr=%{REQUEST_SCHEME}
"
        }
        false => {
            "    RequestHeader unset X-Forwarded-For
    RequestHeader unset X-Forwarded-Host
    RequestHeader unset X-Forwarded-Server
    RequestHeader set X-Forwarded-Proto expr=%{REQUEST_SCHEME}
"
        }
    };
    format!(
        "    # Apache removes the fields that Connection names, even if it has set them. So a client must not name these.
    RequestHeader edit* Connection \"(?i)(x-)?forwarded[^,\\s]*|client-cert[^,\\s]*\" \"\"
{told}{}",
        for_each_removed(|name| format!("    RequestHeader unset {name}\n"))
    )
}
