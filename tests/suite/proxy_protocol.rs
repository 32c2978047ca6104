//! The PROXY protocol: who the client is when a proxy connects for it, and the connections that are closed because they
//! do not begin as their endpoint requires.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::StatusCode;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use windhover_contract::{
    Body, Connection, ConnectionEnd, Drained, Limits, Observer, ProxyFault, Request, Response, TrustedPeer,
    TrustedPeers,
};
use windhover_http::EndpointConfig;
use windhover_tests::secure::client;
use windhover_tests::{Served, TestServer, Wire, bounded, for_each_socket, guest};

use crate::{get, ok};

const V1: &[u8] = b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n";
const UNKNOWN: &[u8] = b"PROXY UNKNOWN\r\n";
const TOLD_V4: &str = "192.0.2.1:56324 198.51.100.2:443";
const TOLD_V6: &str = "[2001:db8::1]:1 [2001:db8::2]:443";

fn v2(command: u8, family: u8, rest: &[&[u8]]) -> Vec<u8> {
    let rest = rest.concat();
    let size = u16::try_from(rest.len()).expect("it is short");
    [&b"\r\n\r\n\0\r\nQUIT\n"[..], &[command, family], &size.to_be_bytes(), &rest].concat()
}

fn v2_tcp4(fields: &[u8]) -> Vec<u8> {
    v2(0x21, 0x11, &[&[192, 0, 2, 1, 198, 51, 100, 2, 0xdc, 0x04, 1, 0xbb], fields])
}

fn v2_tcp6() -> Vec<u8> {
    let [one, other] = ["2001:db8::1", "2001:db8::2"].map(|address| address.parse::<std::net::Ipv6Addr>());
    let octets = |address: Result<std::net::Ipv6Addr, _>| address.expect("it is one").octets();
    v2(0x21, 0x21, &[&octets(one), &octets(other), &[0, 1, 1, 0xbb]])
}

fn field(kind: u8, value: &[u8]) -> Vec<u8> {
    let size = u16::try_from(value.len()).expect("it is short");
    [&[kind][..], &size.to_be_bytes(), value].concat()
}

fn trusted(peer: &str) -> TrustedPeers {
    [peer.parse::<TrustedPeer>().expect("it is one")].into_iter().collect()
}

/// Every endpoint requires the header, of peers on this machine.
fn required(server: TestServer) -> TestServer {
    server.config(|config| {
        for endpoint in &mut config.endpoints {
            endpoint.proxy_protocol = Some(trusted("127.0.0.0/8"));
        }
    })
}

/// Answers with the ends of the connection and the facts of its session.
async fn tell(request: Request) -> Response {
    let connection = request.features.connection.expect("it is offered");
    let end = |end: Option<std::net::SocketAddr>| end.map_or("none".to_owned(), |end| end.to_string());
    let mut text = format!("{} {}", end(connection.remote()), end(connection.local()));
    if request.target.path() != "/" {
        let variables = request.features.server_variables.expect("it is offered");
        let tls = request.features.tls.map(|tls| (tls.protocol.clone(), tls.alpn.clone(), tls.server_name.clone()));
        let certificate = variables.get("SSL_CLIENT_S_DN_CN").unwrap_or("nobody");
        text = format!("{} {tls:?} {certificate}", request.target.scheme().as_str());
    }
    let mut response = Response::empty(StatusCode::OK);
    response.body = Body::full(text);
    response
}

/// How the client speaks behind the header.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Spoken {
    Http1,
    Http2,
}

/// Asks on a new connection. The header is in one piece with what follows it.
async fn ask(served: &Served, header: &[u8], spoken: Spoken) -> String {
    let stream = Prefixed { prefix: header.to_vec(), stream: served.connect_tcp().await };
    if served.scheme() == "http" {
        return exchange(stream, spoken, "http").await;
    }
    let alpn = if spoken == Spoken::Http1 { "http/1.1" } else { "h2" };
    let connector = TlsConnector::from(Arc::new(client(&[alpn], None)));
    let connecting = connector.connect("localhost".try_into().expect("it is a name"), stream);
    let stream = bounded("the server to shake hands", connecting).await.expect("the server speaks TLS");
    exchange(stream, spoken, "https").await
}

async fn exchange<S>(stream: S, spoken: Spoken, scheme: &str) -> String
where
    S: AsyncRead + AsyncWrite + Unpin + Send + Sync + 'static,
{
    match spoken {
        Spoken::Http1 => {
            let answer = answers(stream, LAST_REQUEST).await;
            answer.split_once("\r\n\r\n").expect("there is a head").1.to_owned()
        }
        Spoken::Http2 => {
            let (requests, connection) =
                bounded("a greeting", h2::client::handshake(stream)).await.expect("it is HTTP/2");
            let driving = tokio::spawn(connection);
            let mut requests = requests.ready().await.expect("a stream is free");
            let request = http::Request::get(format!("{scheme}://a/")).body(()).expect("it is a request");
            let (response, _) = requests.send_request(request, true).expect("it is sent");
            let response = bounded("an answer", response).await.expect("it is answered");
            let (mut body, mut content) = (response.into_body(), Vec::new());
            while let Some(piece) = bounded("content", body.data()).await {
                content.extend_from_slice(&piece.expect("it is whole"));
            }
            driving.abort();
            String::from_utf8(content).expect("it is text")
        }
    }
}

/// All that comes when this is sent and the last request ends the connection.
async fn answers<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, requests: &str) -> String {
    let answers = async {
        let mut answers = String::new();
        stream.write_all(requests.as_bytes()).await.expect("the server reads");
        stream.flush().await.expect("the server reads");
        stream.read_to_string(&mut answers).await.expect("it is answered and closed");
        answers
    };
    bounded("all answers", answers).await
}

const LAST_REQUEST: &str = "GET / HTTP/1.1\r\nhost: a\r\nwant: connection\r\nconnection: close\r\n\r\n";

for_each_socket! {
    async fn the_client_is_the_one_that_the_proxy_tells(server) {
        let served = required(server).serve_fn(tell).await;
        for spoken in [Spoken::Http1, Spoken::Http2] {
            for (header, expected) in [
                (V1.to_vec(), TOLD_V4),
                (v2_tcp4(b""), TOLD_V4),
                (v2_tcp4(&field(5, b"an id")), TOLD_V4),
                (b"PROXY TCP6 2001:db8::1 2001:db8::2 1 443\r\n".to_vec(), TOLD_V6),
                (v2_tcp6(), TOLD_V6),
            ] {
                assert_eq!(ask(&served, &header, spoken).await, expected, "{spoken:?} {}", header.escape_ascii());
            }
        }
    }

    async fn a_guest_sees_the_client_that_the_proxy_tells(server) {
        let served = required(server).serve(guest("facts")).await;
        let told = ask(&served, V1, Spoken::Http1).await;
        assert!(told.ends_with("\nremote: 192.0.2.1 port 56324\nlocal: 198.51.100.2 port 443\n"), "{told}");
    }

    async fn a_proxy_that_connects_for_itself_is_the_client(server) {
        let served = required(server).serve_fn(tell).await;
        let local = served.addresses()[0].split_once("://").expect("it is a URL").1.to_owned();
        let unix = v2(0x21, 0x31, &[&[b'/'; 216]]);
        for header in [UNKNOWN.to_vec(), v2(0x20, 0, &[]), v2(0x21, 0, &[]), unix] {
            for spoken in [Spoken::Http1, Spoken::Http2] {
                let told = ask(&served, &header, spoken).await;
                assert!(told.starts_with("127.0.0.1:") && told.ends_with(&local), "{told} {}", header.escape_ascii());
            }
        }
    }

    async fn no_connection_that_does_not_begin_with_a_good_header_reaches_the_app(server) {
        let refused = Arc::new(Refused::default());
        let observer = Arc::clone(&refused);
        let served = required(server)
            .config(move |config| config.observer = Some(observer.clone()))
            .serve_fn(|_| async { panic!("a request has reached the app") })
            .await;
        let endless = v2(0x21, 0x11, &[&[b'x'; 20_000]]);
        for (beginning, expected) in [
            (get("/").into_bytes(), "proxy_header_missing"),
            (b"\x16\x03\x01\x02\x00\x01".to_vec(), "proxy_header_missing"),
            (windhover_tests::http2::PREFACE.to_vec(), "proxy_header_missing"),
            ([b"\r\n", V1].concat(), "proxy_header_missing"),
            (b"PROXY TCP4 192.0.2.1 198.51.100.2 99999 443\r\n".to_vec(), "proxy_header_malformed"),
            (v2(0x21, 0x11, &[b"short"]), "proxy_header_malformed"),
            ([&b"PROXY UNKNOWN "[..], &[b'x'; 5000]].concat(), "proxy_header_too_large"),
            (endless[..100].to_vec(), "proxy_header_too_large"),
        ] {
            let mut wire = Wire::tcp(served.connect_tcp().await);
            let _ = wire.try_send(&beginning).await;
            wire.expect_closed().await;
            refused.expect(expected).await;
        }
        // What ends before it is whole.
        let mut wire = Wire::tcp(served.connect_tcp().await);
        wire.send(&V1[..20]).await;
        wire.finish().await;
        wire.expect_closed().await;
        refused.expect("proxy_header_malformed").await;
        // A check whether the port is open is no attempt.
        let mut wire = Wire::tcp(served.connect_tcp().await);
        wire.finish().await;
        wire.expect_closed().await;
        assert!(refused.codes.lock().is_empty());
    }

    async fn a_header_of_a_peer_that_is_not_trusted_is_refused(server) {
        let refused = Arc::new(Refused::default());
        let observer = Arc::clone(&refused);
        let served = server
            .config(move |config| {
                config.observer = Some(observer.clone());
                config.endpoints[0].proxy_protocol = Some(trusted("unix"));
            })
            .serve_fn(|_| async { panic!("a request has reached the app") })
            .await;
        let mut wire = Wire::tcp(served.connect_tcp().await);
        let _ = wire.try_send([V1, get("/").as_bytes()].concat()).await;
        wire.expect_closed().await;
        refused.expect("proxy_peer_untrusted").await;
    }

    async fn a_header_that_does_not_end_is_waited_for_as_long_as_a_head(server) {
        let refused = Arc::new(Refused::default());
        for beginning in [&b""[..], &V1[..30], &v2_tcp4(b"")[..20]] {
            let observer = Arc::clone(&refused);
            let served = required(server.clone())
                .config(move |config| config.observer = Some(observer.clone()))
                .limits(|limits| limits.request_head_timeout = Duration::from_secs(7))
                .with_test_clock()
                .serve_fn(tell)
                .await;
            let mut wire = Wire::tcp(served.connect_tcp().await);
            wire.send(beginning).await;
            served.almost_reach(Duration::from_secs(7)).await;
            wire.expect_nothing_yet().await;
            served.advance(Duration::from_secs(1)).await;
            wire.expect_closed().await;
            refused.expect("proxy_header_too_slow").await;
        }
    }

    async fn a_header_may_come_byte_by_byte_and_so_may_what_follows(server) {
        let served = required(server).serve_fn(tell).await;
        for header in [V1.to_vec(), v2_tcp4(&field(5, b"an id"))] {
            let mut stream = served.connect_tcp().await;
            for byte in &header {
                stream.write_all(&[*byte]).await.expect("the server reads");
                tokio::task::yield_now().await;
            }
            let told = if served.scheme() == "http" {
                let mut wire = Wire::tcp(stream);
                for byte in get("/").as_bytes() {
                    wire.send([*byte]).await;
                    tokio::task::yield_now().await;
                }
                wire.receive_response().await.text().to_owned()
            } else {
                let connector = TlsConnector::from(Arc::new(client(&["h2"], None)));
                let connecting = connector.connect("localhost".try_into().expect("it is a name"), stream);
                let stream = bounded("the server to shake hands", connecting).await.expect("it speaks TLS");
                exchange(stream, Spoken::Http2, "https").await
            };
            assert_eq!(told, TOLD_V4);
        }
    }
}

#[tokio::test]
async fn requests_in_one_piece_with_the_header_are_all_answered() {
    let served = required(TestServer::http()).serve_fn(tell).await;
    let mut wire = Wire::tcp(served.connect_tcp().await);
    // More than is read at once.
    let long = format!("GET / HTTP/1.1\r\nhost: a\r\nlong: {}\r\n\r\n", "x".repeat(3000));
    wire.send([V1, get("/").as_bytes(), long.as_bytes(), get("/").as_bytes()].concat()).await;
    for _ in 0..3 {
        assert_eq!(wire.receive_response().await.text(), TOLD_V4);
    }
    // Only the beginning of a connection is a header.
    wire.send([V1, get("/").as_bytes()].concat()).await;
    assert_eq!(wire.receive_response().await.status_line, "HTTP/1.1 400 Bad Request");
}

#[tokio::test]
async fn a_header_where_none_is_required_is_malformed_http() {
    let served = TestServer::http().serve_fn(tell).await;
    let mut wire = Wire::tcp(served.connect_tcp().await);
    wire.send([V1, get("/").as_bytes()].concat()).await;
    assert_eq!(wire.receive_response().await.status_line, "HTTP/1.1 400 Bad Request");
}

/// The proxy ended TLS, so the client's session is the one with the proxy.
#[tokio::test]
async fn the_session_that_the_proxy_tells_is_the_clients() {
    let served = required(TestServer::http()).serve_fn(tell).await;
    let session = [field(0x21, b"TLSv1.3"), field(0x22, b"somebody")].concat();
    let ssl = |flags: u8| field(0x20, &[&[flags, 0, 0, 0, 0][..], &session].concat());
    for (ssl, expected) in [
        (ssl(7), "https Some((\"TLSv1.3\", Some(\"http/1.1\"), Some(\"shop.example\"))) somebody"),
        (ssl(1), "https Some((\"TLSv1.3\", Some(\"http/1.1\"), Some(\"shop.example\"))) nobody"),
        (ssl(0), "http None nobody"),
        (Vec::new(), "http None nobody"),
    ] {
        let fields = [field(1, b"http/1.1"), field(2, b"shop.example"), ssl].concat();
        let mut wire = Wire::tcp(served.connect_tcp().await);
        wire.send([v2_tcp4(&fields), get("/session").into_bytes()].concat()).await;
        wire.expect(&ok(expected)).await;
    }
}

#[tokio::test]
async fn a_proxy_connects_by_a_unix_socket() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("a.sock");
    let url = format!("unix:{}", path.display());
    let served = TestServer::http()
        .config(move |config| {
            let proxy_protocol = Some(trusted("unix"));
            config.endpoints.push(EndpointConfig { proxy_protocol, ..(&*url).into() });
        })
        .serve_fn(tell)
        .await;
    for (header, expected) in [(V1, TOLD_V4), (UNKNOWN, "none none")] {
        let header = std::str::from_utf8(header).expect("it is text");
        let sent = format!("{header}{}{LAST_REQUEST}", get("/"));
        let answers = answers(UnixStream::connect(&path).await.expect("it listens"), &sent).await;
        assert_eq!(answers.matches(&format!("\r\n\r\n{expected}")).count(), 2, "{answers}");
    }
    let mut stream = UnixStream::connect(&path).await.expect("it listens");
    stream.write_all(get("/").as_bytes()).await.expect("the server reads");
    let read = bounded("the end", stream.read(&mut [0; 100])).await;
    assert!(read.as_ref().is_ok_and(|size| *size == 0) || read.is_err(), "{read:?}");
    assert_eq!(served.connect().await.local().map(|local| local.ip().is_loopback()), Some(true));
}

#[tokio::test]
async fn one_connection_too_many_is_told_so_behind_its_header() {
    let served =
        required(TestServer::http()).limits(|limits| limits.max_connections = 1.try_into().ok()).serve_fn(tell).await;
    let mut first = Wire::tcp(served.connect_tcp().await);
    first.send([V1, get("/").as_bytes()].concat()).await;
    assert_eq!(first.receive_response().await.text(), TOLD_V4);
    let mut second = Wire::tcp(served.connect_tcp().await);
    second.send([V1, get("/").as_bytes()].concat()).await;
    assert_eq!(second.receive_response().await.status_line, "HTTP/1.1 503 Service Unavailable");
}

#[tokio::test]
async fn a_connection_without_its_header_does_not_delay_the_servers_end() {
    let mut served = required(TestServer::http()).with_test_clock().serve_fn(tell).await;
    let mut waiting = Wire::tcp(served.connect_tcp().await);
    waiting.send(&V1[..10]).await;
    bounded("the header to be waited for", served.clock().wait_until_armed_at(Limits::default().request_head_timeout))
        .await;
    served.begin_shutdown();
    served.advance(Duration::from_secs(1)).await;
    waiting.expect_closed().await;
    assert_eq!(served.drained().await, Drained::Clean);
}

/// The codes of refused headers.
#[derive(Default)]
struct Refused {
    codes: Mutex<Vec<&'static str>>,
    changed: tokio::sync::Notify,
}

impl Refused {
    async fn expect(&self, code: &str) {
        let told = async {
            while self.codes.lock().is_empty() {
                self.changed.notified().await;
            }
        };
        bounded("a refusal to be observed", told).await;
        assert_eq!(std::mem::take(&mut *self.codes.lock()), [code]);
    }
}

impl Observer for Refused {
    fn proxy_header_refused(&self, connection: &Connection, fault: ProxyFault) {
        assert!(connection.socket.remote.is_some() && connection.told.is_none());
        self.codes.lock().push(fault.code());
        self.changed.notify_one();
    }

    fn connection_ended(&self, _: &Connection, _: Duration, end: ConnectionEnd<'_>) {
        assert_ne!(end, ConnectionEnd::Refused);
    }
}

/// A stream whose first write has something in front of it.
struct Prefixed {
    prefix: Vec<u8>,
    stream: TcpStream,
}

impl AsyncRead for Prefixed {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Prefixed {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let prefix = std::mem::take(&mut self.prefix);
        if prefix.is_empty() {
            return Pin::new(&mut self.stream).poll_write(cx, bytes);
        }
        let whole = [&prefix, bytes].concat();
        let size = ready!(Pin::new(&mut self.stream).poll_write(cx, &whole))?;
        assert_eq!(size, whole.len(), "a new connection takes a few bytes");
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
