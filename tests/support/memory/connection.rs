//! One connection: exchange after exchange until a side has had enough. Whatever ends it ends the application's work
//! for it too.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{HeaderValue, StatusCode, header};
use http_body_util::BodyExt;
use tokio::io::DuplexStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};
use windhover_contract::{
    Application, Body, ClientFault, ExchangeLimits, Fault, HostFault, KnownHost, Limits, Request, Response, Target,
};
use windhover_http::Clock;

use super::content::{Content, Handed, Unread};
use super::framing::Framing;
use super::head::{Head, Refusal};
use super::offer::Offer;
use super::pipe::{Broken, Reader, Writer};
use super::powers::Powers;
use super::response::{Asked, ResponseFraming, encode_trailers, response_head};
use super::upgrade::{Asking, asking};

pub(super) struct Connection<A> {
    /// Among those that speak HTTP.
    pub(super) place: Option<OwnedSemaphorePermit>,
    /// The places of those that speak something else.
    pub(super) upgraded: Arc<Semaphore>,
    pub(super) application: Arc<A>,
    pub(super) offer: Offer,
    pub(super) limits: Arc<Limits>,
    pub(super) clock: Clock,
    pub(super) draining: watch::Receiver<bool>,
}

impl<A: Application> Connection<A> {
    pub(super) async fn serve(mut self, pipe: DuplexStream) {
        let (reader, writer) = tokio::io::split(pipe);
        let mut reader = Reader::new(reader, Arc::clone(&self.limits), self.clock.clone());
        let limits = Arc::new(ExchangeLimits::new(&self.limits));
        let mut writer = Writer { pipe: writer, limits, clock: self.clock.clone() };
        while let Ok(next) = self.exchange(reader, &mut writer).await {
            reader = next;
        }
        writer.close().await;
    }

    /// One exchange. Gives the reader back if another may follow; else this was the last.
    async fn exchange(&mut self, mut reader: Reader, writer: &mut Writer) -> Result<Reader, Broken> {
        let head = tokio::select! {
            biased;
            head = reader.timed_head() => head,
            _ = self.draining.wait_for(|draining| *draining) => return Err(Broken),
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
                respond(closing(Response::from(Fault::from(fault))), asked, writer).await?;
                return Err(Broken);
            }
        };
        match asking {
            Some((asking, upgrade)) => {
                self.exchange_upgrade(request, handed, asking, upgrade, powers, asked, writer).await
            }
            None => {
                let Handed { first_read, unread, has_failed } = handed;
                let mut unread = Lent { unread: None, lent: Some(unread) };
                tokio::select! {
                    answered = self.answer(request, first_read, &has_failed, &powers, &mut asked, writer) => answered?,
                    () = unread.client_left() => return Err(Broken),
                }
                let unread = self.clock.timeout(self.limits.request_head_timeout, unread.back()).await;
                let Unread { mut reader, framing } = unread.flatten().ok_or(Broken)?;
                if asked.keep_alive && reader.discard(framing) { Ok(reader) } else { Err(Broken) }
            }
        }
    }

    async fn refuse(&self, refusal: Refusal, writer: &mut Writer) -> Result<Reader, Broken> {
        let response = match refusal {
            Refusal::Fault(fault) => Response::from(Fault::from(fault)),
            Refusal::TooSlow => Response::empty(StatusCode::REQUEST_TIMEOUT),
        };
        respond(closing(response), Asked::UNKNOWN, writer).await?;
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
        if !head.expects_continue {
            handed.first_read = oneshot::channel().1; // whoever reads need not tell
        }
        let request = Request {
            method: head.method,
            target,
            version: head.version,
            fields: head.fields,
            body: Body::stream(content),
            features: self.offer.features(head.version, limits, powers),
        };
        Ok((request, handed))
    }

    async fn answer(
        &self,
        request: Request,
        first_read: oneshot::Receiver<()>,
        has_failed: &AtomicBool,
        powers: &Powers,
        asked: &mut Asked,
        writer: &mut Writer,
    ) -> Result<(), Broken> {
        let length = http_body::Body::size_hint(&request.body).exact();
        let mut response = self.handle(request, first_read, powers, writer).await?;
        asked.keep_alive &= !*self.draining.borrow();
        let limits = writer.limits.body();
        let is_too_much = matches!((length, limits.max_size), (Some(length), Some(max)) if length > max);
        if is_too_much || has_failed.load(Ordering::Relaxed) {
            response = closing(response);
        }
        tokio::select! {
            biased;
            () = powers.aborted() => Err(Broken),
            responded = respond(response, *asked, writer) => responded,
        }
    }

    /// Lets the application answer, and does meanwhile what it may ask for before its answer.
    async fn handle(
        &self,
        request: Request,
        mut first_read: oneshot::Receiver<()>,
        powers: &Powers,
        writer: &mut Writer,
    ) -> Result<Response, Broken> {
        let mut handling = pin!(self.application.handle(request));
        let mut may_be_asked = true;
        loop {
            tokio::select! {
                biased;
                response = &mut handling => return Ok(response),
                read = &mut first_read, if may_be_asked => {
                    may_be_asked = false;
                    if read.is_ok() {
                        // RFC 9110 §10.1.1: the client waits for this before it sends its content.
                        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
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
        let Unread { mut reader, .. } = handed.unread.await.map_err(|_| Broken)?;
        if self.offer.has_upgrade() {
            request.features.upgrade = Some(upgrade);
        }
        let response = tokio::select! {
            biased;
            response = self.handle(request, handed.first_read, &powers, writer) => response?,
            () = reader.ended() => return Err(Broken),
        };
        if response.status != StatusCode::SWITCHING_PROTOCOLS {
            asked.keep_alive &= !*self.draining.borrow();
            respond(response, asked, writer).await?;
            return if asked.keep_alive { Ok(reader) } else { Err(Broken) };
        }
        let Ok(place) = Arc::clone(&self.upgraded).try_acquire_owned() else {
            respond(Response::from(Fault::from(HostFault::Busy)), asked, writer).await?;
            return if asked.keep_alive { Ok(reader) } else { Err(Broken) };
        };
        self.place = Some(place);
        asking.accept(reader);
        tokio::select! {
            biased;
            () = powers.aborted() => Err(Broken),
            switched = switch(response, writer) => switched.and(Err(Broken)),
        }
    }
}

/// Says that there are as many connections as there may be.
pub(super) async fn refuse(pipe: DuplexStream, limits: Arc<Limits>, clock: Clock) {
    let (_reader, pipe) = tokio::io::split(pipe);
    let mut writer = Writer { pipe, limits: Arc::new(ExchangeLimits::new(&limits)), clock };
    let response = closing(Response::from(Fault::from(HostFault::Busy)));
    let _ = respond(response, Asked::UNKNOWN, &mut writer).await;
    writer.close().await;
}

/// The reading end, while the application has it and after.
struct Lent {
    unread: Option<Unread>,
    /// `None`: it has come back, or never will.
    lent: Option<oneshot::Receiver<Unread>>,
}

impl Lent {
    /// Ends when the client leaves. As long as there is content to read, only its reader can see that, or the writer.
    async fn client_left(&mut self) {
        if let Some(lent) = &mut self.lent {
            self.unread = lent.await.ok();
            self.lent = None;
        }
        match &mut self.unread {
            Some(Unread { reader, framing: Framing::END }) => reader.ended().await,
            _ => std::future::pending().await,
        }
    }

    /// The reading end, when the application is done with it. `None`: the content broke.
    async fn back(self) -> Option<Unread> {
        match self.lent {
            Some(lent) => lent.await.ok(),
            None => self.unread,
        }
    }
}

/// RFC 9112 §9.6: nobody knows where the next request would begin.
fn closing(mut response: Response) -> Response {
    response.fields.insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Writes a whole response. An error of its body breaks the connection: the client learns that it has not seen all.
async fn respond(mut response: Response, asked: Asked, writer: &mut Writer) -> Result<(), Broken> {
    response.strip_forbidden_content();
    let (head, mut framing) = response_head(&response, asked);
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
async fn switch(mut response: Response, writer: &mut Writer) -> Result<(), Broken> {
    response.fields.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    let mut body = std::mem::replace(&mut response.body, Body::empty());
    let (head, _) = response_head(&response, Asked::UNKNOWN);
    writer.write(&head).await?;
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.map_err(|_| Broken)?.into_data() {
            writer.write(&data).await?;
        }
    }
    Ok(())
}
