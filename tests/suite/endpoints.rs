//! Where the server listens, changed while it serves: what stays is not touched, what goes is drained.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use windhover_contract::{
    Application, Body, Drained, EndpointsChanged, Limits, Request, Response, Server, ServerHandle,
};
use windhover_http::{Clock, EndpointConfig, HttpConfig, HttpHandle, HttpServer, TestClock};
use windhover_tests::{Wire, bounded};

use crate::{SECOND, get, ok};

#[tokio::test]
async fn an_endpoint_is_added_and_the_others_go_on() {
    let serving = Serving::start();
    let first = serving.first.clone();
    let mut old = connect(&first).await;
    expect_addresses(&mut old, &[&first]).await;
    let changed = serving.change(&[&first, ANY_PORT]).await.expect("there is a free port");
    let [second] = &changed.opened[..] else { panic!("one is new: {changed:?}") };
    assert!(changed.closed.is_empty(), "{changed:?}");
    expect_addresses(&mut connect(second).await, &[&first, second]).await;
    expect_addresses(&mut connect(&first).await, &[&first, second]).await;
    expect_addresses(&mut old, &[&first]).await; // as it was when the client came
    assert_eq!(serving.leave().await, Drained::Clean);
}

#[tokio::test]
async fn an_endpoint_that_goes_finishes_what_is_under_way() {
    let serving = Serving::start();
    let first = serving.first.clone();
    let (mut idle, mut working) = (connect(&first).await, connect(&first).await);
    expect_addresses(&mut idle, &[&first]).await;
    working.send(get("/hold")).await;
    bounded("the request to arrive", serving.application.begun.notified()).await;
    let changed = serving.change(&[ANY_PORT]).await.expect("there is a free port");
    assert_eq!(changed.closed, std::slice::from_ref(&first));
    idle.expect_closed().await;
    TcpStream::connect(authority(&first)).await.expect_err("nobody listens there any more");
    serving.application.release.notify_one();
    assert_eq!(working.receive_response().await.text(), "held\n");
    working.expect_closed().await;
    expect_addresses(&mut connect(&changed.opened[0]).await, &[&changed.opened[0]]).await;
    assert_eq!(serving.leave().await, Drained::Clean);
}

#[tokio::test]
async fn what_hangs_at_an_endpoint_that_goes_is_broken_off_in_the_end() {
    let serving = Serving::start();
    let first = serving.first.clone();
    let mut working = connect(&first).await;
    working.send(get("/hold")).await;
    bounded("the request to arrive", serving.application.begun.notified()).await;
    let changed = serving.change(&[ANY_PORT]).await.expect("there is a free port");
    bounded("the connection to hear of it", serving.clock.wait_until_armed_at(DRAIN_TIMEOUT)).await;
    serving.clock.advance(DRAIN_TIMEOUT - SECOND).await;
    expect_addresses(&mut connect(&changed.opened[0]).await, &[&changed.opened[0]]).await;
    working.expect_nothing_yet().await;
    serving.clock.advance(SECOND).await;
    working.expect_closed().await;
}

#[tokio::test]
async fn an_endpoint_takes_the_place_of_one_that_is_in_its_way() {
    let serving = Serving::start();
    let first = serving.first.clone();
    let everywhere = first.replace("127.0.0.1", "0.0.0.0");
    let mut old = connect(&first).await;
    expect_addresses(&mut old, &[&first]).await;
    let changed = serving.change(&[&everywhere]).await.expect("what is in the way is its own");
    assert_eq!((changed.opened, changed.closed), (vec![everywhere.clone()], vec![first.clone()]));
    old.expect_closed().await;
    expect_addresses(&mut connect(&first).await, &[&everywhere]).await;
}

#[tokio::test]
async fn endpoints_of_which_one_cannot_be_bound_change_nothing() {
    let serving = Serving::start();
    let first = serving.first.clone();
    let mut old = connect(&first).await;
    expect_addresses(&mut old, &[&first]).await;
    let other = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let taken = format!("http://{}", other.local_addr().expect("it is bound"));
    let everywhere = first.replace("127.0.0.1", "0.0.0.0");
    for wanted in [&[&*first, &*taken][..], &[&*everywhere, &*taken], &[&*first, &*first], &["http://a"], &[]] {
        let reason = serving.change(wanted).await.expect_err("it cannot be bound").to_string();
        assert!(wanted.iter().any(|url| reason.contains(authority(url))) || wanted.is_empty(), "{reason}");
        expect_addresses(&mut connect(&first).await, &[&first]).await;
        expect_addresses(&mut old, &[&first]).await;
    }
}

#[tokio::test]
async fn protocols_change_for_those_who_come_from_now_on() {
    let serving = Serving::start();
    let first = serving.first.clone();
    let mut old = connect(&first).await;
    expect_addresses(&mut old, &[&first]).await;
    let only_http2 = EndpointConfig { protocols: windhover_http::Protocols::HTTP2, ..(&*first).into() };
    let changed = serving.handle.change_endpoints(vec![only_http2]).await.expect("it is bound already");
    assert_eq!(changed, Default::default());
    let mut new = connect(&first).await;
    new.send(get("/")).await;
    assert_eq!(new.receive_response().await.status_line, "HTTP/1.1 400 Bad Request");
    expect_addresses(&mut old, &[&first]).await;
}

#[tokio::test]
async fn a_server_that_has_left_does_not_change() {
    let serving = Serving::start();
    let handle = serving.handle.clone();
    assert_eq!(serving.leave().await, Drained::Clean);
    let reason = handle.change_endpoints(vec![ANY_PORT.into()]).await.expect_err("nobody is there").to_string();
    assert_eq!(reason, "the server does not serve any more");
}

/// A server whose first address is `first`.
struct Serving {
    application: Arc<Addresses>,
    clock: TestClock,
    first: String,
    handle: HttpHandle,
    shutdown: oneshot::Sender<()>,
    served: JoinHandle<std::io::Result<Drained>>,
}

impl Serving {
    fn start() -> Self {
        // Not port 0, so that it can be named again.
        let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
        let first = format!("http://{}", free.expect("there is a free port"));
        let (clock, test_clock) = Clock::manual();
        let config = HttpConfig {
            endpoints: vec![(&*first).into()],
            workers: NonZeroUsize::new(2).expect("it is not 0"),
            clock,
            limits: Limits { drain_timeout: DRAIN_TIMEOUT, drain_idle_grace: Duration::ZERO, ..Limits::default() },
            ..HttpConfig::default()
        };
        let server = HttpServer::bind(config).expect("the port is free");
        let application = Arc::new(Addresses::default());
        let (shutdown, asked) = oneshot::channel::<()>();
        Self {
            handle: server.handle(),
            served: tokio::spawn(server.serve(Arc::clone(&application), async { drop(asked.await) })),
            application,
            clock: test_clock,
            first,
            shutdown,
        }
    }

    async fn change(&self, urls: &[&str]) -> Result<EndpointsChanged, windhover_http::BindError> {
        let endpoints = urls.iter().map(|url| EndpointConfig::from(*url)).collect();
        bounded("the endpoints to change", self.handle.change_endpoints(endpoints)).await
    }

    async fn leave(self) -> Drained {
        drop(self.shutdown);
        let served = bounded("the server to drain", self.served).await;
        served.expect("it does not panic").expect("the system lets it serve")
    }
}

async fn connect(url: &str) -> Wire {
    Wire::tcp(bounded("a connection", TcpStream::connect(authority(url))).await.expect("somebody listens there"))
}

fn authority(url: &str) -> &str {
    url.trim_start_matches("http://")
}

async fn expect_addresses(wire: &mut Wire, addresses: &[&str]) {
    wire.send(get("/")).await;
    wire.expect(&ok(&format!("{}\n", addresses.join("\n")))).await;
}

/// Answers where the server listens, and `/hold` when it may.
#[derive(Default)]
struct Addresses {
    begun: Notify,
    release: Notify,
}

impl Application for Addresses {
    async fn handle(&self, request: Request) -> Response {
        let mut response = Response::empty(StatusCode::OK);
        response.body = if request.target.path() == "/hold" {
            self.begun.notify_one();
            self.release.notified().await;
            Body::full("held\n")
        } else {
            let addresses = request.features.server_addresses.expect("a server of HTTP has some");
            let addresses: Vec<_> = addresses.iter().collect();
            Body::full(format!("{}\n", addresses.join("\n")))
        };
        response
    }
}

/// As no other limit, so that a test that waits for it does not take another's alarm for its own.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(17);

const ANY_PORT: &str = "http://127.0.0.1:0";
