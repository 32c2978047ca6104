//! What `wasi:http/types` 0.2 says to each call. The transcripts beside this file are the same on `wasmtime serve`, but
//! for a request that is refused here and sent there.

use http::StatusCode;
use http_body_util::BodyExt;
use tokio::sync::mpsc;
use windhover_contract::{Body, Request, Response};
use windhover_sandbox::{Grants, Outbound, OutboundRule};
use windhover_tests::{TestServer, bounded, for_each_server, guest};

use crate::{get, ok, post};

for_each_server! {
    async fn every_call_says_what_it_should(server) {
        let served = server.serve(guest("wasi-types")).await;
        let mut wire = served.connect().await;
        for (path, transcript) in [
            ("/fields", include_str!("wasi_types/fields.txt")),
            ("/requests", include_str!("wasi_types/requests.txt")),
            ("/responses", include_str!("wasi_types/responses.txt")),
        ] {
            wire.send(get(path)).await;
            assert_eq!(wire.receive_response().await.text(), transcript, "for {path}");
        }
    }

    async fn content_is_told_piece_by_piece_and_then_its_trailers(server) {
        let served = server.serve(guest("wasi-types")).await;
        let mut wire = served.connect().await;
        let none = "trailers none\nand then Some(Err(()))\n";
        let trailers = "trailers [(\"x-sum\", \"1\")] Err(HeaderError::Immutable)\nand then Some(Err(()))\n";
        let content = "twice false false\ncontent \"content\" closed\nand then Err(StreamError::Closed)\n";
        let chunked = |path: &str| {
            format!(
                "POST {path} HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n\
                 3\r\ncon\r\n4\r\ntent\r\n0\r\nX-Sum: 1\r\n\r\n"
            )
        };
        wire.send(post("/content", "content") + &post("/skipped", "content")).await;
        assert_eq!(wire.receive_response().await.text(), format!("{content}{none}"));
        assert_eq!(wire.receive_response().await.text(), none);
        wire.send(chunked("/content") + &chunked("/skipped") + &get("/skipped")).await;
        assert_eq!(wire.receive_response().await.text(), format!("{content}{trailers}"));
        assert_eq!(wire.receive_response().await.text(), trailers);
        assert_eq!(wire.receive_response().await.text(), none);
    }

    /// The code is in the stream's error, and in place of the trailers.
    async fn content_that_is_not_whole_is_told_with_its_code(server) {
        let served = server.limits(|limits| limits.max_request_body_size = Some(5)).serve(guest("wasi-types")).await;
        let code = "ErrorCode::HttpRequestBodySize(None)";
        let trailers = format!("trailers Some(Ok(Err({code})))\nand then Some(Err(()))\n");
        let content = format!("twice false false\ncontent \"abc\" Some({code})\nand then Err(StreamError::Closed)\n");
        for (path, told) in [("/content", format!("{content}{trailers}")), ("/skipped", trailers.clone())] {
            let mut wire = served.connect().await;
            wire.send(format!("POST {path} HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n")).await;
            wire.send("3\r\ndef\r\n").await;
            assert_eq!(wire.receive_response().await.text(), told, "for {path}");
        }
    }

    async fn an_answer_that_is_whole_when_its_guest_ends_has_a_length(server) {
        let served = server.serve(guest("wasi-types")).await;
        let mut wire = served.connect().await;
        wire.send("HEAD /early HTTP/1.1\r\nhost: a\r\n\r\n".to_owned() + &get("/early")).await;
        let whole = ok("one two three");
        wire.expect(whole.strip_suffix("one two three").expect("the content is last")).await;
        wire.expect(&whole).await;
    }

    async fn a_guest_runs_ahead_of_its_client_by_128_kib(server) {
        let served = server.serve(guest("wasi-types")).await;
        let mut wire = served.connect().await;
        wire.send(get("/ahead")).await;
        let answer = wire.receive_response().await;
        assert_eq!(answer.text(), format!("{}\n131072\n", "x".repeat(131_072)));
    }

    async fn a_length_without_content_is_a_broken_answer(server) {
        let served = server.serve(guest("wasi-types")).await;
        let mut wire = served.connect().await;
        wire.send("HEAD /nothing HTTP/1.1\r\nhost: a\r\n\r\n").await;
        wire.expect("HTTP/1.1 200 OK\r\ncontent-length: 5\r\ndate: …\r\n\r\n").await;
        wire.send(get("/nothing")).await;
        wire.expect_broken_answer().await;
    }
}

/// Guards against: wasmtime ends the content of such a request well, and its server takes a part for the whole.
#[tokio::test]
async fn a_request_whose_guest_ends_in_the_middle_is_not_taken_for_whole() {
    let (told, mut is_whole) = mpsc::unbounded_channel();
    let upstream = TestServer::http();
    let upstream = upstream.serve_fn(move |request: Request| {
        let told = told.clone();
        async move {
            let mut content = request.body;
            let first = content.frame().await.expect("there is some").expect("it is well so far");
            tokio::spawn(async move { told.send((first.into_data().ok(), content.collect().await.is_ok())) });
            let mut response = Response::empty(StatusCode::OK);
            response.body = Body::full("go on");
            response
        }
    });
    let upstream = upstream.await;
    let authority = upstream.addresses()[0].strip_prefix("http://").expect("it is a server of HTTP").to_owned();
    let rule = format!("http://{authority}").parse::<OutboundRule>().expect("it is a rule").private();
    let outbound = Outbound { rules: vec![rule], ..Outbound::default() };
    let grant = move |grants: Grants| grants.outbound(outbound.clone()).expect("it can be granted");
    let served = TestServer::http().grants(grant).serve(guest("wasi-types")).await;
    let mut wire = served.connect().await;
    wire.send(get(&format!("/breaks-off/{authority}"))).await;
    assert_eq!(wire.receive_response().await.status_line, "HTTP/1.1 500 Internal Server Error");
    let (first, is_whole) = bounded("what the other server got", is_whole.recv()).await.expect("it got something");
    assert_eq!((first.as_deref(), is_whole), (Some(b"a part".as_slice()), false));
}
