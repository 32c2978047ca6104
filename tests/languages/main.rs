//! Standard wasi:http components that were not built for Windhover, from the toolchains of other languages, on every
//! server. `just languages` builds them and runs this.

use windhover_tests::{Served, Wire, for_each_server, guest};

for_each_server! {
    async fn a_guest_written_in_c_answers_as_its_language_would(server) {
        let served = server.serve(guest("c-wasi-http")).await;
        answers(&served, "Hello from C\n").await;
    }

    async fn a_guest_written_in_javascript_answers_as_its_language_would(server) {
        let served = server.serve(guest("js-wasi-http")).await;
        answers(&served, "Hello from JavaScript\n").await;
    }

    async fn a_guest_written_in_python_answers_as_its_language_would(server) {
        let served = server.serve(guest("python-wasi-http-p3")).await;
        answers(&served, "Hello from Python\n").await;
    }

    async fn a_guest_written_in_c_echoes_each_piece_as_it_comes(server) {
        let served = server.serve(guest("c-wasi-http")).await;
        echoes(&mut served.connect().await).await;
    }

    async fn a_guest_written_in_javascript_echoes_each_piece_as_it_comes(server) {
        let served = server.serve(guest("js-wasi-http")).await;
        echoes(&mut served.connect().await).await;
    }

    async fn a_guest_written_in_python_echoes_each_piece_as_it_comes(server) {
        let served = server.serve(guest("python-wasi-http-p3")).await;
        echoes(&mut served.connect().await).await;
    }
}

async fn answers(served: &Served, hello: &str) {
    let wire = &mut served.connect().await;
    wire.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let response = wire.receive_response().await;
    assert_eq!((response.status_line.as_str(), response.text()), ("HTTP/1.1 200 OK", hello));
    assert_eq!(response.field("content-type"), Some("text/plain; charset=utf-8"));

    wire.send("GET /request?q HTTP/1.1\r\nhost: shop.example:8080\r\n\r\n").await;
    let response = wire.receive_response().await;
    let scheme = served.scheme();
    assert_eq!(response.text(), format!("method=GET\nauthority=shop.example:8080\nscheme={scheme}\n"));

    wire.send("GET /nowhere HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let response = wire.receive_response().await;
    assert_eq!((response.status_line.as_str(), response.text()), ("HTTP/1.1 404 Not Found", ""));
}

/// Full duplex: what is sent first comes back before the rest is sent.
async fn echoes(wire: &mut Wire) {
    wire.send("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-type: text/x\r\ntransfer-encoding: chunked\r\n\r\n").await;
    wire.send("5\r\nfirst\r\n").await;
    let head = wire.receive_head().await;
    assert_eq!((head.status_line.as_str(), head.field("content-type")), ("HTTP/1.1 200 OK", Some("text/x")));
    assert_eq!(wire.receive_chunk().await.as_deref(), Some(&b"first"[..]));
    wire.send("6\r\nsecond\r\n0\r\n\r\n").await;
    assert_eq!(wire.receive_chunk().await.as_deref(), Some(&b"second"[..]));
    assert_eq!(wire.receive_chunk().await, None);
}
