//! One exchange of HTTP/2, on a stream of its own: the only file that sees both the HTTP/2 library's types and the
//! contract's.

use std::collections::VecDeque;
use std::future::{pending, poll_fn};
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use h2::ext::Protocol;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::header::{CONNECTION, CONTENT_LENGTH, COOKIE, DATE, EXPECT, HOST, TRANSFER_ENCODING, UPGRADE};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, Version};
use http_body::Body as _;
use tracing::debug;
use windhover_contract::{
    Application, Body, ClientFault, ExchangeLimits, ExpectContinue, Fault, HostFault, Informational, Lifetime, Limits,
    Request, Reset, Response, Scheme, Upgrade, UpgradeKind, is_same_authority, keep_trailers,
};

use super::content::{received, upgraded};
use super::control::{Control, Wish, interim};
use super::sections::Malformed;
use super::socket::Wire;
use crate::connection_limit::{Permit, UpgradedStream};
use crate::date::date;
use crate::drain::Draining;
use crate::exchange::{ConnectionContext, Powers};
use crate::http1::length;
use crate::min_data_rate::MinDataRate;

/// What every exchange of one connection starts from.
pub(crate) struct Exchange<A> {
    pub(crate) application: Arc<A>,
    pub(crate) context: ConnectionContext,
    pub(crate) permit: Permit,
    pub(crate) wire: Arc<Wire>,
    pub(crate) draining: Draining,
}

/// Why a stream ends before its answer does. It was reset, by either side.
struct Cut;

impl<A: Application> Exchange<A> {
    /// Answers a request, the `number`th on its connection: refuses what no application should see, and else asks the
    /// application. Dropping it is cancellation.
    pub(crate) async fn answer(
        self: Arc<Self>,
        request: http::Request<RecvStream>,
        mut respond: SendResponse<Bytes>,
        number: u64,
    ) {
        let limits = Arc::new(ExchangeLimits::new(&self.context.limits));
        let mut under_way = self.wire.begin(&limits);
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
            () = overdue => debug!("an answer went on for longer than a server that leaves waits"),
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
        if self.wire.take_malformed(stream.stream_id().as_u32(), Malformed::Fragment) {
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
            // RFC 8441 §4: the stream is the new protocol's.
            Some(_) => (Body::empty(), upgraded(stream, control, &self.wire)),
            None => (
                received(stream, length, expects_continue, control, &self.wire, limits, &self.context.clock),
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

    /// Whether the application has accepted an upgrade, and there is room for one more. Else a success becomes something
    /// that a client does not take for the new protocol (RFC 8441 §4).
    fn decide(&self, response: &mut Response) -> Option<UpgradedStream> {
        if response.status == StatusCode::SWITCHING_PROTOCOLS {
            response.status = StatusCode::OK;
            let upgraded = self.permit.upgrade_stream();
            if upgraded.is_none() {
                debug!("there are as many upgraded connections as there may be");
                *response = Response::from(Fault::from(HostFault::Busy));
            }
            return upgraded;
        }
        if response.status.is_success() {
            debug!("the application answers as if nobody had asked for another protocol");
            *response = Response::empty(StatusCode::NOT_IMPLEMENTED);
        }
        None
    }

    /// Lets the application answer, and does meanwhile what it wishes for before its answer.
    async fn handle(
        &self,
        request: Request,
        control: &Control,
        respond: &mut SendResponse<Bytes>,
    ) -> Result<Response, Cut> {
        let mut handling = pin!(self.application.handle(request));
        // Those that the client has no room for yet: one of the application's, and perhaps the 100 before it.
        let mut waiting = VecDeque::new();
        loop {
            let wish = tokio::select! {
                biased;
                response = &mut handling => {
                    if control.must_ask() {
                        self.inform(respond, interim(StatusCode::CONTINUE, HeaderMap::new())).await;
                    }
                    return Ok(response);
                }
                wish = control.wish() => Some(wish),
                _ = poll_fn(|cx| respond.poll_reset(cx)) => return Err(Cut), // the client has left
                // The library takes as many as it is given: the next is for when this one is taken. Meanwhile the
                // application's time goes on, and its end, or the client's, ends the wait too.
                () = poll_fn(|cx| self.wire.poll_taken(cx)), if !waiting.is_empty() => None,
            };
            match wish {
                Some(Wish::CutOff(reason)) => {
                    respond.send_reset(reason);
                    return Err(Cut);
                }
                Some(Wish::Send(response)) => waiting.push_back(response),
                None => {
                    if let Some(next) = waiting.pop_front() {
                        self.inform(respond, next).await;
                    }
                    if waiting.is_empty() {
                        control.is_out(); // else it was the 100 before it
                    }
                }
            }
        }
    }

    /// Puts an interim response on its way.
    async fn inform(&self, respond: &mut SendResponse<Bytes>, interim: http::Response<()>) {
        if let Err(failure) = respond.send_informational(interim) {
            debug!(%failure, "an interim response was not sent");
        }
        tokio::task::yield_now().await;
    }
}

/// An answer on its way.
struct Sending<'a> {
    control: &'a Control,
    limits: &'a ExchangeLimits,
    /// What follows is of another protocol.
    upgraded: Option<UpgradedStream>,
    min_data_rate: MinDataRate,
    /// Octets of content that the client's window had room for.
    sent: u64,
}

impl Sending<'_> {
    /// Sends a whole answer. What breaks off its content resets the stream.
    async fn send(
        &mut self,
        mut response: Response,
        only_head: bool,
        mut respond: SendResponse<Bytes>,
    ) -> Result<(), Cut> {
        if let Some(reason) = self.control.cut_off_already() {
            respond.send_reset(reason);
            return Err(Cut);
        }
        response.strip_forbidden_content();
        let Response { status, fields, mut body } = response;
        let has_content = !only_head && Response::status_has_content(status);
        let mut head = http::Response::new(());
        *head.status_mut() = status;
        *head.headers_mut() = self.fields(fields, &body, status, only_head);
        let is_all = !has_content || (body.is_end_stream() && self.upgraded.is_none());
        let mut stream = respond.send_response(head, is_all).map_err(|failure| {
            debug!(%failure, "an answer was not sent");
            respond.send_reset(Reason::INTERNAL_ERROR);
            Cut
        })?;
        if is_all {
            return Ok(());
        }
        loop {
            let frame = tokio::select! {
                biased;
                reason = self.control.cut_off() => return cut(&mut stream, reason).await,
                _ = poll_fn(|cx| stream.poll_reset(cx)) => return Err(Cut), // the client has left
                frame = poll_fn(|cx| pin!(&mut body).poll_frame(cx)) => frame,
            };
            match frame.map(|frame| frame.map(http_body::Frame::into_data)) {
                Some(Ok(Ok(data))) => {
                    let is_last = body.is_end_stream();
                    self.send_data(&mut stream, data, is_last).await?;
                    if is_last {
                        return Ok(());
                    }
                }
                Some(Ok(Err(frame))) => {
                    let mut trailers = frame.into_trailers().unwrap_or_default();
                    keep_trailers(&mut trailers);
                    return stream.send_trailers(trailers).map_err(|_| Cut);
                }
                Some(Err(fault)) => {
                    debug!(%fault, "an answer breaks off");
                    return cut(&mut stream, Reason::INTERNAL_ERROR).await;
                }
                None => return stream.send_data(Bytes::new(), true).map_err(|_| Cut),
            }
        }
    }

    /// The fields as HTTP/2 has them (RFC 9113 §8.2.2).
    fn fields(&self, mut fields: HeaderMap, body: &Body, status: StatusCode, only_head: bool) -> HeaderMap {
        for name in [CONNECTION, TRANSFER_ENCODING, UPGRADE] {
            fields.remove(name);
        }
        for name in ["keep-alive", "proxy-connection"] {
            fields.remove(name);
        }
        let size = body.size_hint().exact().filter(|size| !(only_head && *size == 0));
        let has_length =
            self.upgraded.is_none() && !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        if let Some(size) = size.filter(|_| has_length) {
            fields.entry(CONTENT_LENGTH).or_insert_with(|| HeaderValue::from(size));
        }
        fields.entry(DATE).or_insert_with(date);
        fields
    }

    /// Sends a piece of content as the client takes it.
    async fn send_data(&mut self, stream: &mut SendStream<Bytes>, mut data: Bytes, is_last: bool) -> Result<(), Cut> {
        while !data.is_empty() {
            stream.reserve_capacity(data.len());
            let size = match stream.capacity() {
                0 => self.wait_for_window(stream).await?,
                size => size,
            };
            let piece = data.split_to(size.min(data.len()));
            self.sent += piece.len() as u64;
            let ends = is_last && data.is_empty();
            stream.send_data(piece, ends).map_err(|_| Cut)?;
            if ends {
                return Ok(());
            }
        }
        if is_last { stream.send_data(data, true).map_err(|_| Cut) } else { Ok(()) }
    }

    /// Waits until the client takes some more, but not for ever.
    async fn wait_for_window(&mut self, stream: &mut SendStream<Bytes>) -> Result<usize, Cut> {
        let Self { control, limits, upgraded, min_data_rate, sent } = self;
        let rate = || limits.min_response_data_rate().filter(|_| upgraded.is_none());
        let reason = tokio::select! {
            biased;
            capacity = poll_fn(|cx| stream.poll_capacity(cx)) => match capacity {
                Some(Ok(size)) => {
                    min_data_rate.goes_on(|| *sent);
                    return Ok(size);
                }
                Some(Err(_)) | None => {
                    // Who has all the content knows only so that the client has not.
                    control.end(ClientFault::Gone);
                    return Err(Cut);
                }
            },
            reason = control.cut_off() => reason,
            () = poll_fn(|cx| min_data_rate.poll_waiting(cx, rate, || *sent)) => {
                debug!("a client takes an answer too slowly");
                control.end(ClientFault::AnswerTooSlow);
                Reason::ENHANCE_YOUR_CALM
            }
        };
        stream.send_reset(reason);
        Err(Cut)
    }
}

/// Ends a stream before its answer is whole.
async fn cut(stream: &mut SendStream<Bytes>, reason: Reason) -> Result<(), Cut> {
    // The library drops what it has not sent yet, also a head that nobody has seen: but that is what was answered, and
    // what the record says. So the connection has its turn first.
    tokio::task::yield_now().await;
    stream.send_reset(reason);
    Err(Cut)
}

/// Why a request goes to no application.
enum Refusal {
    /// It is answered.
    Fault(Fault),
    /// It is malformed as only HTTP/2 knows it, which resets its stream (RFC 9113 §8.1.1).
    Malformed(ClientFault),
}

impl From<ClientFault> for Refusal {
    fn from(fault: ClientFault) -> Self {
        Self::Fault(fault.into())
    }
}

/// RFC 9113 §8.2.1: no value begins or ends with white space. In HTTP/1.1 that is no part of a value, and so whoever
/// passes it on there passes on another value.
pub(super) fn are_trimmed(fields: &HeaderMap) -> bool {
    let is_space = |octet: Option<&u8>| matches!(octet, Some(b' ' | b'\t'));
    fields.values().map(HeaderValue::as_bytes).all(|value| !is_space(value.first()) && !is_space(value.last()))
}

/// The limits of HTTP/1.1 where the library has none like them. It refuses header sections that are too large itself.
fn check_size(head: &http::request::Parts, limits: &Limits) -> Result<(), ClientFault> {
    let path = head.uri.path_and_query().map_or(0, |path| path.as_str().len());
    let authority = head.uri.authority().map_or(0, |authority| authority.as_str().len());
    if head.method.as_str().len() + path + authority > limits.max_request_line_size.as_usize() {
        return Err(ClientFault::RequestLineTooLong);
    }
    if head.headers.len() > limits.max_request_fields.as_usize() {
        return Err(ClientFault::FieldsTooMany);
    }
    Ok(())
}

/// RFC 9110 §7.4: what another scheme names is no resource of this server. Either of HTTP's is taken, because gateways
/// that end TLS pass on the one that they were asked for (RFC 9113 §8.3.1).
fn check_scheme(uri: &Uri) -> Result<(), ClientFault> {
    match uri.scheme_str() {
        None | Some("http" | "https") => Ok(()),
        Some(_) => Err(ClientFault::SchemeForeign),
    }
}

/// Gives a head the form that it has in HTTP/1.1, so that an application sees one form: the authority as Host field
/// too (RFC 9113 §8.3.1, as Kestrel), the path alone as target, and one cookie field (RFC 9113 §8.2.3).
fn make_alike(head: &mut http::request::Parts) -> Result<(), ClientFault> {
    if !head.headers.contains_key(HOST) {
        let authority = head.uri.authority().ok_or(ClientFault::HostMissing)?;
        let host = HeaderValue::from_str(authority.as_str()).map_err(|_| ClientFault::HostInvalid)?;
        head.headers.insert(HOST, host);
    }
    // Where a Host field says otherwise, the target stays as it is, and is refused for that.
    if let (Some(authority), Some(host)) = (head.uri.authority(), head.headers.get(HOST))
        && is_named(authority, host, &head.uri)
        && let Some(path) = head.uri.path_and_query().cloned()
    {
        head.uri = Uri::from(path);
    }
    let crumbs: Vec<&[u8]> = head.headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if crumbs.len() > 1 {
        let cookies =
            HeaderValue::from_bytes(&crumbs.join(&b"; "[..])).expect("parts of field values are field values");
        head.headers.insert(COOKIE, cookies);
    }
    Ok(())
}

/// Whether a Host field says the same as the authority of a target.
fn is_named(authority: &Authority, host: &HeaderValue, target: &Uri) -> bool {
    let scheme = if target.scheme_str() == Some("https") { Scheme::Https } else { Scheme::Http };
    let is_same = |host: Authority| is_same_authority(authority, &host, scheme);
    authority.as_str().as_bytes() == host.as_bytes() || Authority::try_from(host.as_bytes()).is_ok_and(is_same)
}

/// RFC 9110 §8.6, as HTTP/1.1 has it: once. Lengths that contradict each other, or the content, were refused by the
/// protocol's library.
fn content_length(fields: &HeaderMap) -> Result<Option<u64>, ClientFault> {
    let mut lengths = fields.get_all(CONTENT_LENGTH).iter();
    let Some(first) = lengths.next() else { return Ok(None) };
    let only = Some(first).filter(|_| lengths.next().is_none());
    only.and_then(|only| length(only.as_bytes())).map(Some).ok_or(ClientFault::ContentLength)
}

fn expects_continue(fields: &HeaderMap) -> bool {
    fields.get(EXPECT).is_some_and(|expectation| expectation.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}
