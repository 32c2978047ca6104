//! Everything that the guest is told about its exchange, a line each.

use crate::windhover::http::{authentication, connection, request, server_addresses, server_variables, tls};

pub fn facts() -> String {
    let head = request::head();
    let mut facts = String::new();
    let mut fact = |name: &str, value: String| facts.push_str(&format!("{name}: {value}\n"));
    fact("method", head.method);
    fact("scheme", head.scheme);
    fact("authority", head.authority);
    fact("path-base", head.path_base);
    fact("path", head.path);
    fact("query", format!("{:?}", head.query));
    fact("raw-target", head.raw_target);
    fact("protocol", head.protocol);
    let connection = connection::current();
    let end =
        |end: Option<connection::Endpoint>| end.map_or("none".into(), |end| format!("{} {}", end.address, end.port));
    fact("remote", end(connection.remote));
    fact("local", end(connection.local));
    match tls::current() {
        Some(session) => {
            let (alpn, name) = (session.alpn.unwrap_or_default(), session.server_name.unwrap_or_default());
            fact("tls", format!("{} {alpn} {name}", session.protocol));
        }
        None => fact("tls", "none".into()),
    }
    fact("client-certificates", tls::client_certificates().len().to_string());
    fact("user", authentication::current().map_or("none".into(), |user| user.name));
    fact("addresses", (!server_addresses::addresses().is_empty()).to_string());
    for name in VARIABLES {
        fact(name, server_variables::get(name).unwrap_or_else(|| "none".into()));
    }
    for (name, value) in head.fields {
        fact(&format!("field {name}"), value.escape_ascii().to_string());
    }
    facts
}

const VARIABLES: [&str; 13] = [
    "CONTENT_LENGTH",
    "HTTPS",
    "PATH_INFO",
    "QUERY_STRING",
    "REMOTE_ADDR",
    "REQUEST_METHOD",
    "REQUEST_SCHEME",
    "REQUEST_URI",
    "SCRIPT_NAME",
    "SERVER_NAME",
    "SERVER_PORT",
    "SERVER_PROTOCOL",
    "HTTP_X_CUSTOM",
];
