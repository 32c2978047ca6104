//! The facts of the request: what the guest is told is what the client sent, and what no guest should see is refused.

use windhover_tests::{for_each_server, guest};

use crate::{get, ok};

for_each_server! {
    async fn every_fact_of_a_request_reaches_the_guest(server) {
        let served = server.serve(guest("facts")).await;
        let mut wire = served.connect().await;
        wire.send(
            "PUT /a%20b/../c%2Fd/%C3%A9?q=%20&r HTTP/1.1\r\n\
             Host: example.com:8080\r\n\
             X-Two:  spaces around \t\r\n\
             X-Octets: \x7e\u{e9}\r\n\
             x-two: second\r\n\
             X-Empty:\r\n\
             Content-Length: 3\r\n\
             \r\n\
             abc",
        )
        .await;
        wire.expect(&ok(&format!(
            "method: \"PUT\"\n\
             scheme: {:?}\n\
             authority: \"example.com:8080\"\n\
             path-base: \"\"\n\
             path: \"/c%2Fd/é\"\n\
             query: Some(\"q=%20&r\")\n\
             raw-target: \"/a%20b/../c%2Fd/%C3%A9?q=%20&r\"\n\
             protocol: \"HTTP/1.1\"\n\
             field host: example.com:8080\n\
             field x-two: spaces around\n\
             field x-two: second\n\
             field x-octets: ~\\xc3\\xa9\n\
             field x-empty: \n\
             field content-length: 3\n\
             can-have-body: true\n",
            served.scheme(),
        )))
        .await;
    }

    async fn a_request_of_http_1_0_needs_no_host(server) {
        let served = server.serve(guest("facts")).await;
        let mut wire = served.connect().await;
        wire.send("GET /? HTTP/1.0\r\n\r\n").await;
        let response = wire.receive_response().await;
        assert_eq!(response.status_line, "HTTP/1.0 200 OK");
        assert_eq!(
            response.text(),
            format!("method: \"GET\"\n\
             scheme: {:?}\n\
             authority: \"\"\n\
             path-base: \"\"\n\
             path: \"/\"\n\
             query: Some(\"\")\n\
             raw-target: \"/?\"\n\
             protocol: \"HTTP/1.0\"\n\
             can-have-body: false\n", served.scheme())
        );
    }

    async fn a_method_is_any_token_in_its_own_case(server) {
        let served = server.serve(guest("facts")).await;
        let mut wire = served.connect().await;
        for method in ["get", "PATCH", "M-SEARCH", "X"] {
            wire.send(format!("{method} / HTTP/1.1\r\nhost: a\r\n\r\n")).await;
            let response = wire.receive_response().await;
            assert_eq!(response.text().lines().next(), Some(format!("method: {method:?}").as_str()));
        }
    }

    async fn every_form_of_the_target_is_resolved(server) {
        let served = server.serve(guest("facts")).await;
        let mut wire = served.connect().await;
        for (request, authority, path, query, raw) in [
            ("GET /p?q HTTP/1.1\r\nhost: a", "a", "/p", "Some(\"q\")", "/p?q"),
            ("GET SCHEME://b.example:81/p?q HTTP/1.1\r\nhost: b.example:81", "b.example:81", "/p", "Some(\"q\")",
             "SCHEME://b.example:81/p?q"),
            ("GET SCHEME://b.example HTTP/1.1\r\nhost: b.example", "b.example", "/", "None", "SCHEME://b.example/"),
            ("GET SCHEME://b.example?q HTTP/1.1\r\nhost: b.example", "b.example", "/", "Some(\"q\")",
             "SCHEME://b.example/?q"),
            ("OPTIONS * HTTP/1.1\r\nhost: a", "a", "", "None", "*"),
            ("GET / HTTP/1.1\r\nhost:", "", "/", "None", "/"),
            ("GET //a//b/ HTTP/1.1\r\nhost: a", "a", "//a//b/", "None", "//a//b/"),
        ] {
            let (request, raw) = (request.replace("SCHEME", served.scheme()), raw.replace("SCHEME", served.scheme()));
            wire.send(format!("{request}\r\n\r\n")).await;
            let response = wire.receive_response().await;
            let facts = format!(
                "scheme: {:?}\nauthority: {authority:?}\npath-base: \"\"\npath: {path:?}\nquery: {query}\n\
                 raw-target: {raw:?}\nprotocol: \"HTTP/1.1\"\n",
                served.scheme(),
            );
            assert!(response.text().contains(&facts), "for {request:?}:\n{}--- expected ---\n{facts}", response.text());
        }
    }

    /// RFC 9110 §4.2.3: a port that is the scheme's own says nothing, nor does the case of a name, or the dot behind it.
    async fn a_host_that_differs_from_the_target_in_form_alone_is_the_same(server) {
        let served = server.serve(guest("facts")).await;
        let scheme = served.scheme();
        let own = if scheme == "https" { "443" } else { "80" };
        let mut wire = served.connect().await;
        for (target, host) in [
            (format!("a:{own}"), "a".to_owned()),
            ("a".to_owned(), format!("a:{own}")),
            ("a:".to_owned(), "a".to_owned()),
            ("A.example".to_owned(), "a.Example".to_owned()),
            ("a.example".to_owned(), "a.example.".to_owned()),
            (format!("a.example.:{own}"), "a.example".to_owned()),
            ("[::1]".to_owned(), format!("[0:0:0:0:0:0:0:1]:{own}")),
        ] {
            wire.send(format!("GET {scheme}://{target}/ HTTP/1.1\r\nhost: {host}\r\n\r\n")).await;
            let response = wire.receive_response().await;
            assert!(response.text().contains(&format!("authority: {target:?}\n")), "{target} {host}: {response:?}");
        }
        for (target, host) in [("a:81", "a"), ("a", "a:81"), ("a.example", "a"), ("[::1]", "[::2]")] {
            let mut wire = served.connect().await;
            wire.send(format!("GET {scheme}://{target}/ HTTP/1.1\r\nhost: {host}\r\n\r\n")).await;
            wire.expect("HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\ndate: …\r\n\r\n").await;
        }
    }

    async fn a_field_is_found_by_its_name_in_any_case(server) {
        let served = server.serve(guest("facts")).await;
        let mut wire = served.connect().await;
        for (name, expected) in [
            ("x-a", "Some(\"1\")\n"),
            ("X-A", "Some(\"1\")\n"),
            ("x-b", "Some(\"\")\n"),
            ("x-c", "None\n"),
            ("no token", "None\n"),
        ] {
            wire.send(format!("GET / HTTP/1.1\r\nHost: a\r\nX-a: 1\r\nx-A: 2\r\nX-B:\r\nwant: field {name}\r\n\r\n")).await;
            wire.expect(&ok(expected)).await;
        }
    }

    async fn a_request_without_a_proper_host_is_refused_before_any_guest(server) {
        let served = server.serve(guest("rust-hello")).await;
        for request in [
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a b\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: user@a\r\n\r\n",
            &format!("GET {}://b/ HTTP/1.1\r\nhost: a\r\n\r\n", served.scheme()),
            "GET * HTTP/1.1\r\nhost: a\r\n\r\n",
            "GET a:80 HTTP/1.1\r\nhost: a:80\r\n\r\n",
            "GET /%00 HTTP/1.1\r\nhost: a\r\n\r\n",
        ] {
            let mut wire = served.connect().await;
            wire.send(request).await;
            let refusal = "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\ndate: …\r\n\r\n";
            wire.expect(refusal).await;
            wire.expect_closed().await;
        }
    }

    /// RFC 9110 §7.4 and §15.5.20: it is another resource, of which this connection does not speak.
    async fn a_target_of_another_scheme_than_the_connections_is_421(server) {
        let served = server.serve(guest("rust-hello")).await;
        let other = if served.scheme() == "http" { "https" } else { "http" };
        for target in [&format!("{other}://a/"), "ftp://a/", "ws://a/", "coap+tcp://a:80/b?c"] {
            let mut wire = served.connect().await;
            wire.send(format!("GET {target} HTTP/1.1\r\nhost: a\r\n\r\n")).await;
            let refusal = "HTTP/1.1 421 Misdirected Request\r\nconnection: close\r\ncontent-length: 0\r\ndate: …\r\n\r\n";
            wire.expect(refusal).await;
            wire.expect_closed().await;
        }
    }

    /// A success would be the promise of a tunnel, and what follows on the connection would not be HTTP any more.
    async fn a_tunnel_is_refused_before_any_guest(server) {
        let served = server.serve(guest("rust-hello")).await;
        let mut wire = served.connect().await;
        wire.send("CONNECT a:80 HTTP/1.1\r\nhost: a:80\r\n\r\n").await;
        wire.expect("HTTP/1.1 501 Not Implemented\r\nconnection: close\r\ncontent-length: 0\r\ndate: …\r\n\r\n").await;
        wire.expect_closed().await;
    }

    /// RFC 9110 §4.2.3: a port is digits.
    async fn a_host_whose_port_is_no_number_is_refused(server) {
        let served = server.serve(guest("rust-hello")).await;
        for host in ["a:x", "a:99999", "a:8 0", "[::1]x"] {
            let mut wire = served.connect().await;
            wire.send(format!("GET / HTTP/1.1\r\nhost: {host}\r\n\r\n")).await;
            assert_eq!(wire.receive_response().await.status_line, "HTTP/1.1 400 Bad Request", "for {host:?}");
        }
    }

    async fn an_empty_line_before_a_request_is_skipped(server) {
        let served = server.serve(guest("rust-hello")).await;
        let mut wire = served.connect().await;
        wire.send(format!("\r\n{}\r\n{}", get("/"), get("/"))).await;
        wire.expect(crate::HELLO).await;
        wire.expect(crate::HELLO).await;
    }
}
