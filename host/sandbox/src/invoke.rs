//! Answers one request: admission, a run of the guest, and the response.

pub(crate) mod handler;
mod run;
mod streaming;

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use http::{Method, StatusCode};
use http_body_util::BodyExt;
use tracing::{debug, warn};
use windhover_contract::{Body, ClientFault, Fault, Feature, GuestFault, HostFault, Request, Response};

use crate::answer::awaited::awaited;
use crate::answer::{Answer, Content, Head};
use crate::exchange::disconnect::Disconnect;
use crate::exchange::fields::content_length;
use crate::exchange::log_id::LogId;
use crate::exchange::websocket;
use crate::exchange::{self, Exchange, Progress};
use crate::invoke::handler::Handler;
use crate::invoke::run::Run;
use crate::invoke::streaming::{Source, Streaming};
use crate::scheduling::time_limit::TimeLimit;

/// Answers a request with an instance of the app.
pub(crate) async fn invoke(handler: &Arc<Handler>, request: Request) -> Response {
    answer(handler, request).await.unwrap_or_else(Response::from)
}

async fn answer(handler: &Arc<Handler>, request: Request) -> Result<Response, Fault> {
    let id = LogId::from(&request.features);
    if !handler.factory.guest.needs().contains(&Feature::Limits) && is_too_large(&request) {
        let fault = ClientFault::BodyTooLarge; // and the guest cannot raise the limit
        debug!(app = %handler.app.name, %id, %fault, "refused a request");
        return Err(fault.into());
    }
    if handler.factory.guest.needs().contains(&Feature::WebSocket)
        && let Some(refusal) = websocket::other_version(&request)
    {
        debug!(app = %handler.app.name, %id, "refused a WebSocket of another version than 13");
        return Ok(refusal);
    }
    let refused = |fault: &HostFault| warn!(app = %handler.app.name, %id, %fault, "refused a request");
    let permit = handler.admission.admit().await.inspect_err(refused)?;
    let method = request.method.clone();
    let time = TimeLimit::begin(&handler.app.limits, request.features.limits.clone());
    let answer = Arc::new(Answer::new(time, Arc::clone(&handler.room)));
    let run = Run::start(handler, exchange(handler, request, Arc::clone(&answer)), permit);
    // Dropped while it waits: the client has disconnected.
    let mut run = Attended(Some(run));
    let head = poll_fn(|cx| {
        let ended = run.get().poll(cx);
        match (answer.poll_head(cx), ended) {
            // Nothing of it was sent, so the client gets the fault.
            (Poll::Ready(Ok(head)), Poll::Ready(Err(fault))) if is_void(&head, &answer, &fault) => {
                Poll::Ready(Err(fault))
            }
            (Poll::Ready(head), _) => Poll::Ready(head),
            (Poll::Pending, Poll::Pending) => Poll::Pending,
            (Poll::Pending, Poll::Ready(Err(fault))) => Poll::Ready(Err(fault)),
            (Poll::Pending, Poll::Ready(Ok(()))) => {
                warn!(app = %handler.app.name, %id, "the guest returned without a response");
                Poll::Ready(Err(GuestFault::NoResponse.into()))
            }
        }
    })
    .await;
    if let Err(Fault::Guest(GuestFault::Aborted)) = head {
        // The server aborts the exchange, as the guest has asked. An answer would interfere.
        tokio::time::sleep(handler.app.limits.last_words).await;
    }
    Ok(respond(handler, head?, &method, run.into_inner(), answer))
}

/// Whether the answer of a failed guest is discarded, because it is incomplete. If the guest has aborted it, the client
/// sees that. If the connection uses another protocol, the client was told in that protocol.
fn is_void(head: &Head, answer: &Answer, fault: &Fault) -> bool {
    if head.status == StatusCode::SWITCHING_PROTOCOLS || *fault == Fault::Guest(GuestFault::Aborted) {
        return false;
    }
    match &head.content {
        Content::Whole(_) | Content::File(_) => false,
        Content::Pieces => content_length(&head.fields) != Some(answer.ahead()),
        Content::Written(content) => !content.is_finished(),
        Content::Stream(_) => answer.is_unfinished(),
    }
}

/// A running guest whose client waits for the head.
struct Attended(Option<Run>);

impl Attended {
    fn get(&mut self) -> &mut Run {
        self.0.as_mut().expect("it is taken out only at the end")
    }

    fn into_inner(mut self) -> Run {
        self.0.take().expect("it is taken out only at the end")
    }
}

impl Drop for Attended {
    fn drop(&mut self) {
        if let Some(run) = self.0.take() {
            run.abandon();
        }
    }
}

fn is_too_large(request: &Request) -> bool {
    let max = request.features.limits.as_ref().and_then(|limits| limits.body().max_size);
    max.is_some_and(|max| http_body::Body::size_hint(&request.body).lower() > max)
}

/// Boxed, because it is moved often.
fn exchange(handler: &Arc<Handler>, request: Request, answer: Arc<Answer>) -> Box<Exchange> {
    Box::new(Exchange {
        app: Arc::clone(&handler.app),
        method: request.method,
        target: request.target,
        version: request.version,
        fields: request.fields,
        features: request.features,
        content: exchange::Content::new(awaited(request.body, &answer), handler.app.limits.max_memory),
        progress: Progress::Unanswered,
        answer,
        disconnect: Disconnect::default(),
        upgraded: None,
        websocket: None,
        tags: Vec::new(),
    })
}

fn respond(handler: &Handler, head: Head, method: &Method, run: Run, answer: Arc<Answer>) -> Response {
    let Head { status, fields, content } = head;
    // What follows a 101 is not its content but the connection in the new protocol, whatever the method was.
    let has_content = Response::has_content(method, status) || status == StatusCode::SWITCHING_PROTOCOLS;
    // HEAD gets the length that GET would get.
    let may_be_measured = has_content || *method == Method::HEAD;
    let expected = if has_content { content_length(&fields) } else { None };
    let source = match content {
        Content::Whole(content) => {
            run.spawn();
            let body = if may_be_measured { Body::full(content) } else { Body::empty() };
            return Response { status, fields, body };
        }
        Content::File(part) => {
            run.spawn();
            let body = if has_content { Body::stream(part) } else { Body::empty() };
            return Response { status, fields, body };
        }
        // Content that is complete is sent at once, with its length.
        Content::Pieces if has_content && expected.is_none() && run.has_ended_well() && !answer.has_trailers() => {
            return Response { status, fields, body: answer.take_pieces().into_body(None) };
        }
        Content::Pieces => Source::Pieces,
        Content::Written(content) => match content.whole(expected) {
            Some(content) => {
                run.spawn();
                // It has left the guest already, so nothing can wait for room.
                let held = answer.room.try_take(content.size()).unwrap_or_default();
                let body = if may_be_measured { content.into_body(held) } else { Body::empty() };
                return Response { status, fields, body };
            }
            None => Source::Stream(content.boxed_unsync()),
        },
        Content::Stream(body) => Source::Stream(body),
    };
    let streaming = Streaming::new(Arc::clone(&handler.app.name), answer, source, run, expected);
    if has_content {
        return Response { status, fields, body: Body::stream(streaming) };
    }
    // The guest may write nevertheless, and runs to its end as for any other method.
    tokio::spawn(streaming.discard());
    Response { status, fields, body: Body::empty() }
}
