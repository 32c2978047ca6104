//! The facts of the connection, and what happens when the client leaves it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::StatusCode;
use http_body::Frame;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use windhover_contract::{Body, Fault, Response};
use windhover_http::HttpConfig;
use windhover_tests::{TestServer, bounded, for_each_server, guest};

use crate::get;

for_each_server! {
    async fn both_ends_are_told_as_the_socket_has_them(server) {
        let served = server.serve(guest("facts")).await;
        let mut wire = served.connect().await;
        wire.send("GET / HTTP/1.1\r\nhost: a\r\nwant: connection\r\n\r\n").await;
        let response = wire.receive_response().await;
        let ends = response.text().split_once('\n').expect("the id has a line").1;
        let expected = match wire.local() {
            None => "remote: none\nlocal: none\n".to_owned(),
            Some(client) => {
                let local = served.addresses()[0].replace("https://", "http://").replace("http://127.0.0.1:", "127.0.0.1 port ");
                format!("remote: 127.0.0.1 port {}\nlocal: {local}\n", client.port())
            }
        };
        assert_eq!(ends, expected);
    }

    async fn without_a_trusted_proxy_the_route_is_the_socket(server) {
        let served = server.serve(guest("facts")).await;
        let mut wire = served.connect().await;
        wire.send("GET / HTTP/1.1\r\nhost: a\r\nwant: connection\r\n\r\n").await;
        let connection = wire.receive_response().await;
        let ends = connection.text().split_once('\n').expect("the id has a line").1;
        wire.send("GET / HTTP/1.1\r\nhost: a\r\nwant: route\r\n\r\n").await;
        assert_eq!(wire.receive_response().await.text(), format!("{ends}proxies: \n"));
    }

    async fn the_id_is_the_connections_and_not_the_requests(server) {
        let served = server.serve(guest("facts")).await;
        let (mut first, mut second) = (served.connect().await, served.connect().await);
        let mut ids = Vec::new();
        for wire in [&mut first, &mut second] {
            for _ in 0..2 {
                wire.send("GET / HTTP/1.1\r\nhost: a\r\nwant: connection\r\n\r\n").await;
                let response = wire.receive_response().await;
                ids.push(response.text().lines().next().expect("the id has a line").to_owned());
            }
        }
        assert!(ids[0].len() > "id: ".len(), "an empty id tells nothing");
        assert_eq!((&ids[0], &ids[2]), (&ids[1], &ids[3]));
        assert_ne!(ids[0], ids[2]);
    }

    async fn a_client_that_leaves_ends_what_is_done_for_it(server) {
        let (begun, ended) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (begins, ends) = (Arc::clone(&begun), Arc::clone(&ended));
        let served = server
            .serve_fn(move |_| {
                let (begins, ends) = (Arc::clone(&begins), Arc::clone(&ends));
                async move {
                    let _guard = OnDrop(ends);
                    begins.notify_one();
                    std::future::pending().await
                }
            })
            .await;
        let mut wire = served.connect().await;
        wire.send(get("/")).await;
        bounded("the request to arrive", begun.notified()).await;
        wire.leave();
        bounded("the work to be dropped", ended.notified()).await;
    }

    async fn a_client_that_leaves_ends_the_content_that_is_made_for_it(server) {
        let ended = Arc::new(Notify::new());
        let ends = Arc::clone(&ended);
        let served = server
            .serve_fn(move |_| {
                let mut response = Response::empty(StatusCode::OK);
                response.body = Body::stream(NeverEnding(OnDrop(Arc::clone(&ends))));
                std::future::ready(response)
            })
            .await;
        let mut wire = served.connect().await;
        wire.send(get("/")).await;
        wire.expect("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ndate: …\r\n\r\n").await;
        wire.leave();
        bounded("the work to be dropped", ended.notified()).await;
    }

    async fn a_client_that_leaves_ends_the_guest_that_writes_to_it(server) {
        let served = server.sandbox_limits(|limits| limits.max_instances = 1).serve(guest("streams")).await;
        let mut leaving = served.connect().await;
        leaving.send(get("/endless")).await;
        leaving.receive_head().await;
        leaving.leave();
        let mut wire = served.connect().await;
        wire.send(get("/empty")).await;
        assert_eq!(wire.receive_response().await.status_line, "HTTP/1.1 200 OK");
    }

    /// The instance of a guest whose client left is free for the next: only one is allowed here.
    async fn a_client_that_leaves_gives_the_guests_instance_back(server) {
        let served = server.sandbox_limits(|limits| limits.max_instances = 1).serve(guest("streams")).await;
        let mut leaving = served.connect().await;
        leaving.send(get("/flushed")).await;
        assert_eq!(leaving.receive_response().await.text(), "first\n");
        leaving.send("POST /flushed HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n").await;
        leaving.receive_head().await;
        leaving.leave();
        let mut wire = served.connect().await;
        wire.send(get("/empty")).await;
        assert_eq!(wire.receive_response().await.status_line, "HTTP/1.1 200 OK");
    }
}

struct OnDrop(Arc<Notify>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

/// Content that is always about to come.
struct NeverEnding(#[expect(dead_code, reason = "it speaks when it is dropped")] OnDrop);

impl http_body::Body for NeverEnding {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        Poll::Pending
    }
}

/// A socket for every address has a form of its own for them.
#[tokio::test]
async fn clients_of_ipv4_are_told_as_such_also_where_every_address_is_served() {
    let everywhere = |config: &mut HttpConfig| config.endpoints = vec!["http://*:0".into()];
    let served = TestServer::http().config(everywhere).serve(guest("facts")).await;
    let (_, port) = served.addresses()[0].rsplit_once(':').expect("it has a port");
    let mut client = TcpStream::connect(format!("127.0.0.1:{port}")).await.expect("it listens");
    let request = "GET / HTTP/1.1\r\nhost: a\r\nwant: connection\r\nconnection: close\r\n\r\n";
    client.write_all(request.as_bytes()).await.expect("the server reads");
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.expect("it is answered and closed");
    assert!(answer.contains("\nremote: 127.0.0.1 port ") && answer.contains("\nlocal: 127.0.0.1 port "), "{answer}");
}
