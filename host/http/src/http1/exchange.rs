//! One exchange of HTTP/1.x: the only file that sees both hyper's types and the contract's.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use http::header::DATE;
use http::{Method, StatusCode};
use http_body::Body as _;
use hyper::body::Incoming;
use parking_lot::Mutex;
use tracing::debug;
use windhover_contract::{
    Application, Body, Delivery, ExchangeLimits, ExpectContinue, Fault, HostFault, Informational, Lifetime, Request,
    Response, Upgrade,
};

use super::content::{Expectation, RequestContent, expects_continue};
use super::interim::Interim;
use super::link::ServiceEnd;
use super::progress::{ExchangeLifetime, UnderWay};
use super::response_body::ResponseBody;
use super::upgrade::{self, Asked, HandedOver};
use crate::connection_limit::Permit;
use crate::date::date_behind_step;
use crate::drain::Draining;
use crate::exchange::{ConnectionContext, Powers};

/// What every exchange of one connection starts from.
pub(crate) struct Exchange<A> {
    pub(crate) application: Arc<A>,
    pub(crate) context: ConnectionContext,
    pub(crate) permit: Permit,
    pub(crate) link: ServiceEnd,
    pub(crate) content: Arc<RequestContent>,
    pub(crate) interim: Arc<Interim>,
    /// What becomes of the connection when hyper releases it. `None`: hyper closes it.
    pub(crate) handed_over: Mutex<Option<HandedOver>>,
    pub(crate) draining: Draining,
}

impl<A: Application> Exchange<A> {
    /// Answers a request: refuses what no application may see, and passes all else to the application.
    pub(crate) async fn answer(
        self: Arc<Self>,
        mut request: http::Request<Incoming>,
    ) -> Result<http::Response<ResponseBody>, Infallible> {
        let version = request.version();
        let only_head = *request.method() == Method::HEAD;
        let (under_way, limits) = self.link.begin(&self.context.limits);
        let number = self.link.progress().position().exchange;
        // hyper knows the announced length, if there is one.
        let length = request.body().size_hint().lower();
        let has_content = !request.body().is_end_stream();
        let (asked, upgrade) = upgrade::asked(&mut request).unzip();
        let upgrade = upgrade.flatten();
        let has_upgrade = upgrade.is_some();
        let mut closes = false;
        let mut response = match self.receive(request, upgrade, number, &limits) {
            Ok(request) => {
                let response = self.ask(request, has_content).await;
                if has_content {
                    self.content.ask().await;
                }
                response
            }
            Err(fault) => {
                self.context.rejected(&fault, version);
                // A request that broke the protocol may have left the connection in a state that only the client knows,
                // so it closes (RFC 9112 §9.6), as Kestrel does for every rejection.
                closes = true;
                Response::from(fault)
            }
        };
        let is_closing = self.draining.is_closing();
        closes |= is_closing || is_too_much(length, &limits) || self.content.has_failed();
        if has_content {
            closes = self.content.is_last(closes);
        }
        self.link.progress().respond(is_closing);
        self.interim.forget();
        let is_upgrade = has_upgrade && self.decide(&mut response);
        response.prepare(Delivery { version, only_head, is_upgrade, closes });
        Ok(self.respond(response, under_way, asked, is_upgrade))
    }

    async fn ask(&self, request: Request, has_content: bool) -> Response {
        if has_content {
            poll_fn(|cx| {
                self.content.watch(cx);
                Poll::Ready(())
            })
            .await;
        }
        let mut answering = pin!(self.application.handle(request));
        poll_fn(|cx| {
            let answered = answering.as_mut().poll(cx);
            if answered.is_pending() {
                self.interim.watch(cx);
            }
            answered
        })
        .await
    }

    fn receive(
        &self,
        request: http::Request<Incoming>,
        upgrade: Option<Upgrade>,
        number: u64,
        limits: &Arc<ExchangeLimits>,
    ) -> Result<Request, Fault> {
        let (head, content) = request.into_parts();
        let mut expect_continue = None;
        let body = if content.is_end_stream() {
            Body::empty()
        } else {
            let expects_continue = expects_continue(head.version, &head.headers);
            expect_continue = expects_continue.then(|| {
                Arc::new(Expectation { content: Arc::clone(&self.content), number }) as Arc<dyn ExpectContinue>
            });
            self.content.begin(number, content, expects_continue, limits, &self.context.clock)
        };
        if self.permit.is_refused() {
            return Err(HostFault::TooManyConnections.into());
        }
        if let Some(fault) = self.link.refusal(number) {
            return Err(fault.into()); // this head is not the client's: see `gate`
        }
        let lifetime = ExchangeLifetime { progress: Arc::clone(self.link.progress()), exchange: number };
        let powers = Powers {
            lifetime: Arc::new(lifetime) as Arc<dyn Lifetime>,
            reset: None, // HTTP/1.x has no error codes
            expect_continue,
            informational: Arc::clone(&self.interim) as Arc<dyn Informational>,
        };
        Ok(self.context.request(head, body, upgrade, number, limits, powers)?)
    }

    /// Whether the application accepts the upgrade, and the limit of upgraded connections allows it.
    fn decide(&self, response: &mut Response) -> bool {
        if response.status != StatusCode::SWITCHING_PROTOCOLS {
            return false;
        }
        let is_counted = self.permit.upgrade();
        if !is_counted {
            debug!("refused an upgrade: the limit of upgraded connections is reached");
            *response = Response::from(Fault::from(HostFault::Busy));
        }
        is_counted
    }

    fn respond(
        &self,
        mut response: Response,
        under_way: UnderWay,
        asked: Option<Asked>,
        is_upgrade: bool,
    ) -> http::Response<ResponseBody> {
        if let Some(date) = date_behind_step() {
            response.fields.entry(DATE).or_insert(date);
        }
        let mut content = ResponseBody::new(response.body, under_way);
        if let Some(asked) = asked {
            self.link.decide_upgrade(is_upgrade);
            let handed_over = if is_upgrade {
                self.link.progress().upgrade();
                HandedOver::Accepted(asked, std::mem::replace(&mut content, ResponseBody::switching_protocols()))
            } else {
                HandedOver::Declined(asked)
            };
            *self.handed_over.lock() = Some(handed_over);
        }
        let mut message = http::Response::new(content);
        *message.status_mut() = response.status;
        *message.headers_mut() = response.fields;
        message
    }
}

/// Whether the announced length exceeds the limit that the exchange has in the end.
fn is_too_much(length: u64, limits: &ExchangeLimits) -> bool {
    length > 0 && limits.body().max_size.is_some_and(|max| length > max)
}
