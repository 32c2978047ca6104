//! The properties as a page. Everything from a client must be escaped; `html!` escapes each value.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::facts::{Endpoint, Facts};

pub fn page(facts: &Facts) -> Markup {
    let Facts { request, connection, server_addresses } = facts;
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "The features of this request" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { "The features of this request" }
                p {
                    "What the server tells about it, by the names of the WIT. The same "
                    a href={ (request.path_base) "/json" } { "as JSON" } "."
                }
                table {
                    caption { "windhover:http/request" }
                    (row("method", text(&request.method)))
                    (row("scheme", text(&request.scheme)))
                    (row("authority", text(&request.authority)))
                    (row("path-base", text(&request.path_base)))
                    (row("path", text(&request.path)))
                    (row("query", maybe(request.query.as_deref())))
                    (row("raw-target", text(&request.raw_target)))
                    (row("protocol", text(&request.protocol)))
                    (row("body-length", maybe(request.body_length.map(|length| length.to_string()).as_deref())))
                }
                table {
                    caption { "fields of windhover:http/request" }
                    @for (name, value) in &request.fields { (row(name, text(value))) }
                }
                table {
                    caption { "windhover:http/connection" }
                    (row("id", text(&connection.id)))
                    (row("remote", maybe(connection.remote.as_ref().map(end).as_deref())))
                    (row("local", maybe(connection.local.as_ref().map(end).as_deref())))
                }
                table {
                    caption { "windhover:http/server-addresses" }
                    @for address in server_addresses { (row("address", text(address))) }
                }
            }
        }
    }
}

fn row(name: &str, value: Markup) -> Markup {
    html! { tr { th scope="row" { (name) } td { (value) } } }
}

fn text(value: &str) -> Markup {
    if value.is_empty() {
        return html! { i { "empty" } };
    }
    html! { (value) }
}

fn maybe(value: Option<&str>) -> Markup {
    value.map_or_else(|| html! { i { "none" } }, text)
}

fn end(endpoint: &Endpoint) -> String {
    match endpoint {
        Endpoint { address, port } if address.contains(':') => format!("[{address}]:{port}"),
        Endpoint { address, port } => format!("{address}:{port}"),
    }
}

const STYLE: &str = "
:root { color-scheme: light dark; --line: light-dark(#ddd, #3a3a3a); --quiet: light-dark(#666, #999) }
body { max-width: 48rem; margin: 3rem auto; padding: 0 1rem; font: 1rem/1.5 system-ui, sans-serif }
h1 { font-size: 1.6rem; margin: 0 }
table { width: 100%; margin-top: 2rem; border-collapse: collapse; table-layout: fixed }
caption { text-align: left; color: var(--quiet); padding-bottom: .3rem }
th, td { text-align: left; vertical-align: top; padding: .3rem .5rem .3rem 0; border-top: 1px solid var(--line) }
th { width: 30%; font-weight: normal; color: var(--quiet) }
th, td { font-family: ui-monospace, monospace; font-size: .875rem; overflow-wrap: anywhere }
i { color: var(--quiet) }
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_sent_never_becomes_markup() {
        let mut facts = Facts::sample();
        facts.request.path = "/<img src=x onerror=alert(1)>".into();
        facts.request.path_base = "/\" onmouseover=\"alert(1)".into();
        let page = page(&facts).into_string();
        assert!(!page.contains("<script") && !page.contains("<img") && !page.contains("/\" on"));
        assert!(page.contains("&lt;/td&gt;&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;amp;"));
    }

    #[test]
    fn absent_and_empty_are_told_apart() {
        let mut facts = Facts::sample();
        facts.request.query = None;
        assert!(page(&facts).into_string().contains(">query</th><td><i>none</i>"));
        facts.request.query = Some(String::new());
        assert!(page(&facts).into_string().contains(">query</th><td><i>empty</i>"));
    }

    #[test]
    fn an_ipv6_address_stands_in_brackets() {
        assert_eq!(end(&Endpoint { address: "::1".into(), port: 80 }), "[::1]:80");
    }
}
