//! The socket as the HTTP/2 library sees it: it counts what is sent and received, and stops reading from a client that
//! floods.

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
    /// The server's rate, which applies unless an exchange has its own.
    min_rate: Option<DataRate>,
    /// The rate for the waiting write.
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
    /// The tasks that wait for content.
    receivers: Vec<Waker>,
    /// The limits of the exchanges under way.
    limits: Vec<Arc<ExchangeLimits>>,
    /// The lowest rate of the exchanges that have ended since the connection was last idle: some of their bytes may
    /// still be here, because the library decides when to write them.
    left_behind: Option<Option<DataRate>>,
}

/// What the library knows of the end of what the client sends. The library takes it for the client's disconnect, so it
/// is hidden while something is under way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ClientEnd {
    /// The library learns of it at once.
    Told,
    /// It has not come, and would be hidden.
    Hidden,
    HasCome,
}

/// An exchange under way. Its rate counts for the connection.
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

    /// The client sends no more. That is not a disconnect while something is under way for it.
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
    /// How the client floods, if it does. Then nothing more is read.
    pub(crate) fn flood(&self) -> Option<Flood> {
        self.state().flood
    }

    /// Whether a stream is malformed in this way, which the library hides. Returns true once.
    pub(crate) fn take_malformed(&self, stream: u32, what: Malformed) -> bool {
        self.state().traffic.take_malformed(stream, what)
    }

    /// Since when the client is in the middle of a frame or a header section.
    pub(crate) fn unfinished_since(&self) -> Option<Instant> {
        self.state().traffic.unfinished_since()
    }

    /// Changes whenever something has arrived.
    pub(crate) fn heard(&self) -> u64 {
        self.state().heard
    }

    /// Ready when the client takes what is sent.
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

    /// From now on hides the end of what the client sends from the library.
    pub(crate) fn hide_end(&self) {
        self.state().end = ClientEnd::Hidden;
    }

    /// Stops hiding the end.
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

    /// An exchange begins. It lasts until the returned value is dropped.
    pub(crate) fn begin(self: &Arc<Self>, limits: &Arc<ExchangeLimits>) -> UnderWay {
        let mut state = self.state();
        if state.limits.is_empty() && !state.write_waits {
            state.left_behind = None; // all of it is with the system
        }
        state.limits.push(Arc::clone(limits));
        drop(state);
        UnderWay { socket_state: Arc::clone(self), limits: Arc::clone(limits), is_upgraded: false }
    }

    /// The rate at which the client must take what waits: the lowest of its exchanges, because nobody can tell whose
    /// bytes it does not take. An exchange with a higher rate ends its own stream.
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
    /// The bytes that it leaves behind keep its rate. Those of another protocol have none.
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

/// A rate that is no higher than either. `None`: any rate.
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
        // A client that floods is not read from while it goes on.
        let lingers = self.socket_state.flood().is_none();
        self.socket.poll_shutdown(cx, lingers)
    }
}
