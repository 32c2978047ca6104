//! One exchange of HTTP/2, on its own stream: the only file that sees both the HTTP/2 library's types and the
//! contract's.

use std::collections::VecDeque;
use std::future::{pending, poll_fn};
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use h2::ext::Protocol;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version};
use tracing::debug;
use windhover_contract::{
    Application, Body, ClientFault, ExchangeLimits, ExpectContinue, Fault, HostFault, Informational, Lifetime, Request,
    Reset, Response, Upgrade, UpgradeKind,
};

use super::content::{received, upgraded};
use super::control::{Command, Control, interim};
use super::request::{are_trimmed, check_scheme, check_size, content_length, expects_continue, make_alike};
use super::sections::Malformed;
use super::sending::{Sending, StreamReset};
use super::socket::SocketState;
use crate::connection_limit::{Permit, UpgradedStream};
use crate::drain::Draining;
use crate::exchange::{ConnectionContext, Powers};
use crate::min_data_rate::MinDataRate;

/// What all exchanges of one connection share.
pub(crate) struct Exchange<A> {
    pub(crate) application: Arc<A>,
    pub(crate) context: ConnectionContext,
    pub(crate) permit: Permit,
    pub(crate) socket_state: Arc<SocketState>,
    pub(crate) draining: Draining,
}

impl<A: Application> Exchange<A> {
    /// Answers a request, the `number`th on its connection: refuses what no application may see, and passes all else to
    /// the application. Dropping it cancels the exchange.
    pub(crate) async fn answer(
        self: Arc<Self>,
        request: http::Request<RecvStream>,
        mut respond: SendResponse<Bytes>,
        number: u64,
    ) {
        let limits = Arc::new(ExchangeLimits::new(&self.context.limits));
        let mut under_way = self.socket_state.begin(&limits);
        let control = Arc::new(Control::new(Arc::clone(&self.context.ending)));
        let only_head = *request.method() == Method::HEAD;
        let mut upgraded = None;
        let response = match self.receive(request, number, &limits, &control) {
            Ok(request) => {
                let asks = request.features.upgrade.is_some();
                let Ok(mut response) = self.handle(request, &control, &mut respond).await else { return };
                if asks {
                    upgraded = self.decide(&mut response);
                }
                response
            }
            Err(Refusal::Fault(fault)) => {
                self.context.rejected(&fault, Version::HTTP_2);
                Response::from(fault)
            }
            Err(Refusal::Malformed(fault)) => {
                self.context.rejected(&fault.into(), Version::HTTP_2);
                respond.send_reset(Reason::PROTOCOL_ERROR);
                return;
            }
        };
        under_way.is_upgraded = upgraded.is_some();
        let min_data_rate = MinDataRate::new(self.context.clock.clone());
        let mut sending = Sending { control: &control, limits: &limits, upgraded, min_data_rate, sent: 0 };
        let overdue = async {
            let Some(limit) = self.context.limits.drain_answer_timeout else { return pending().await };
            self.draining.clone().begun().await;
            self.context.clock.alarm(limit).await;
        };
        tokio::select! {
            biased;
            _ = sending.send(response, only_head, respond) => {} // a stream that is cut is told so already
            () = overdue => debug!("reset a stream: its response took longer than a shutdown waits"),
        }
    }

    fn receive(
        &self,
        request: http::Request<RecvStream>,
        number: u64,
        limits: &Arc<ExchangeLimits>,
        control: &Arc<Control>,
    ) -> Result<Request, Refusal> {
        let (mut head, stream) = request.into_parts();
        if self.permit.is_refused() {
            return Err(Refusal::Fault(HostFault::TooManyConnections.into()));
        }
        check_size(&head, &self.context.limits)?;
        if self.socket_state.take_malformed(stream.stream_id().as_u32(), Malformed::Fragment) {
            return Err(ClientFault::TargetMalformed.into());
        }
        if !are_trimmed(&head.headers) {
            return Err(Refusal::Malformed(ClientFault::FieldLine));
        }
        check_scheme(&head.uri)?;
        make_alike(&mut head)?;
        let protocol = head.extensions.remove::<Protocol>();
        let protocols = protocol.map(|protocol| HeaderValue::from_str(protocol.as_str())).transpose();
        let protocols = protocols.map_err(|_| ClientFault::TargetForm)?;
        let (length, expects_continue) = (content_length(&head.headers)?, expects_continue(&head.headers));
        let (body, content) = match protocols {
            // RFC 8441 §4: the stream belongs to the new protocol.
            Some(_) => (Body::empty(), upgraded(stream, control, &self.socket_state)),
            None => (
                received(stream, length, expects_continue, control, &self.socket_state, limits, &self.context.clock),
                Body::empty(),
            ),
        };
        let powers = Powers {
            lifetime: Arc::clone(control) as Arc<dyn Lifetime>,
            reset: Some(Arc::clone(control) as Arc<dyn Reset>),
            expect_continue: (expects_continue && !body.is_empty())
                .then(|| Arc::clone(control) as Arc<dyn ExpectContinue>),
            informational: Arc::clone(control) as Arc<dyn Informational>,
        };
        let kind = UpgradeKind::ExtendedConnect;
        let upgrade = protocols.map(|protocols| Upgrade { kind, protocols, content });
        Ok(self.context.request(head, body, upgrade, number, limits, powers)?)
    }

    /// Whether the application accepts an upgrade, and the limit of upgraded connections allows it. Else a success is
    /// replaced: a client would take it for the start of the new protocol (RFC 8441 §4).
    fn decide(&self, response: &mut Response) -> Option<UpgradedStream> {
        if response.status == StatusCode::SWITCHING_PROTOCOLS {
            response.status = StatusCode::OK;
            let upgraded = self.permit.upgrade_stream();
            if upgraded.is_none() {
                debug!("refused an upgrade: the limit of upgraded connections is reached");
                *response = Response::from(Fault::from(HostFault::Busy));
            }
            return upgraded;
        }
        if response.status.is_success() {
            debug!(
                "the application answered an extended CONNECT with a success that accepts no upgrade; the client gets 501"
            );
            *response = Response::empty(StatusCode::NOT_IMPLEMENTED);
        }
        None
    }

    /// Lets the application answer, and executes its commands meanwhile.
    async fn handle(
        &self,
        request: Request,
        control: &Control,
        respond: &mut SendResponse<Bytes>,
    ) -> Result<Response, StreamReset> {
        let mut handling = pin!(self.application.handle(request));
        // Interim responses for which the client has no room yet: one of the application's, and perhaps the 100 before
        // it.
        let mut waiting = VecDeque::new();
        loop {
            let command = tokio::select! {
                biased;
                response = &mut handling => {
                    if control.must_ask() {
                        self.inform(respond, interim(StatusCode::CONTINUE, HeaderMap::new())).await;
                    }
                    return Ok(response);
                }
                command = control.next_command() => Some(command),
                _ = poll_fn(|cx| respond.poll_reset(cx)) => return Err(StreamReset), // the client has left
                // The library takes as many as it is given, so the next one waits until this one is taken. Meanwhile
                // the application's time goes on, and the end of the application or the client ends the wait too.
                () = poll_fn(|cx| self.socket_state.poll_taken(cx)), if !waiting.is_empty() => None,
            };
            match command {
                Some(Command::Reset(reason)) => {
                    respond.send_reset(reason);
                    return Err(StreamReset);
                }
                Some(Command::Send(response)) => waiting.push_back(response),
                None => {
                    if let Some(next) = waiting.pop_front() {
                        self.inform(respond, next).await;
                    }
                    if waiting.is_empty() {
                        control.is_sent(); // else it was the 100 before it
                    }
                }
            }
        }
    }

    /// Sends an interim response.
    async fn inform(&self, respond: &mut SendResponse<Bytes>, interim: http::Response<()>) {
        if let Err(failure) = respond.send_informational(interim) {
            debug!(%failure, "could not send an interim response");
        }
        tokio::task::yield_now().await;
    }
}

/// Why a request is not passed to an application.
enum Refusal {
    /// It gets a response.
    Fault(Fault),
    /// It is malformed in a way that only HTTP/2 has, and its stream is reset (RFC 9113 §8.1.1).
    Malformed(ClientFault),
}

impl From<ClientFault> for Refusal {
    fn from(fault: ClientFault) -> Self {
        Self::Fault(fault.into())
    }
}
