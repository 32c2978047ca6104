//! WASI 0.3 for guests that ask for it, next to 0.2, and one exchange of `wasi:http/handler` 0.3.

use std::future::poll_fn;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use http::header::CONTENT_LENGTH;
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderMap, Method};
use http_body_util::{BodyExt, Empty};
use tokio::sync::oneshot;
use tracing::warn;
use wasmtime::AsContextMut;
use wasmtime::component::{Accessor, Linker};
use wasmtime_wasi_http::p3::bindings::Service;
use wasmtime_wasi_http::p3::bindings::http::types::ErrorCode;
use wasmtime_wasi_http::p3::{Request, Response};
use wasmtime_wasi_http::{Error, FieldMap};
use windhover_contract::{ClientFault, ExpectContinue, Fault, GuestFault};

use super::content::{Watch, watched};
use super::request;
use crate::answer::{Answer, Content, Head};
use crate::exchange::Exchange;
use crate::exchange::fields::{content_length, without_connection};
use crate::exchange::log_id::LogId;
use crate::grants::outbound::Hooks;
use crate::store::state::State;

/// Links `wasi:cli`, `clocks`, `filesystem`, `http`, `random` and `sockets` 0.3.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wasmtime_wasi::p3::add_to_linker(linker)?;
    wasmtime_wasi_http::p3::add_to_linker(linker)
}

/// An exchange in progress in an instance.
pub(crate) struct Call {
    /// For the log.
    app: Arc<str>,
    id: LogId,
    answer: Arc<Answer>,
    method: Method,
    content: OnceLock<Watch>,
    /// `None`: the client does not wait to be asked for its content.
    expect_continue: Option<Arc<dyn ExpectContinue>>,
}

impl Call {
    /// The call for an exchange, and the request that it passes.
    pub(crate) fn new(app: Arc<str>, exchange: &mut Exchange) -> (Self, Request) {
        let scheme = match exchange.target.scheme() {
            windhover_contract::Scheme::Http => Scheme::HTTP,
            windhover_contract::Scheme::Https => Scheme::HTTPS,
        };
        let path = exchange.target.uri().path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/"));
        let (method, authority) = (exchange.method.clone(), request::authority(exchange));
        let fields = without_connection(request::fields(exchange));
        let content =
            request::content(exchange).unwrap_or_else(|| Empty::new().map_err(|never| match never {}).boxed_unsync());
        let fields = FieldMap::new_immutable(&mut Hooks::default(), fields);
        // Whether the guest read the content does not matter to the host.
        let (request, _) = Request::new(method, Some(scheme), Some(authority), Some(path), fields, None, content);
        (
            Self {
                app,
                id: LogId::from(&exchange.features),
                answer: Arc::clone(&exchange.answer),
                method: exchange.method.clone(),
                content: OnceLock::new(),
                expect_continue: exchange.features.expect_continue.clone(),
            },
            request,
        )
    }

    /// Calls the handler, and waits for its answer and for work that the guest does after it. For an instance that has
    /// no other exchange.
    pub(crate) async fn run(
        &self,
        accessor: &Accessor<State>,
        guest: &Service,
        request: Request,
    ) -> wasmtime::Result<()> {
        self.begin(accessor, guest, request).await?;
        let mut is_settled = false;
        poll_fn(|cx| {
            let content = self.poll_content(cx);
            if accessor.poll_no_interesting_tasks(cx).is_pending() {
                return Poll::Pending;
            }
            // A guest that has nothing left to do need not wait for a client that takes its time.
            if !is_settled {
                is_settled = true;
                if self.settle() {
                    return Poll::Ready(());
                }
                return self.poll_content(cx);
            }
            content
        })
        .await;
        self.complete();
        Ok(())
    }

    /// Calls the handler and sets the head. The content may follow.
    pub(crate) async fn begin(
        &self,
        accessor: &Accessor<State>,
        guest: &Service,
        request: Request,
    ) -> wasmtime::Result<()> {
        let request = accessor.with(|mut access| access.get().table().push(request))?;
        let answered = guest.wasi_http_handler().call_handle(accessor, request).await?;
        if self.answer.has_begun() {
            return Ok(()); // by windhover:http; the response that the handler must return is not sent
        }
        // The guest may read content after the head, to produce its answer. A guest that needs none has dropped its
        // request, and with it the content.
        if let Some(client) = &self.expect_continue {
            client.will_read();
        }
        let head = match answered {
            Ok(response) => accessor.with(|mut access| {
                let response = access.get().table().delete(response)?;
                self.head(access, response)
            })?,
            Err(code) => {
                warn!(app = %self.app, id = %self.id, ?code, "the guest answered with an error code");
                Err(fault(&code))
            }
        };
        self.answer.begin(head);
        Ok(())
    }

    fn head(
        &self,
        store: impl AsContextMut<Data = State>,
        mut response: Response,
    ) -> wasmtime::Result<Result<Head, Fault>> {
        // Content that is not sent, as for HEAD and 304, need not have the announced length, but wasmtime would check
        // it.
        let has_content = windhover_contract::Response::has_content(&self.method, response.status);
        let promising = (!has_content && response.headers.contains_key(CONTENT_LENGTH)).then(|| {
            let fields = HeaderMap::from(std::mem::take(&mut response.headers));
            let mut others = fields.clone();
            others.remove(CONTENT_LENGTH);
            response.headers = FieldMap::new_immutable(&mut Hooks::default(), others);
            fields
        });
        let (told, outcome) = oneshot::channel();
        let outcome = async { outcome.await.unwrap_or(Err(Error::ConnectionTerminated)) };
        let (mut head, body) = response.into_http(store, outcome)?.into_parts();
        if let Some(fields) = promising {
            head.headers = fields;
        }
        let (content, watch) = watched(body, told);
        if head.status.is_informational() {
            warn!(app = %self.app, id = %self.id, status = %head.status, "the guest answered with an interim status");
            return Ok(Err(GuestFault::Reported.into()));
        }
        let _ = self.content.set(watch); // a call begins once
        let content = Content::Stream(content.boxed_unsync());
        Ok(Ok(Head { status: head.status, fields: head.headers, content }))
    }

    /// Waits until the content, if there is any, has left the store or has no reader.
    pub(crate) fn poll_content(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.content.get().map_or(Poll::Ready(()), |content| content.poll_done(cx))
    }

    /// Takes everything that the store has of the content. `true`: that was all. To be called before the store of a
    /// failed guest is dropped.
    pub(crate) fn settle(&self) -> bool {
        self.content.get().is_none_or(Watch::settle)
    }

    /// Marks the content as unfinished, if it is. After this the store may be dropped.
    pub(crate) fn leave(&self) {
        if !self.settle() {
            self.answer.leave_unfinished();
        }
    }

    /// Answers in one piece, if the content turned out to be one and the head is not sent yet.
    pub(crate) fn complete(&self) {
        if let Some(content) = self.content.get() {
            let expected = |head: &Head| {
                let has_content = windhover_contract::Response::has_content(&self.method, head.status);
                content_length(&head.fields).filter(|_| has_content)
            };
            self.answer.complete(|head| content.whole(expected(head)));
        }
    }
}

/// Maps a guest's error code to a fault: of the client, if the code says so.
fn fault(code: &ErrorCode) -> Fault {
    match code {
        ErrorCode::HttpRequestBodySize(_) => ClientFault::BodyTooLarge.into(),
        _ => GuestFault::Reported.into(),
    }
}
