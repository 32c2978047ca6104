//! Exchanges over HTTP/2: what a guest is told and what it answers is the same as over HTTP/1.1, each on a stream of its
//! own.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::Reason;
use http::HeaderMap;
use windhover_tests::http2::{DATA, END_HEADERS, END_STREAM, Frame, HEADERS, RST_STREAM, section};
use windhover_tests::{for_each_http2, guest};

use crate::in_every_world;

for_each_http2! {
    async fn every_fact_of_a_request_reaches_the_guest(server) {
        let served = server.serve(guest("facts")).await;
        let mut client = served.connect_http2().await;
        let scheme = served.scheme();
        let request = http::Request::builder()
            .method("PUT")
            .uri(format!("{scheme}://example.com:8080/a%20b/../c%2Fd/%C3%A9?q=%20&r"))
            .header("x-two", "first")
            .header("x-octets", b"\x7e\xe9".as_slice())
            .header("x-two", "second")
            .header("x-empty", "")
            .header("content-length", "3");
        let mut exchange = client.begin(request).await;
        exchange.send("abc", true).await;
        let answer = exchange.answer().await;
        let mut lines: Vec<&str> = answer.text().lines().collect();
        lines[7..].sort();
        let scheme = format!("scheme: {scheme:?}");
        assert_eq!(lines, [
            "method: \"PUT\"",
            &scheme,
            "authority: \"example.com:8080\"",
            "path-base: \"\"",
            "path: \"/c%2Fd/é\"",
            "query: Some(\"q=%20&r\")",
            "raw-target: \"/a%20b/../c%2Fd/%C3%A9?q=%20&r\"",
            "can-have-body: true",
            "field content-length: 3",
            "field host: example.com:8080",
            "field x-empty: ",
            "field x-octets: ~\\xe9",
            "field x-two: first",
            "field x-two: second",
            "protocol: \"HTTP/2\"",
        ]);
    }

    /// RFC 9113 §8.2.3: a client may cut a cookie into crumbs.
    async fn the_crumbs_of_a_cookie_are_one_field(server) {
        let served = server.serve(guest("facts")).await;
        let mut client = served.connect_http2().await;
        let mut request = client.request("GET", "/").header("want", "field cookie");
        for crumb in ["a=1", "b=2", "c=3"] {
            request = request.header("cookie", crumb);
        }
        client.ask(request).await.expect(200, "Some(\"a=1; b=2; c=3\")\n");
    }

    /// RFC 9113 §8.3.1: who translates HTTP/1.1 may send Host and no authority.
    async fn a_host_field_stands_in_for_the_authority(server) {
        let served = server.serve(guest("facts")).await;
        let mut frames = served.connect_frames().await;
        let scheme = served.scheme();
        let head = section(&[(":method", "GET"), (":scheme", scheme), (":path", "/"), ("host", "b.example:81")]);
        frames.send(Frame::new(HEADERS, END_HEADERS | END_STREAM, 1, head)).await;
        let content = frames.receive_kind(DATA).await.payload;
        let content = String::from_utf8(content).expect("facts are text");
        assert!(content.contains("authority: \"b.example:81\"\n"), "{content}");
        assert!(content.contains("field host: b.example:81\n"), "{content}");
    }

    /// RFC 9110 §4.2.3: a port that is the scheme's own says nothing, nor does the case of a name, or the dot behind it.
    async fn an_authority_and_a_host_field_that_differ_in_form_alone_are_one(server) {
        let served = server.serve(guest("facts")).await;
        let scheme = served.scheme();
        let own = if scheme == "https" { "443" } else { "80" };
        let mut frames = served.connect_frames().await;
        for (at, (authority, host)) in [
            ("b.example", format!("b.example:{own}")),
            ("b.example", "b.example:".to_owned()),
            ("b.example", "B.Example.".to_owned()),
            ("[::1]", "[0:0:0:0:0:0:0:1]".to_owned()),
        ]
        .into_iter()
        .enumerate()
        {
            let fields =
                [(":method", "GET"), (":scheme", scheme), (":path", "/a"), (":authority", authority), ("host", &host)];
            let stream = at as u32 * 2 + 1;
            frames.send(Frame::new(HEADERS, END_HEADERS | END_STREAM, stream, section(&fields))).await;
            let content = String::from_utf8(frames.receive_kind(DATA).await.payload).expect("facts are text");
            assert!(content.contains("raw-target: \"/a\"\n"), "{host}: {content}");
        }
    }

    /// RFC 9113 §8.2.2.
    async fn a_request_with_fields_of_a_connection_is_malformed(server) {
        let served = server.serve(guest("rust-hello")).await;
        let mut frames = served.connect_frames().await;
        for (stream, (name, value)) in (1..).step_by(2).zip([
            ("connection", "close"),
            ("transfer-encoding", "chunked"),
            ("keep-alive", "1"),
            ("upgrade", "websocket"),
            ("te", "gzip"),
        ]) {
            let head = [frames.head("GET", "/"), section(&[(name, value)])].concat();
            frames.send(Frame::new(HEADERS, END_HEADERS | END_STREAM, stream, head)).await;
            let reset = frames.receive_kind(RST_STREAM).await;
            assert_eq!((reset.stream, reset.reason()), (stream, Reason::PROTOCOL_ERROR), "{name}");
        }
        // For the library that is an error of the whole connection, which it may be (RFC 9113 §5.4.1).
        let head = [frames.head("GET", "/"), section(&[("X-Upper", "case")])].concat();
        frames.send(Frame::new(HEADERS, END_HEADERS | END_STREAM, 99, head)).await;
        frames.expect_goaway(Reason::PROTOCOL_ERROR).await;
    }

    /// RFC 9113 §8.2.1. In HTTP/1.1 the space would be no part of the value.
    async fn a_value_that_begins_or_ends_with_a_space_is_malformed(server) {
        let served = server.serve(guest("facts")).await;
        let mut frames = served.connect_frames().await;
        let values = [" a", "a ", "\ta", "a\t", " ", "\t"];
        for (stream, value) in (1..).step_by(2).zip(values) {
            let head = [frames.head("GET", "/"), section(&[("x-good", "a b\tc"), ("x-bad", value)])].concat();
            frames.send(Frame::new(HEADERS, END_HEADERS | END_STREAM, stream, head)).await;
            let reset = frames.receive_kind(RST_STREAM).await;
            assert_eq!((reset.stream, reset.reason()), (stream, Reason::PROTOCOL_ERROR), "{value:?}");
        }
        let head = [frames.head("GET", "/"), section(&[("x-good", "a b\tc"), ("x-empty", "")])].concat();
        frames.send(Frame::new(HEADERS, END_HEADERS | END_STREAM, 99, head)).await;
        let content = String::from_utf8(frames.receive_kind(DATA).await.payload).expect("facts are text");
        assert!(content.contains("field x-good: a b\\tc\nfield x-empty: \n"), "{content}");
    }

    /// A gateway that ends TLS passes on the scheme that it was asked for (RFC 9113 §8.3.1). What any other names is no
    /// resource of an HTTP server (RFC 9110 §15.5.20).
    async fn a_scheme_is_one_of_https_or_421(server) {
        let served = server.serve(guest("rust-hello")).await;
        let mut client = served.connect_http2().await;
        for (scheme, status, text) in
            [("http", 200, "Hello from WebAssembly!\n"), ("https", 200, "Hello from WebAssembly!\n"), ("ftp", 421, "")]
        {
            client.ask(http::Request::builder().uri(format!("{scheme}://a/"))).await.expect(status, text);
        }
    }

    /// As in HTTP/1.1, where two of them are smuggling bait.
    async fn a_length_is_one_number(server) {
        let served = server.serve(guest("echoes")).await;
        for lengths in [&["1", "1"][..], &[""]] {
            let mut frames = served.connect_frames().await;
            let fields: Vec<_> = lengths.iter().map(|length| ("content-length", *length)).collect();
            let head = [frames.head("POST", "/all?9"), section(&fields)].concat();
            frames.send(Frame::new(HEADERS, END_HEADERS, 1, head)).await;
            assert_eq!(frames.receive_kind(HEADERS).await.payload.first(), Some(&STATUS_400), "{lengths:?}");
        }
    }

    /// RFC 9110 §6.5.1, and RFC 9113 §8.2.1.
    async fn trailers_that_may_be_none_are_malformed(server) {
        let served = server.serve(guest("echoes")).await;
        let bad = [
            ("content-length", "1"), ("host", "a"), ("te", "trailers"), ("content-type", "a"), ("cookie", "a"),
            ("authorization", "a"), ("if-match", "a"), (":path", "/"), (":status", "200"), (":method", "GET"), ("trailer", "a"), ("x-spaced", " a"), ("x-spaced", "a\t"),
        ];
        let mut frames = served.connect_frames().await;
        for (stream, field) in (1..).step_by(2).zip(bad) {
            let head = frames.head("POST", "/must?99");
            frames.send(Frame::new(HEADERS, END_HEADERS, stream, head)).await;
            frames.send(Frame::new(DATA, 0, stream, "a")).await;
            let trailers = section(&[field, ("x-good", "1")]);
            frames.send(Frame::new(HEADERS, END_HEADERS | END_STREAM, stream, trailers)).await;
            let reset = frames.receive_kind(RST_STREAM).await;
            assert_eq!((reset.stream, reset.reason()), (stream, Reason::PROTOCOL_ERROR), "{field:?}");
        }
    }

    /// An application of the contract may try to.
    async fn an_answer_has_no_trailers_that_may_be_none(server) {
        let served = server.serve_fn(|_| std::future::ready(with_trailers())).await;
        let mut client = served.connect_http2().await;
        let answer = client.ask(client.request("GET", "/").header("te", "trailers")).await;
        assert_eq!(answer.trailers, ["x-good: 1"]);
    }

    async fn content_goes_both_ways_while_both_are_open(server) {
        let served = server.serve(guest("echoes")).await;
        let mut client = served.connect_http2().await;
        let mut exchange = client.begin(client.request("POST", "/")).await;
        exchange.send("first", false).await;
        let head = exchange.head().await;
        assert_eq!((head.status, head.fields.as_slice()), (200, [].as_slice()), "its length is not known");
        assert_eq!(exchange.content(5).await, b"first");
        exchange.send("second", false).await;
        assert_eq!(exchange.content(6).await, b"second");
        exchange.send("", true).await;
        assert_eq!(exchange.piece().await.expect("no reset"), None);
    }

    async fn a_mebibyte_passes_each_way_through_the_windows(server) {
        let served = server.serve(guest("echoes")).await;
        let mut client = served.connect_http2().await;
        let sent: Vec<u8> = (0..1 << 20).map(|byte: u32| (byte % 251) as u8).collect();
        let mut exchange = client.begin(client.request("POST", "/")).await;
        exchange.head().await; // the guest answers before it reads
        for piece in sent.chunks(100_000) {
            exchange.send(piece.to_vec(), false).await;
            assert!(exchange.content(piece.len()).await == piece, "the content comes back");
        }
        exchange.send("", true).await;
        assert_eq!(exchange.piece().await.expect("no reset"), None);
        // And all at once, with a window that every piece fills.
        let mut narrow = served.connect_http2_with(|client| client.initial_window_size(1000)).await;
        let mut exchange = narrow.begin(narrow.request("POST", "/all?2000000")).await;
        exchange.send(sent.clone(), true).await;
        let answer = exchange.answer().await;
        assert!(answer.content == sent, "the content comes back");
        assert_eq!(answer.fields, ["content-length: 1048576"]);
    }

    async fn a_guest_has_the_requests_trailers(server) {
        let served = server.serve(guest("uses-features")).await;
        let mut client = served.connect_http2().await;
        let mut exchange = client.begin(client.request("POST", "/trailers/request")).await;
        exchange.send("abc", false).await;
        exchange.send_trailers("x-checksum", "1");
        exchange.answer().await.expect(200, "(false, Some([\"x-checksum: 1\"]))\n");
        client.post("/trailers/request", "abc").await.expect(200, "(false, Some([]))\n");
        client.get("/trailers/request").await.expect(200, "(true, Some([]))\n");
    }

    async fn a_client_that_wants_trailers_gets_them(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut client = served.connect_http2().await;
            for (path, content) in [("response", "content"), ("without-content", "")] {
                let request = client.request("GET", &format!("/trailers/{path}")).header("te", "trailers");
                let answer = client.ask(request).await;
                answer.expect(200, content);
                assert_eq!(answer.trailers, ["x-checksum: 1", "x-checksum: 2"]);
            }
        }
    }

    async fn a_guest_answers_the_same_in_every_world_and_in_every_version_of_http(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut client = served.connect_http2().await;
            let mut wire = served.connect().await;
            for path in ["/life/there", "/limits/tell", "/trailers/mistakes", "/upgrade/requested", "/authentication"] {
                wire.send(crate::get(path)).await;
                let expected = wire.receive_response().await;
                let answer = client.get(path).await;
                assert_eq!(answer.text(), expected.text(), "{path}");
                assert_eq!(without_framing(answer.fields), without_framing(expected.fields), "{path}");
            }
        }
    }

    async fn many_streams_are_served_at_once_and_one_that_waits_holds_up_none(server) {
        let served = server.serve(guest("echoes")).await;
        let mut client = served.connect_http2().await;
        let mut waiting = client.begin(client.request("POST", "/")).await;
        waiting.head().await;
        let mut exchanges = Vec::new();
        for _ in 0..50 {
            exchanges.push(client.begin(client.request("POST", "/all?9")).await);
        }
        for (number, exchange) in exchanges.iter_mut().enumerate().rev() {
            exchange.send(number.to_string(), true).await;
        }
        for (number, exchange) in exchanges.into_iter().enumerate() {
            exchange.answer().await.expect(200, &number.to_string());
        }
        waiting.send("still here", true).await;
        assert_eq!(waiting.content(10).await, b"still here");
    }

    /// RFC 9110 §10.1.1.
    async fn a_client_that_waits_to_be_asked_for_its_content_is_asked_when_it_is_read(server) {
        let served = server.serve(guest("echoes")).await;
        let mut client = served.connect_http2().await;
        let request = client.request("POST", "/all?9").header("expect", "100-continue").header("content-length", "3");
        let mut exchange = client.begin(request).await;
        let asked = exchange.interim().await;
        assert_eq!((asked.status, asked.fields.len()), (100, 0));
        exchange.send("abc", true).await;
        exchange.answer().await.expect(200, "abc");
    }

    async fn a_client_whose_content_is_not_read_is_not_asked_for_it(server) {
        let served = server.serve(guest("never-reads")).await;
        let mut frames = served.connect_frames().await;
        let head = [frames.head("POST", "/"), section(&[("expect", "100-continue")])].concat();
        frames.send(Frame::new(HEADERS, END_HEADERS, 1, head)).await;
        let answer = frames.receive_kind(HEADERS).await;
        assert_eq!(answer.payload.first(), Some(&0x88), "it is :status 200 of the static table");
        assert_eq!(frames.receive_kind(DATA).await.payload, b"not interested\n");
    }

    async fn hints_come_before_the_answer_and_in_their_order(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut client = served.connect_http2().await;
            let mut exchange = client.begin(client.request("POST", "/interim/hints")).await;
            let first = exchange.interim().await;
            assert_eq!((first.status, first.fields), (103, vec!["link: </style.css>; rel=preload".to_owned()]));
            let second = exchange.interim().await;
            assert_eq!((second.status, second.fields), (102, vec![]));
            exchange.answer().await.expect(200, "after two hints\n");
        }
    }

    async fn the_connections_facts_are_the_sockets_and_all_streams_share_them(server) {
        let served = server.serve(guest("facts")).await;
        let mut client = served.connect_http2().await;
        let mut answers = Vec::new();
        for _ in 0..2 {
            let request = client.request("GET", "/").header("want", "connection");
            answers.push(client.ask(request).await.text().to_owned());
        }
        assert_eq!(answers[0], answers[1]);
        let local = served.addresses()[0].rsplit_once(':').expect("it has a port").1.to_owned();
        let expected = format!("remote: 127.0.0.1 port {}\nlocal: 127.0.0.1 port {local}\n", client.local().port());
        assert_eq!(answers[0].split_once('\n').expect("the id has a line").1, expected);
    }

    async fn every_exchange_has_an_id_of_its_own_that_begins_with_its_connections(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut ids = Vec::new();
            for _ in 0..2 {
                let mut client = served.connect_http2().await;
                for _ in 0..2 {
                    ids.push(client.get("/identifier").await.text().trim_end().to_owned());
                }
            }
            let connection = |id: &str| id.rsplit_once(':').expect("a number stands at the end").0.to_owned();
            assert_eq!(connection(&ids[0]), connection(&ids[1]));
            assert_ne!(connection(&ids[0]), connection(&ids[2]));
            assert!(ids[0] != ids[1] && ids[2] != ids[3], "{ids:?}");
        }
    }

    async fn the_names_of_cgi_are_those_of_this_version(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut client = served.connect_http2().await;
            let names = "/variables?SERVER_PROTOCOL,REQUEST_SCHEME,HTTP_HOST,SERVER_NAME";
            let scheme = served.scheme();
            let expected = format!("SERVER_PROTOCOL=HTTP/2\nREQUEST_SCHEME={scheme}\nHTTP_HOST=a\nSERVER_NAME=a\n");
            client.get(names).await.expect(200, &expected);
        }
    }

    /// RFC 9113 §8.1.1.
    async fn content_of_another_length_than_was_said_resets_the_stream(server) {
        let served = server.serve(guest("echoes")).await;
        for (said, sent) in [("3", "ab"), ("1", "ab")] {
            let mut client = served.connect_http2().await;
            let request = client.request("POST", "/all?9").header("content-length", said);
            let mut exchange = client.begin(request).await;
            let _ = exchange.try_send(sent, true).await;
            assert_eq!(exchange.reset_by_server().await, Reason::PROTOCOL_ERROR, "{said}");
        }
    }

    async fn a_guest_that_fails_is_answered_for_and_the_connection_goes_on(server) {
        let served = server.serve(guest("traps")).await;
        let mut client = served.connect_http2().await;
        let answer = client.get("/").await;
        answer.expect(500, "");
        assert_eq!(answer.fields, ["content-length: 0"]);
        client.get("/sent").await.expect(200, "all of it\n");
    }
}

/// An answer with trailers, of which one is good.
pub(crate) fn with_trailers() -> windhover_contract::Response {
    let trailers = ["x-good", "content-length", "set-cookie", "date"];
    let trailers = trailers.map(|name| (http::HeaderName::from_static(name), http::HeaderValue::from_static("1")));
    let frames = [http_body::Frame::data("a".into()), http_body::Frame::trailers(HeaderMap::from_iter(trailers))];
    let mut response = windhover_contract::Response::empty(http::StatusCode::OK);
    let names = http::HeaderValue::from_static("x-good, content-length, set-cookie, date");
    response.fields.insert(http::header::TRAILER, names);
    response.body = windhover_contract::Body::stream(OfUnknownLength(Vec::from(frames).into_iter()));
    response
}

/// Content that says only at its end how long it is.
struct OfUnknownLength(std::vec::IntoIter<http_body::Frame<Bytes>>);

impl http_body::Body for OfUnknownLength {
    type Data = Bytes;
    type Error = windhover_contract::Fault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, windhover_contract::Fault>>> {
        Poll::Ready(self.0.next().map(Ok))
    }
}

/// `:status 400` of the static table (RFC 7541).
const STATUS_400: u8 = 0x8c;

/// Framing is of the version, and of the moment: a guest that loses its turn behind its head gets no length.
fn without_framing(mut fields: Vec<String>) -> Vec<String> {
    fields.retain(|field| !["transfer-encoding:", "content-length:"].iter().any(|name| field.starts_with(name)));
    fields
}
