//! One connection: exchange after exchange until a side has had enough. Whatever ends it ends the application's work
//! for it too.

use std::pin::pin;
use std::sync::Arc;

use http::{HeaderValue, StatusCode, header};
use http_body_util::BodyExt;
use tokio::io::DuplexStream;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;
use windhover_contract::{Application, Body, ClientFault, Fault, Features, Limits, Request, Response, Scheme, Target};

use super::content::{Content, Handed, Unread};
use super::framing::Framing;
use super::head::{Head, Refusal};
use super::pipe::{Broken, Reader, Writer};
use super::response::{Asked, ResponseFraming, response_head};

pub(super) struct Connection<A> {
    pub(super) application: Arc<A>,
    pub(super) features: Features,
    pub(super) limits: Arc<Limits>,
    pub(super) draining: watch::Receiver<bool>,
}

impl<A: Application> Connection<A> {
    pub(super) async fn serve(mut self, pipe: DuplexStream) {
        let (reader, writer) = tokio::io::split(pipe);
        let mut reader = Reader::new(reader);
        let mut writer = Writer { pipe: writer, patience: self.limits.write_timeout };
        while let Ok(next) = self.exchange(reader, &mut writer).await {
            reader = next;
        }
        writer.close().await;
    }

    /// One exchange. Gives the reader back if another may follow; else this was the last.
    async fn exchange(&mut self, mut reader: Reader, writer: &mut Writer) -> Result<Reader, Broken> {
        let head = tokio::select! {
            biased;
            head = timeout(self.limits.request_head_timeout, reader.head(self.limits.max_request_head_size)) => {
                head.map_err(|_| Broken)?
            }
            _ = self.draining.wait_for(|draining| *draining) => return Err(Broken),
        };
        let head = match head {
            Ok(Some(head)) => head,
            Ok(None) => return Err(Broken),
            Err(refusal) => return self.refuse(refusal, writer).await,
        };
        let mut asked = head.asked();
        let (request, handed) = match self.receive(head, reader) {
            Ok(received) => received,
            Err(fault) => {
                let mut response = Response::from(Fault::from(fault));
                response.fields.insert(header::CONNECTION, HeaderValue::from_static("close"));
                respond(response, asked, writer).await?;
                return Err(Broken);
            }
        };
        let Handed { first_read, unread } = handed;
        let mut unread = Lent { unread: None, lent: unread };
        tokio::select! {
            answered = self.answer(request, first_read, &mut asked, writer) => answered?,
            () = unread.client_left() => return Err(Broken),
        }
        let Unread { mut reader, framing } =
            timeout(self.limits.request_head_timeout, unread.back()).await.map_err(|_| Broken)?.ok_or(Broken)?;
        if asked.keep_alive && reader.discard(framing) { Ok(reader) } else { Err(Broken) }
    }

    async fn refuse(&self, refusal: Refusal, writer: &mut Writer) -> Result<Reader, Broken> {
        let status = match refusal {
            Refusal::BadRequest => StatusCode::BAD_REQUEST,
            Refusal::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        };
        respond(Response::empty(status), Asked::UNKNOWN, writer).await?;
        Err(Broken)
    }

    fn receive(&self, head: Head, reader: Reader) -> Result<(Request, Handed), ClientFault> {
        let limit = self.limits.max_request_body_size;
        if matches!((head.framing.length(), limit), (Some(length), Some(limit)) if length > limit) {
            return Err(ClientFault::BodyTooLarge);
        }
        let target = Target::resolve(Scheme::Http, &head.method, head.uri, head.version, &head.fields)?;
        let (content, mut handed) = Content::new(Unread { reader, framing: head.framing }, limit);
        if !head.expects_continue {
            handed.first_read = oneshot::channel().1; // whoever reads need not tell
        }
        Ok((
            Request {
                method: head.method,
                target,
                version: head.version,
                fields: head.fields,
                body: Body::stream(content),
                features: Features {
                    connection: self.features.connection.clone(),
                    server_addresses: self.features.server_addresses.clone(),
                },
            },
            handed,
        ))
    }

    async fn answer(
        &self,
        request: Request,
        mut first_read: oneshot::Receiver<()>,
        asked: &mut Asked,
        writer: &mut Writer,
    ) -> Result<(), Broken> {
        let mut handling = pin!(self.application.handle(request));
        let response = tokio::select! {
            biased;
            response = &mut handling => response,
            Ok(()) = &mut first_read => {
                // RFC 9110 §10.1.1: the client waits for this before it sends its content.
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
                handling.await
            }
        };
        asked.keep_alive &= !*self.draining.borrow();
        respond(response, *asked, writer).await
    }
}

/// The reading end, while the application has it and after.
struct Lent {
    unread: Option<Unread>,
    lent: oneshot::Receiver<Unread>,
}

impl Lent {
    /// Ends when the client leaves. As long as there is content to read, only its reader can see that, or the writer.
    async fn client_left(&mut self) {
        if self.unread.is_none() {
            self.unread = (&mut self.lent).await.ok();
        }
        match &mut self.unread {
            Some(Unread { reader, framing: Framing::END }) => reader.ended().await,
            _ => std::future::pending().await,
        }
    }

    /// The reading end, when the application is done with it. `None`: the content broke.
    async fn back(self) -> Option<Unread> {
        match self.unread {
            Some(unread) => Some(unread),
            None => self.lent.await.ok(),
        }
    }
}

/// Writes a whole response. An error of its body breaks the connection: the client learns that it has not seen all.
async fn respond(response: Response, asked: Asked, writer: &mut Writer) -> Result<(), Broken> {
    let (head, mut framing) = response_head(&response, asked);
    writer.write(&head).await?;
    if let ResponseFraming::Nothing = framing {
        return Ok(());
    }
    let mut body = response.body;
    while let Some(frame) = body.frame().await {
        // RFC 9110 §6.5.1: trailers go only to who asked for them. This server drops them, as it may.
        let Ok(data) = frame.map_err(|_| Broken)?.into_data() else { continue };
        for piece in framing.encode(&data).ok_or(Broken)? {
            writer.write(&piece).await?;
        }
    }
    writer.write(framing.end().ok_or(Broken)?).await?;
    if let ResponseFraming::Close = framing { Err(Broken) } else { Ok(()) }
}
