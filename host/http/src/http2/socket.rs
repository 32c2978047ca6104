//! The socket as the HTTP/2 library sees it: what goes over it is counted, and reading stops where it is too much.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::{Mutex, MutexGuard};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;
use windhover_contract::{ClientFault, DataRate, ExchangeLimits, Limits};

use super::sections::Malformed;
use super::traffic::{Flood, Traffic};
use crate::ending::Ending;
use crate::socket::Socket;

/// A socket that speaks HTTP/2.
pub(crate) struct Http2Socket {
    socket: Socket,
    /// Of the server: where no exchange says otherwise.
    min_rate: Option<DataRate>,
    /// By which the write that waits is measured.
    rate: Option<DataRate>,
    socket_state: Arc<SocketState>,
    ending: Arc<Ending>,
}

/// What the connection knows of its socket, which the library owns.
pub(crate) struct SocketState(Mutex<State>);

struct State {
    traffic: Traffic,
    flood: Option<Flood>,
    heard: u64,
    write_waits: bool,
    senders: Vec<Waker>,
    end: ClientEnd,
    /// Who waits for content.
    receivers: Vec<Waker>,
    /// Of the exchanges that are under way.
    limits: Vec<Arc<ExchangeLimits>>,
    /// The least of those that have ended since the connection last had nothing to do: some of their bytes may not have
    /// left yet, because the library writes them when it likes.
    left_behind: Option<Option<DataRate>>,
}

/// What the library knows of the end of what the client sends. It takes that for the client's leaving, so it is not
/// told as long as something is under way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ClientEnd {
    /// It is told at once.
    Told,
    /// It has not come, and would not be told.
    Hidden,
    HasCome,
}

/// An exchange that is under way on a connection: how slowly its client may take it counts.
pub(crate) struct UnderWay {
    socket_state: Arc<SocketState>,
    limits: Arc<ExchangeLimits>,
    pub(crate) is_upgraded: bool,
}

impl Http2Socket {
    pub(crate) fn new(socket: Socket, limits: &Limits, ending: Arc<Ending>) -> (Self, Arc<SocketState>) {
        let socket_state = Arc::new(SocketState(Mutex::new(State {
            traffic: Traffic::new(socket.clock().now(), limits.http2.header_table_size.as_u32()),
            flood: None,
            heard: 0,
            write_waits: false,
            senders: Vec::new(),
            end: ClientEnd::Told,
            receivers: Vec::new(),
            limits: Vec::new(),
            left_behind: None,
        })));
        let min_rate = limits.min_response_data_rate;
        (Self { socket, min_rate, rate: min_rate, socket_state: Arc::clone(&socket_state), ending }, socket_state)
    }

    /// The client sends no more. That is not its leaving, as long as something is under way for it.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.socket_state.state();
        match state.end {
            ClientEnd::Told => return Poll::Ready(Ok(())),
            ClientEnd::Hidden => {
                state.end = ClientEnd::HasCome;
                state.receivers.drain(..).for_each(Waker::wake);
                cx.waker().wake_by_ref(); // the connection sees whether anything is under way
                return Poll::Pending;
            }
            ClientEnd::HasCome => {}
        }
        drop(state);
        self.socket.poll_left(cx).map(|()| Err(io::ErrorKind::ConnectionReset.into()))
    }

    fn watch<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        let has_waited = self.socket.is_waiting();
        if written.is_pending() {
            let rate = self.socket_state.min_response_data_rate(self.min_rate);
            if std::mem::replace(&mut self.rate, rate) != rate {
                self.socket.change_rate();
            }
        }
        let rate = self.rate;
        let written = self.socket.watch(cx, || rate, written);
        if self.socket.is_too_slow() {
            self.ending.begin(ClientFault::AnswerTooSlow);
        }
        if has_waited != self.socket.is_waiting() {
            self.socket_state.set_write_waits(!has_waited);
        }
        written
    }
}

impl SocketState {
    /// What the client does too much of. Nothing more is read then.
    pub(crate) fn flood(&self) -> Option<Flood> {
        self.state().flood
    }

    /// Whether this is wrong with a stream, of which the library says nothing. Told once.
    pub(crate) fn take_malformed(&self, stream: u32, what: Malformed) -> bool {
        self.state().traffic.take_malformed(stream, what)
    }

    /// Since when the client is in the middle of a frame or of a header section.
    pub(crate) fn unfinished_since(&self) -> Option<Instant> {
        self.state().traffic.unfinished_since()
    }

    /// Changes whenever something has come.
    pub(crate) fn heard(&self) -> u64 {
        self.state().heard
    }

    /// Ready when the client takes what is sent to it.
    pub(crate) fn poll_taken(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state();
        if !state.write_waits {
            return Poll::Ready(());
        }
        if !state.senders.iter().any(|sender| sender.will_wake(cx.waker())) {
            state.senders.push(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Whether the client takes nothing at the moment.
    pub(crate) fn write_waits(&self) -> bool {
        self.state().write_waits
    }

    /// From now on the end of what the client sends is hidden from the library.
    pub(crate) fn hide_end(&self) {
        self.state().end = ClientEnd::Hidden;
    }

    /// Tells it the end after all.
    pub(crate) fn tell_end(&self) {
        self.state().end = ClientEnd::Told;
    }

    /// Whether the client sends no more, which the library does not know.
    pub(crate) fn is_half_closed(&self) -> bool {
        self.state().end == ClientEnd::HasCome
    }

    /// Ready when the client sends no more, which the library does not know.
    pub(crate) fn poll_half_closed(&self, cx: &Context<'_>) -> Poll<()> {
        let mut state = self.state();
        if state.end == ClientEnd::HasCome {
            return Poll::Ready(());
        }
        state.receivers.retain(|receiver| !receiver.will_wake(cx.waker()));
        state.receivers.push(cx.waker().clone());
        Poll::Pending
    }

    /// Says that an exchange is under way, until what this returns is dropped.
    pub(crate) fn begin(self: &Arc<Self>, limits: &Arc<ExchangeLimits>) -> UnderWay {
        let mut state = self.state();
        if state.limits.is_empty() && !state.write_waits {
            state.left_behind = None; // all of it is with the system
        }
        state.limits.push(Arc::clone(limits));
        drop(state);
        UnderWay { socket_state: Arc::clone(self), limits: Arc::clone(limits), is_upgraded: false }
    }

    /// How slowly the client may take what waits: as slowly as one of its exchanges says, because nobody can tell whose
    /// bytes it does not take. Who wants it faster ends its own stream.
    fn min_response_data_rate(&self, server: Option<DataRate>) -> Option<DataRate> {
        let state = self.state();
        let under_way = state.limits.iter().map(|limits| limits.min_response_data_rate());
        under_way.chain(state.left_behind).reduce(slower).unwrap_or(server)
    }

    fn set_write_waits(&self, waits: bool) {
        let mut state = self.state();
        state.write_waits = waits;
        if !waits {
            state.senders.drain(..).for_each(Waker::wake);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock()
    }
}

impl Drop for UnderWay {
    /// What it leaves to be sent is taken at its own pace, unless it is of another protocol, which has none.
    fn drop(&mut self) {
        let mut state = self.socket_state.state();
        if let Some(at) = state.limits.iter().position(|limits| Arc::ptr_eq(limits, &self.limits)) {
            state.limits.swap_remove(at);
        }
        if !self.is_upgraded {
            let rate = self.limits.min_response_data_rate();
            state.left_behind = Some(state.left_behind.map_or(rate, |other| slower(other, rate)));
        }
    }
}

/// A rate that is no faster than either. `None`: any.
fn slower(one: Option<DataRate>, other: Option<DataRate>) -> Option<DataRate> {
    let (one, other) = (one?, other?);
    let bytes_per_second = one.bytes_per_second.min(other.bytes_per_second);
    Some(DataRate { bytes_per_second, grace: one.grace.max(other.grace) })
}

impl AsyncRead for Http2Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.socket_state.flood().is_some() {
            return Poll::Pending; // the connection sees it when the library waits for more, and ends
        }
        let before = buf.filled().len();
        let read = self.socket.poll_read(cx, buf);
        let received = &buf.filled()[before..];
        if received.is_empty() && matches!(read, Poll::Ready(Ok(()))) {
            return self.poll_end(cx);
        }
        if !received.is_empty() {
            let now = self.socket.clock().now();
            let mut state = self.socket_state.state();
            state.heard += 1;
            state.flood = state.traffic.receive(received, now).err();
        }
        read
    }
}

impl AsyncWrite for Http2Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = self.socket.poll_write(cx, buf);
        if let Poll::Ready(Ok(size)) = written {
            self.socket_state.state().traffic.send(&buf[..size]);
        }
        self.watch(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = self.socket.poll_write_vectored(cx, bufs);
        if let Poll::Ready(Ok(mut size)) = written {
            let mut state = self.socket_state.state();
            for buf in bufs {
                let sent = size.min(buf.len());
                state.traffic.send(&buf[..sent]);
                size -= sent;
            }
        }
        self.watch(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = self.socket.poll_flush(cx);
        self.watch(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A client that floods is not listened to while it goes on.
        let lingers = self.socket_state.flood().is_none();
        self.socket.poll_shutdown(cx, lingers)
    }
}
