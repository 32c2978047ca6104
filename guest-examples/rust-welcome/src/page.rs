//! The pages. Everything from a client must be escaped; `html!` escapes each value.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::facts::Facts;

pub fn welcome(facts: &Facts) -> String {
    let content = html! {
        p.lead {
            "The server was started without an application, so it shows you this page. The page is an application "
            "itself: a WebAssembly guest. For your request the server made a fresh sandbox, with memory of its own and "
            "access to nothing but the request. When the answer is complete, the sandbox is gone."
        }

        h2 { "Your request" }
        p { "What the guest knows of it, and the feature of the server that told it:" }
        table.card {
            (fact("Method", &facts.method, "request"))
            (fact("Path", &facts.path, "request"))
            @if let Some(query) = &facts.query { (fact("Query", query, "request")) }
            (fact("Protocol", &facts.protocol, "request"))
            (fact("Scheme", &facts.scheme, "request"))
            (fact("Authority", &facts.authority, "request"))
            @if let Some(remote) = &facts.remote { (fact("Remote address", remote, "connection")) }
            @if let Some(local) = &facts.local { (fact("Local address", local, "connection")) }
            (fact("Connection", &facts.connection, "connection"))
            (fact("Server addresses", &facts.server_addresses.join("\n"), "server-addresses"))
        }
        details {
            summary { (facts.fields.len()) " header fields" }
            table.card {
                @for (name, value) in &facts.fields { tr { th scope="row" { code { (name) } } td { (value) } } }
            }
        }
        p { "The same page in a terminal:" }
        pre { "curl -i " (facts.origin()) "/" }

        h2 { "Serve your own" }
        p { "Begin an app, build it, and serve it in this server's place:" }
        pre { "windhover new my-app --lang rust\ncd my-app\nwindhover build\nwindhover serve" }
        p {
            "The language may also be " code { "c" } ", " code { "cpp" } ", " code { "go" } ", " code { "js" } ", "
            code { "python" } ", " code { "ts" } " or " code { "zig" } ". An app needs no more than this, which is all of "
            code { "guest-examples/rust-hello" } ":"
        }
        pre { (HELLO.trim_end()) }

        h2 { "Look around" }
        p { "Stop this server, build the examples of the repository, and run one:" }
        pre { "just guests\njust run rust-features" }
        p { "In another terminal, ask it what it knows:" }
        pre { "curl http://localhost:8080/json" }
        dl {
            dt { code { "guest-examples/rust-features" } }
            dd { "the facts of a request, its connection and its server" }
            dt { code { "guest-examples/rust-wasi-http" } }
            dd { "a standard " code { "wasi:http" } " component, which echoes content while it comes in" }
            dt { code { "guest-examples/rust-welcome" } }
            dd { "this page" }
            dt { code { "guest-examples/README.md" } }
            dd { "all examples, in all languages, and how to start from one" }
            dt { code { "wit/" } }
            dd { "the features, and the manual for guest authors" }
        }
    };
    page(facts, "Windhover is running", content)
}

pub fn not_found(facts: &Facts) -> String {
    let content = html! {
        p.lead { "This guest has no answer for " code { (facts.path) } "." }
        p { a href={ (facts.path_base) "/" } { "To the welcome page" } }
    };
    page(facts, "Nothing lives here", content)
}

pub fn not_allowed(facts: &Facts) -> String {
    let content = html! {
        p.lead { "This can be read, by GET or HEAD. Your request came by " code { (facts.method) } "." }
        p { a href={ (facts.path_base) "/" } { "To the welcome page" } }
    };
    page(facts, "Only for reading", content)
}

fn page(facts: &Facts, title: &str, content: Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                link rel="icon" type="image/svg+xml" href={ (facts.path_base) "/favicon.svg" };
                style { (PreEscaped(STYLE)) }
            }
            body {
                (PreEscaped(BIRD))
                h1 { (title) }
                (content)
            }
        }
    };
    page.into_string()
}

fn fact(name: &str, value: &str, feature: &str) -> Markup {
    html! { tr { th scope="row" { (name) } td { (value) } td { (feature) } } }
}

/// The icon: a hovering kestrel.
pub const BIRD: &str = include_str!("bird.svg");

/// The content security policy allows the one style sheet and the icon. The digest is that of `style.css`; if they
/// differ, a test prints the right one.
pub const POLICY: &str = "default-src 'none'; img-src 'self'; \
                          style-src 'sha256-Wkwd9kKPyxlC3czlXtiQzh/JjfFGh6/7L3495pg2/04='; \
                          base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const STYLE: &str = include_str!("style.css");

/// The file itself, so that the page shows code that compiles.
const HELLO: &str = include_str!("../../rust-hello/src/lib.rs");

#[cfg(test)]
mod tests {
    use base64::prelude::{BASE64_STANDARD, Engine};
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn the_policy_allows_the_style_as_it_is() {
        // Browsers replace CR LF by LF before they compute the digest.
        let digest = BASE64_STANDARD.encode(Sha256::digest(STYLE.replace('\r', "")));
        assert!(POLICY.contains(&format!("style-src 'sha256-{digest}'")), "sha256-{digest}");
    }

    #[test]
    fn what_a_client_sent_never_becomes_markup() {
        let hostile = "\"><script>alert(1)</script>";
        let facts = Facts {
            method: hostile.into(),
            authority: hostile.into(),
            path_base: hostile.into(),
            path: hostile.into(),
            query: Some(hostile.into()),
            fields: vec![(hostile.into(), hostile.into())],
            ..Facts::sample()
        };
        for page in [welcome(&facts), not_found(&facts), not_allowed(&facts)] {
            assert!(!page.contains("<script"), "{page}");
            assert!(page.contains("&quot;&gt;&lt;script&gt;"));
        }
    }

    #[test]
    fn the_page_stays_small() {
        let length = welcome(&Facts::sample()).len();
        assert!(length < 12 * 1024, "{length} bytes");
    }
}
