//! Answers with everything it is told, a line each. Which part is chosen by the field `want`: `connection`, `route`,
//! `addresses`, `field NAME`, or else the request. Where a getter disagrees with `head`, the line says so.

wit_bindgen::generate!({ path: "../../../wit", world: "application" });

use std::fmt::Debug;

use windhover::http::{connection, request, response, server_addresses};

struct Facts;

impl Guest for Facts {
    fn handle() {
        let want = request::field("WANT").map(|want| String::from_utf8(want).unwrap()).unwrap_or_default();
        let facts = match want.split_once(' ') {
            Some(("field", name)) => format!("{:?}\n", request::field(name).as_deref().map(bytes)),
            _ if want == "connection" => connection_facts(),
            _ if want == "route" => route_facts(),
            _ if want == "addresses" => server_addresses::addresses().join("\n") + "\n",
            _ => request_facts(),
        };
        response::send(200, &[], facts.as_bytes()).unwrap();
    }
}

fn request_facts() -> String {
    let head = request::head();
    let mut facts = fact("method", &head.method, &request::method());
    facts += &fact("scheme", &head.scheme, &request::scheme());
    facts += &fact("authority", &head.authority, &request::authority());
    facts += &fact("path-base", &head.path_base, &request::path_base());
    facts += &fact("path", &head.path, &request::path());
    facts += &fact("query", &head.query, &request::query());
    facts += &fact("raw-target", &head.raw_target, &request::raw_target());
    facts += &fact("protocol", &head.protocol, &request::protocol());
    if head.fields != request::fields() {
        facts += "fields() says otherwise\n";
    }
    for (name, value) in &head.fields {
        facts += &format!("field {name}: {}\n", bytes(value));
    }
    facts + &format!("can-have-body: {}\n", request::can_have_body())
}

fn fact<T: Debug + PartialEq>(name: &str, in_head: &T, getter: &T) -> String {
    if in_head == getter {
        format!("{name}: {in_head:?}\n")
    } else {
        format!("{name}: {in_head:?}, but the getter says {getter:?}\n")
    }
}

fn connection_facts() -> String {
    let connection = connection::current();
    let (remote, local) = (endpoint(connection.remote), endpoint(connection.local));
    format!("id: {}\nremote: {remote}\nlocal: {local}\n", connection.id)
}

fn route_facts() -> String {
    let route = connection::route();
    let (remote, local) = (endpoint(route.remote), endpoint(route.local));
    let proxies: Vec<_> = route.proxies.into_iter().map(endpoint).collect();
    format!("remote: {remote}\nlocal: {local}\nproxies: {}\n", proxies.join(", "))
}

fn endpoint(endpoint: Option<connection::Endpoint>) -> String {
    match endpoint {
        Some(endpoint) => format!("{} port {}", endpoint.address, endpoint.port),
        None => "none".into(),
    }
}

/// Bytes as text: what is not printable ASCII stands as an escape.
fn bytes(value: &[u8]) -> String {
    value.escape_ascii().to_string()
}

export!(Facts);
