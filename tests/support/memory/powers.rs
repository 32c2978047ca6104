//! What an application may do to its exchange, and how the connection hears of it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use http::{HeaderMap, StatusCode};
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;
use windhover_contract::{ExpectContinue, Fault, GuestFault, Informational, Lifetime, Reset};

/// The powers over one exchange.
#[derive(Default)]
pub(super) struct Powers {
    aborted: Notify,
    why: Mutex<Option<Fault>>,
    /// The last error code that the application has chosen. This server has no use for it.
    code: Mutex<Option<u64>>,
    interim: Mutex<Interim>,
    is_asked: Notify,
    will_read: AtomicBool,
}

#[derive(Default)]
struct Interim {
    head: Option<Vec<u8>>,
    is_sent: bool,
    sender: Option<Waker>,
}

impl Powers {
    /// Ends when the application breaks the exchange off.
    pub(super) async fn aborted(&self) {
        self.aborted.notified().await;
    }

    /// The interim response that the application wants sent, when it wants one.
    pub(super) async fn interim_response(&self) -> Vec<u8> {
        loop {
            let asked = self.is_asked.notified();
            if let Some(head) = self.interim().head.take() {
                return head;
            }
            asked.await;
        }
    }

    /// Whether the application has said that it will read the content.
    pub(super) fn will_read(&self) -> bool {
        self.will_read.load(Ordering::Relaxed)
    }

    /// Says that it was sent.
    pub(super) fn is_sent(&self) {
        let mut interim = self.interim();
        interim.is_sent = true;
        if let Some(sender) = interim.sender.take() {
            sender.wake();
        }
    }

    fn interim(&self) -> MutexGuard<'_, Interim> {
        self.interim.lock()
    }
}

impl Informational for Powers {
    fn poll_send(&self, cx: &mut Context<'_>, status: StatusCode, fields: &HeaderMap) -> Poll<()> {
        let mut interim = self.interim();
        if std::mem::take(&mut interim.is_sent) {
            return Poll::Ready(());
        }
        if interim.sender.is_none() {
            let reason = status.canonical_reason().unwrap_or("");
            let mut head = format!("HTTP/1.1 {} {reason}\r\n", status.as_str()).into_bytes();
            for (name, value) in fields {
                head.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
            }
            head.extend(b"\r\n");
            interim.head = Some(head);
        }
        interim.sender = Some(cx.waker().clone());
        self.is_asked.notify_one();
        Poll::Pending
    }
}

impl ExpectContinue for Powers {
    fn will_read(&self) {
        self.will_read.store(true, Ordering::Relaxed);
    }
}

impl Lifetime for Powers {
    fn abort(&self, why: Fault) {
        self.why.lock().get_or_insert(why);
        self.aborted.notify_one();
    }

    fn broken_off(&self) -> Option<Fault> {
        self.why.lock().clone()
    }
}

impl Reset for Powers {
    fn reset(&self, code: u64) {
        *self.code.lock() = Some(code);
        self.abort(GuestFault::Aborted.into());
    }
}
