//! The head of a response over HTTP/2: its fields, its status, and whether content follows.

use windhover_tests::{for_each_http2, guest};

for_each_http2! {
    async fn an_answer_has_its_length_its_date_and_no_fields_of_a_connection(server) {
        let served = server.serve(guest("rust-hello")).await;
        let mut client = served.connect_http2().await;
        for _ in 0..2 {
            let answer = client.get("/").await; // the date was checked
            assert_eq!(answer.fields, ["content-length: 24", "content-type: text/plain; charset=utf-8"]);
            answer.expect(200, "Hello from WebAssembly!\n");
        }
    }

    async fn an_answer_to_head_has_fields_and_no_content(server) {
        let served = server.serve(guest("rust-hello")).await;
        let mut client = served.connect_http2().await;
        let answer = client.ask(client.request("HEAD", "/")).await;
        assert_eq!(answer.fields, ["content-length: 24", "content-type: text/plain; charset=utf-8"]);
        answer.expect(200, "");
        client.get("/").await.expect(200, "Hello from WebAssembly!\n");
    }

    async fn statuses_without_content_have_none_and_no_length(server) {
        let served = server
            .serve_fn(|request| {
                let status = request.target.path()[1..].parse().expect("the path is a status");
                let mut response = windhover_contract::Response::empty(status);
                response.fields.insert("content-length", http::HeaderValue::from_static("10"));
                response.body = windhover_contract::Body::full("never sent");
                std::future::ready(response)
            })
            .await;
        let mut client = served.connect_http2().await;
        for (status, fields) in [(204, &[][..]), (205, &["content-length: 0"][..]), (304, &[][..])] {
            let answer = client.get(&format!("/{status}")).await;
            answer.expect(status, "");
            assert_eq!(answer.fields, fields, "{answer}");
        }
    }

    /// As over HTTP/1.1: RFC 9113 §8.1.1.
    async fn an_answer_without_content_need_not_have_what_it_promises(server) {
        for (guest, path) in
            [(guest("answers"), "/begun?"), (guest("wasi-types"), "/promised/"), (guest("wasi3-facts"), "/promised/")]
        {
            let served = server.clone().sandbox_limits(|limits| limits.rapid_fail = 1).serve(guest).await;
            let mut client = served.connect_http2().await;
            for (method, status, fields) in [
                ("HEAD", 200, &["content-length: 5"][..]),
                ("HEAD", 201, &["content-length: 5"][..]),
                ("GET", 204, &[][..]),
                ("GET", 205, &["content-length: 0"][..]),
                ("GET", 304, &[][..]),
            ] {
                let request = client.request(method, &format!("{path}{status}")).header("give-content-length", "5");
                let answer = client.ask(request).await;
                answer.expect(status, "");
                assert_eq!(answer.fields, fields, "{method} {answer}");
            }
        }
    }

    /// RFC 9113 §8.2.2. An application that was written for HTTP/1.1 may set them.
    async fn fields_of_a_connection_are_left_out(server) {
        let served = server
            .serve_fn(|_| {
                let mut response = windhover_contract::Response::empty(http::StatusCode::OK);
                for name in
                    ["connection", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade", "x-own"]
                {
                    response.fields.insert(name, http::HeaderValue::from_static("x-own"));
                }
                response.body = windhover_contract::Body::full("content");
                std::future::ready(response)
            })
            .await;
        let mut client = served.connect_http2().await;
        let answer = client.get("/").await;
        assert_eq!(answer.fields, ["content-length: 7", "x-own: x-own"]);
        answer.expect(200, "content");
    }

    /// As over HTTP/1.1: RFC 9110 §8.6 and §15.2.
    async fn a_length_that_is_wrong_never_leaves_nor_does_a_status_that_is_not_final(server) {
        let served = server
            .serve_fn(|request| {
                let (status, length, content) = match &*request.target.path() {
                    "/more" => (200, "3", "content"),
                    "/none" => (200, "10", ""),
                    "/101" => (101, "7", "content"),
                    _ => (103, "7", "content"),
                };
                let status = http::StatusCode::from_u16(status).expect("it is a status");
                let mut response = windhover_contract::Response::empty(status);
                response.fields.insert("content-length", http::HeaderValue::from_static(length));
                response.body = windhover_contract::Body::full(content);
                std::future::ready(response)
            })
            .await;
        let mut client = served.connect_http2().await;
        for (path, status, length, content) in
            [("/more", 200, 7, "content"), ("/none", 200, 0, ""), ("/101", 500, 0, ""), ("/103", 500, 0, "")]
        {
            let answer = client.get(path).await;
            assert_eq!(answer.fields, [format!("content-length: {length}")], "{path}");
            answer.expect(status, content);
        }
    }
}
