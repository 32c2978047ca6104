//! Decides what hyper sees of what the client sends: complete and valid heads, content as it arrives, and everything on
//! an upgraded connection.
//!
//! In place of an invalid head hyper gets a small valid one, which `exchange` refuses by its number: so the refusal
//! follows the responses to earlier requests, and no application sees the request. In place of invalid framing hyper
//! gets bytes that its decoder refuses in every state. After either it gets nothing more.

use std::io;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::ReadBuf;
use windhover_contract::Limits;

use super::link::IoEnd;
use super::strict::{Strict, Verdict, Wrong};

/// Stands between the socket and hyper.
pub(crate) struct Gate {
    strict: Strict,
    /// What has arrived and hyper has not seen.
    held: BytesMut,
    /// So many bytes of it may be passed on.
    cleared: usize,
    /// Nothing more is passed on than what is cleared.
    is_closed: bool,
    /// Whether hyper knows that a head has begun.
    has_announced: bool,
}

impl Gate {
    pub(crate) fn new(limits: &Limits) -> Self {
        let strict = Strict::new(limits);
        Self { strict, held: BytesMut::new(), cleared: 0, is_closed: false, has_announced: false }
    }

    /// Frees the buffer. False: it holds something that hyper has not seen.
    pub(crate) fn release_buffer(&mut self) -> bool {
        let is_released = self.held.is_empty() && !self.is_closed && self.strict.is_between_heads();
        if is_released {
            self.held = BytesMut::new();
        }
        is_released
    }

    /// Whether content has begun and has not ended.
    pub(crate) fn is_in_content(&self) -> bool {
        self.strict.is_in_content()
    }

    /// Whether something was invalid, so that hyper sees nothing of what follows it.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// How many complete heads have arrived.
    pub(crate) fn heads(&self) -> u64 {
        self.strict.heads()
    }

    /// Whether somebody must learn of the end of what the client sends: a reader of incomplete content, or of another
    /// protocol.
    pub(crate) fn end_is_awaited(&self) -> bool {
        self.strict.is_in_content() || self.strict.is_stopped()
    }

    /// Reads with `read` until there is something for hyper.
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
        link: &IoEnd,
        mut read: impl FnMut(&mut Context<'_>, &mut ReadBuf<'_>) -> Poll<io::Result<()>>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        while !self.pass(buf) {
            if self.is_closed {
                // Not the end, which hyper would take for the client's disconnect. It has all that it needs to end by
                // itself.
                return Poll::Pending;
            }
            if self.strict.awaits_upgrade() {
                match link.poll_upgrade(cx) {
                    Poll::Ready(is_accepted) => {
                        if is_accepted {
                            self.strict.stop()
                        } else {
                            self.strict.decline()
                        }
                        self.check_held(link);
                        continue;
                    }
                    // More is not read, or a client could fill the memory.
                    Poll::Pending if !self.held.is_empty() => return Poll::Pending,
                    Poll::Pending => {} // whether the client leaves is seen by reading only
                }
            }
            ready!(read(cx, buf))?;
            if buf.filled().len() == before {
                return Poll::Ready(Ok(())); // the end
            }
            self.take(buf, before, link);
            if buf.filled().len() > before {
                return Poll::Ready(Ok(()));
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Passes on to hyper what it may have. False: there is nothing.
    fn pass(&mut self, buf: &mut ReadBuf<'_>) -> bool {
        let size = self.cleared.min(buf.remaining());
        buf.put_slice(&self.held[..size]);
        self.held.advance(size);
        self.cleared -= size;
        size > 0
    }

    /// Leaves in `buf`, behind `before`, what hyper may have of what has just been read, and holds the rest.
    fn take(&mut self, buf: &mut ReadBuf<'_>, before: usize, link: &IoEnd) {
        if self.held.is_empty() {
            let read = &mut buf.filled_mut()[before..];
            let verdict = self.strict.check(read);
            if verdict.good < read.len() {
                self.held.extend_from_slice(&read[verdict.good..]);
                buf.set_filled(before + verdict.good);
            }
            self.apply(Verdict { good: 0, ..verdict }, link);
            self.has_announced &= verdict.good == 0;
        } else {
            self.held.extend_from_slice(&buf.filled()[before..]);
            buf.set_filled(before);
            self.check_held(link);
            self.pass(buf);
        }
        self.announce(buf);
    }

    /// Checks what is held.
    fn check_held(&mut self, link: &IoEnd) {
        let verdict = self.strict.check(&mut self.held);
        self.has_announced &= verdict.good == 0;
        self.apply(verdict, link);
    }

    fn apply(&mut self, verdict: Verdict, link: &IoEnd) {
        self.cleared = verdict.good;
        let Some(wrong) = verdict.fault else { return };
        self.held.truncate(verdict.good);
        match wrong {
            Wrong::Head(fault) => {
                link.refuse(self.strict.heads() + 1, fault);
                self.held.extend_from_slice(REFUSED_HEAD);
            }
            Wrong::Content => self.held.extend_from_slice(REFUSED_FRAMING),
        }
        self.cleared = self.held.len();
        self.is_closed = true;
    }

    /// Tells hyper that a head has begun, by the empty line that may precede one. Else hyper would take the connection
    /// for idle and close it at once when the server drains.
    fn announce(&mut self, buf: &mut ReadBuf<'_>) {
        let has_begun = self.cleared == 0 && !self.held.is_empty() && self.strict.is_in_head();
        if has_begun && !self.has_announced && buf.remaining() >= EMPTY_LINE.len() {
            buf.put_slice(EMPTY_LINE);
            self.has_announced = true;
        }
    }
}

/// What hyper sees in place of an invalid head.
const REFUSED_HEAD: &[u8] = b"GET / HTTP/1.1\r\nhost: .\r\nconnection: close\r\n\r\n";

/// hyper's decoder of chunks refuses this in every state except inside of a chunk, where nothing is invalid: CR is not
/// allowed, or is not followed by LF.
const REFUSED_FRAMING: &[u8] = b"\r\0";

const EMPTY_LINE: &[u8] = b"\r\n";
