//! One connection: exchange after exchange until a side has had enough. Whatever ends it ends the application's work
//! for it too.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::StatusCode;
use http_body_util::BodyExt;
use tokio::io::DuplexStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};
use windhover_contract::{
    Application, Body, ClientFault, ExchangeLimits, Fault, HostFault, KnownHost, Limits, Request, Response, Target,
};

use super::clock::Clock;
use super::content::{Content, Handed, Unread};
use super::framing::Framing;
use super::handle::Phase;
use super::head::{Head, Refusal};
use super::offer::Offer;
use super::pipe::{Broken, Reader, Writer};
use super::powers::Powers;
use super::response::{Asked, ResponseFraming, encode_trailers, response_head};
use super::upgrade::{Asking, asking};

pub(super) struct Connection<A> {
    /// Among those that speak HTTP.
    pub(super) permit: Option<OwnedSemaphorePermit>,
    /// The permits of those that speak something else.
    pub(super) upgraded: Arc<Semaphore>,
    pub(super) application: Arc<A>,
    pub(super) offer: Offer,
    pub(super) limits: Arc<Limits>,
    pub(super) clock: Clock,
    pub(super) phase: watch::Receiver<Phase>,
}

impl<A: Application> Connection<A> {
    pub(super) async fn serve(mut self, pipe: DuplexStream, mut gone: oneshot::Receiver<()>) {
        let (reader, writer) = tokio::io::split(pipe);
        let mut reader = Reader::new(reader, Arc::clone(&self.limits), self.clock.clone());
        let limits = Arc::new(ExchangeLimits::new(&self.limits));
        let mut writer = Writer { pipe: writer, limits, clock: self.clock.clone() };
        loop {
            // What the client sends may end before it has left.
            let next = tokio::select! {
                biased;
                next = self.exchange(reader, &mut writer) => next,
                _ = &mut gone => break,
            };
            match next {
                Ok(next) => reader = next,
                Err(Broken) => break,
            }
        }
        writer.close().await;
    }

    /// One exchange. Gives the reader back if another may follow; else this was the last.
    async fn exchange(&mut self, mut reader: Reader, writer: &mut Writer) -> Result<Reader, Broken> {
        let head = tokio::select! {
            biased;
            head = reader.timed_head() => head,
            () = grace_over(&mut self.phase, &self.limits, &self.clock) => return Err(Broken),
        };
        let head = match head {
            Ok(Some(head)) => head,
            Ok(None) => return Err(Broken),
            Err(refusal) => return self.refuse(refusal, writer).await,
        };
        writer.limits = Arc::new(ExchangeLimits::new(&self.limits));
        let powers = Arc::new(Powers::default());
        let mut asked = head.asked();
        let asking = asking(&head);
        let (request, handed) = match self.receive(head, reader, &writer.limits, &powers) {
            Ok(received) => received,
            Err(fault) => {
                respond(Response::from(Fault::from(fault)), asked.closing(), writer).await?;
                return Err(Broken);
            }
        };
        match asking {
            Some((asking, upgrade)) => {
                self.exchange_upgrade(request, handed, asking, upgrade, powers, asked, writer).await
            }
            None => {
                let Handed { first_read, unread, has_failed } = handed;
                let mut lent = Reclaimable { unread: None, lent: Some(unread) };
                self.answer(request, first_read, &has_failed, &powers, &mut asked, &mut lent, writer).await?;
                if !asked.keep_alive {
                    return Err(Broken);
                }
                let unread = self.clock.timeout(self.limits.request_head_timeout, lent.back()).await;
                let Unread { mut reader, framing } = unread.flatten().ok_or(Broken)?;
                if framing != Framing::END {
                    let max = self.limits.max_request_body_size;
                    let discarded = self.clock.timeout(DISCARD_TIMEOUT, reader.discard(framing, max)).await;
                    discarded.filter(|is_whole| *is_whole).ok_or(Broken)?;
                }
                Ok(reader)
            }
        }
    }

    async fn refuse(&self, refusal: Refusal, writer: &mut Writer) -> Result<Reader, Broken> {
        let response = match refusal {
            Refusal::Fault(fault) => Response::from(Fault::from(fault)),
            Refusal::TooSlow => Response::empty(StatusCode::REQUEST_TIMEOUT),
        };
        respond(response, Asked::UNKNOWN, writer).await?;
        Err(Broken)
    }

    fn receive(
        &mut self,
        head: Head,
        reader: Reader,
        limits: &Arc<ExchangeLimits>,
        powers: &Arc<Powers>,
    ) -> Result<(Request, Handed), ClientFault> {
        let target = Target::resolve(
            self.offer.scheme(),
            &head.method,
            head.uri,
            head.version,
            &head.fields,
            &KnownHost::default(),
        )?;
        let (content, mut handed) =
            Content::new(Unread { reader, framing: head.framing }, Arc::clone(limits), self.clock.clone());
        let expects_continue = head.expects_continue && head.framing != Framing::END;
        if !expects_continue {
            handed.first_read = oneshot::channel().1; // whoever reads need not tell
        }
        let request = Request {
            method: head.method,
            target,
            version: head.version,
            fields: head.fields,
            body: Body::stream(content),
            features: self.offer.features(head.version, expects_continue, limits, powers),
        };
        Ok((request, handed))
    }

    #[expect(clippy::too_many_arguments, reason = "all of an exchange, once")]
    async fn answer(
        &self,
        request: Request,
        first_read: oneshot::Receiver<()>,
        has_failed: &AtomicBool,
        powers: &Powers,
        asked: &mut Asked,
        lent: &mut Reclaimable,
        writer: &mut Writer,
    ) -> Result<(), Broken> {
        let length = http_body::Body::size_hint(&request.body).exact();
        let expects_continue = request.features.expect_continue.is_some();
        let (response, mut is_asked) = self.handle(request, first_read, powers, writer).await?;
        if expects_continue && !is_asked && powers.will_read() && lent.abandoned().is_none() {
            writer.write(CONTINUE).await?;
            is_asked = true;
        }
        asked.keep_alive &= self.phase.borrow().closing_since.is_none();
        let limits = writer.limits.body();
        let is_too_much = matches!((length, limits.max_size), (Some(length), Some(max)) if length > max);
        // RFC 9110 §10.1.1: a client that was not asked may send its content or not, and nobody can tell.
        let is_unasked = expects_continue && !is_asked;
        let is_long = lent.abandoned().and_then(Framing::length).is_some_and(|length| length > MAX_DISCARDED);
        if is_too_much || is_unasked || is_long || has_failed.load(Ordering::Relaxed) {
            // RFC 9112 §9.6: nobody knows where the next request would begin.
            *asked = asked.closing();
        }
        tokio::select! {
            biased;
            () = powers.aborted() => Err(Broken),
            responded = respond(response, *asked, writer) => responded,
            () = overdue(self.phase.clone(), &self.limits, &self.clock) => Err(Broken),
        }
    }

    /// Lets the application answer, and does meanwhile what it may ask for before its answer.
    async fn handle(
        &self,
        request: Request,
        mut first_read: oneshot::Receiver<()>,
        powers: &Powers,
        writer: &mut Writer,
    ) -> Result<(Response, bool), Broken> {
        let mut handling = pin!(self.application.handle(request));
        let (mut may_be_asked, mut is_asked) = (true, false);
        loop {
            tokio::select! {
                biased;
                response = &mut handling => {
                    if may_be_asked && first_read.try_recv().is_ok() {
                        writer.write(CONTINUE).await?;
                        is_asked = true;
                    }
                    return Ok((response, is_asked));
                }
                read = &mut first_read, if may_be_asked => {
                    may_be_asked = false;
                    if read.is_ok() {
                        // RFC 9110 §10.1.1: the client waits for this before it sends its content.
                        writer.write(CONTINUE).await?;
                        is_asked = true;
                    }
                }
                head = powers.interim_response() => {
                    writer.write(&head).await?;
                    powers.is_sent();
                }
                () = powers.aborted() => return Err(Broken),
            }
        }
    }

    /// An exchange whose client asks for another protocol. Its request has no content, so the reader waits here.
    #[expect(clippy::too_many_arguments, reason = "all of an exchange, once")]
    async fn exchange_upgrade(
        &mut self,
        mut request: Request,
        handed: Handed,
        asking: Asking,
        upgrade: windhover_contract::Upgrade,
        powers: Arc<Powers>,
        mut asked: Asked,
        writer: &mut Writer,
    ) -> Result<Reader, Broken> {
        request.body = Body::empty();
        let Unread { reader, .. } = handed.unread.await.map_err(|_| Broken)?;
        request.features.upgrade = Some(upgrade);
        let (response, _) = self.handle(request, handed.first_read, &powers, writer).await?;
        if response.status != StatusCode::SWITCHING_PROTOCOLS {
            asked.keep_alive &= self.phase.borrow().closing_since.is_none();
            respond(response, asked, writer).await?;
            return if asked.keep_alive { Ok(reader) } else { Err(Broken) };
        }
        let Ok(permit) = Arc::clone(&self.upgraded).try_acquire_owned() else {
            respond(Response::from(Fault::from(HostFault::Busy)), asked, writer).await?;
            return if asked.keep_alive { Ok(reader) } else { Err(Broken) };
        };
        self.permit = Some(permit);
        asking.accept(reader);
        tokio::select! {
            biased;
            () = powers.aborted() => Err(Broken),
            switched = switch(response, asked, writer) => switched.and(Err(Broken)),
            () = overdue(self.phase.clone(), &self.limits, &self.clock) => Err(Broken),
        }
    }
}

/// Ends when the server drains and a connection on which nothing happens has had its grace.
async fn grace_over(phase: &mut watch::Receiver<Phase>, limits: &Limits, clock: &Clock) {
    let draining = phase.wait_for(|phase| phase.is_draining).await;
    let since = draining.ok().and_then(|phase| phase.closing_since).unwrap_or_else(|| clock.now());
    let grace = limits.drain_idle_grace.min(limits.drain_timeout / 2);
    clock.alarm(grace.saturating_sub(clock.now() - since)).await;
}

/// Ends when the server drains and an answer that has begun has had its time.
async fn overdue(mut phase: watch::Receiver<Phase>, limits: &Limits, clock: &Clock) {
    let Some(limit) = limits.drain_answer_timeout else { return std::future::pending().await };
    drop(phase.wait_for(|phase| phase.is_draining).await);
    clock.alarm(limit).await;
}

/// Says that there are as many connections as there may be.
pub(super) async fn refuse(pipe: DuplexStream, limits: Arc<Limits>, clock: Clock) {
    let (_reader, pipe) = tokio::io::split(pipe);
    let mut writer = Writer { pipe, limits: Arc::new(ExchangeLimits::new(&limits)), clock };
    let response = Response::from(Fault::from(HostFault::Busy));
    let _ = respond(response, Asked::UNKNOWN, &mut writer).await;
    writer.close().await;
}

/// The reading end, while the application has it and after.
struct Reclaimable {
    unread: Option<Unread>,
    /// `None`: it has come back, or never will.
    lent: Option<oneshot::Receiver<Unread>>,
}

impl Reclaimable {
    /// What the application has left of the content. `None`: it still has it, or the content broke.
    fn abandoned(&mut self) -> Option<Framing> {
        if let Some(unread) = self.lent.as_mut().and_then(|lent| lent.try_recv().ok()) {
            (self.unread, self.lent) = (Some(unread), None);
        }
        self.unread.as_ref().map(|unread| unread.framing)
    }

    /// The reading end, when the application is done with it. `None`: the content broke.
    async fn back(self) -> Option<Unread> {
        match self.lent {
            Some(lent) => lent.await.ok(),
            None => self.unread,
        }
    }
}

/// Writes a whole response. An error of its body breaks the connection: the client learns that it has not seen all.
async fn respond(mut response: Response, asked: Asked, writer: &mut Writer) -> Result<(), Broken> {
    let framing = response.prepare(asked.delivery(false));
    let (head, mut framing) = response_head(&response, framing, asked);
    writer.write(&head).await?;
    if let ResponseFraming::Nothing = framing {
        return Ok(());
    }
    let mut body = response.body;
    let mut trailers = Vec::new();
    while let Some(frame) = body.frame().await {
        match frame.map_err(|_| Broken)?.into_data() {
            Ok(data) => {
                for piece in framing.encode(&data).ok_or(Broken)? {
                    writer.write(&piece).await?;
                }
            }
            // RFC 9110 §6.5.1: trailers go only to who asked for them.
            Err(frame) if asked.takes_trailers => trailers = encode_trailers(frame.trailers_ref()),
            Err(_) => {}
        }
    }
    writer.write(&framing.end(&trailers).ok_or(Broken)?).await?;
    if let ResponseFraming::Close = framing { Err(Broken) } else { Ok(()) }
}

/// Writes the head that changes the protocol, and then what the application says in the new one.
async fn switch(mut response: Response, asked: Asked, writer: &mut Writer) -> Result<(), Broken> {
    let framing = response.prepare(asked.delivery(true));
    let mut body = std::mem::replace(&mut response.body, Body::empty());
    let (head, _) = response_head(&response, framing, asked);
    writer.write(&head).await?;
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.map_err(|_| Broken)?.into_data() {
            writer.write(&data).await?;
        }
    }
    Ok(())
}

/// RFC 9110 §15.2.1.
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// As the HTTP server: how much content is announced at most that is read to nobody, and how long that may take.
const MAX_DISCARDED: u64 = 256 << 10;
const DISCARD_TIMEOUT: Duration = Duration::from_secs(5);
