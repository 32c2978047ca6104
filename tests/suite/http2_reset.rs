//! The end of a stream of HTTP/2 before its time, by either side: with its code, and without an end to the others.

use std::sync::Arc;

use h2::Reason;
use http::StatusCode;
use tokio::sync::Notify;
use windhover_contract::{Body, Response};
use windhover_tests::{for_each_http2, guest};

use crate::in_every_world;

for_each_http2! {
    async fn a_guest_resets_its_stream_with_a_code_of_its_choice(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut client = served.connect_http2().await;
            for code in [8, 0xb, 0x2a, u32::MAX] {
                let mut exchange = client.begin(client.request("POST", &format!("/reset?{code}"))).await;
                assert_eq!(exchange.reset_by_server().await, Reason::from(code));
            }
            client.get("/life/there").await.expect(200, "false false\n");
        }
    }

    /// Whoever holds the feature may use it in the middle of the content, here with half of it on its way.
    async fn a_reset_in_the_middle_of_the_content_cuts_it_off(server) {
        let served = server
            .serve_fn(|request| {
                let reset = request.features.reset.expect("HTTP/2 has it");
                let mut response = Response::empty(StatusCode::OK);
                response.body = request.body; // what comes goes back, and then nothing more comes
                tokio::spawn(async move {
                    tokio::task::yield_now().await;
                    reset.reset(u32::from(Reason::CANCEL).into());
                });
                std::future::ready(response)
            })
            .await;
        let mut client = served.connect_http2().await;
        let mut exchange = client.begin(client.request("POST", "/")).await;
        assert_eq!(exchange.reset_by_server().await, Reason::CANCEL);
    }

    async fn a_reset_reaches_a_client_that_holds_its_window_closed(server) {
        let begun = Arc::new(Notify::new());
        let begins = Arc::clone(&begun);
        let served = server
            .serve_fn(move |request| {
                let reset = request.features.reset.expect("HTTP/2 has it");
                let begins = Arc::clone(&begins);
                let mut response = Response::empty(StatusCode::OK);
                response.body = Body::full(vec![b'x'; 1 << 20]);
                tokio::spawn(async move {
                    begins.notified().await;
                    reset.reset(u32::from(Reason::CANCEL).into());
                });
                std::future::ready(response)
            })
            .await;
        let mut client = served.connect_http2_with(|client| client.initial_window_size(10)).await;
        let mut exchange = client.begin(client.request("POST", "/")).await;
        exchange.head().await;
        begun.notify_one();
        let error = loop {
            // Ten bytes may be there: nothing is given back for them.
            match exchange.piece_kept().await {
                Ok(Some(piece)) => assert_eq!(piece.len(), 10),
                Ok(None) => panic!("the content is not whole"),
                Err(error) => break error,
            }
        };
        assert_eq!(error.reason(), Some(Reason::CANCEL));
        client.begin(client.request("POST", "/")).await.head().await;
    }

    async fn breaking_off_is_an_internal_error(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut client = served.connect_http2().await;
            for path in ["/life/abort", "/life/abort-late"] {
                let mut exchange = client.begin(client.request("POST", path)).await;
                assert_eq!(exchange.reset_by_server().await, Reason::INTERNAL_ERROR, "{path}");
            }
            client.get("/life/there").await.expect(200, "false false\n");
        }
    }

    async fn a_guest_that_traps_in_the_middle_resets_its_stream_and_no_other(server) {
        let served = server.serve(guest("traps")).await;
        let mut client = served.connect_http2().await;
        let mut exchange = client.begin(client.request("POST", "/late")).await;
        exchange.head().await;
        assert_eq!(exchange.content(16).await, b"the first piece\n");
        exchange.send("seen", true).await;
        assert_eq!(exchange.reset_by_server().await, Reason::INTERNAL_ERROR);
        client.get("/sent").await.expect(200, "all of it\n");
    }

    async fn a_guest_that_traps_sends_no_trailers(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut client = served.connect_http2().await;
            // A guest that loses its turn before it traps has sent its head. So it is asked until it has kept its turn.
            for attempt in 0.. {
                assert!(attempt < 100, "the answer has always left before its guest trapped");
                let request = client.request("GET", "/trailers/traps").header("te", "trailers");
                match client.try_ask(request).await {
                    Ok(answer) => {
                        answer.expect(500, "");
                        break;
                    }
                    Err(error) => assert_eq!(error.reason(), Some(Reason::INTERNAL_ERROR)),
                }
            }
        }
    }

    /// The one instance is free again for the next: whatever call it was that told the guest.
    async fn a_client_that_resets_its_stream_has_left(server) {
        for path in ["told-by-wait", "told-by-write", "told-by-read", "told-before-the-head", "goes-on"] {
            for guest in in_every_world() {
                let change = |limits: &mut windhover_sandbox::SandboxLimits| {
                    (limits.max_instances, limits.last_words) = (1, std::time::Duration::from_secs(3600));
                    limits.timeout = std::time::Duration::from_secs(3600);
                };
                let served = server.clone().sandbox_limits(change).serve(guest).await;
                let mut client = served.connect_http2().await;
                let mut exchange = client.begin(client.request("POST", &format!("/life/{path}"))).await;
                if path == "told-before-the-head" {
                    assert_eq!(exchange.interim().await.status, 103);
                } else {
                    exchange.head().await;
                }
                exchange.reset(Reason::CANCEL);
                drop(exchange); // what has come and was not read would hold the connection's window
                client.get("/life/there").await.expect(200, "false false\n");
            }
        }
    }

    async fn a_client_that_resets_its_stream_ends_the_guest_that_writes_to_it(server) {
        let served = server.sandbox_limits(|limits| limits.max_instances = 1).serve(guest("streams")).await;
        let mut client = served.connect_http2().await;
        let mut exchange = client.begin(client.request("POST", "/endless")).await;
        exchange.head().await;
        exchange.reset(Reason::CANCEL);
        client.get("/empty").await.expect(200, "");
    }

    async fn a_client_that_closes_its_connection_ends_everything_on_it(server) {
        let served = server.sandbox_limits(|limits| limits.max_instances = 1).serve(guest("streams")).await;
        let mut leaving = served.connect_http2().await;
        let mut exchange = leaving.begin(leaving.request("POST", "/endless")).await;
        exchange.head().await;
        leaving.leave();
        served.connect_http2().await.get("/empty").await.expect(200, "");
    }

    /// Its answer is whole: what it would break is nothing any more.
    async fn a_reset_after_the_answer_breaks_nothing(server) {
        let done = Arc::new(Notify::new());
        let tells = Arc::clone(&done);
        let served = server
            .serve_fn(move |request| {
                let (reset, tells) = (request.features.reset.expect("HTTP/2 has it"), Arc::clone(&tells));
                tokio::spawn(async move {
                    tells.notified().await;
                    reset.reset(u32::from(Reason::CANCEL).into());
                });
                let mut response = Response::empty(StatusCode::OK);
                response.body = Body::full("whole");
                std::future::ready(response)
            })
            .await;
        let mut client = served.connect_http2().await;
        client.get("/").await.expect(200, "whole");
        done.notify_one();
        client.get("/").await.expect(200, "whole");
    }
}
