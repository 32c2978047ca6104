//! What speaks HTTP.

use std::future::Future;
use std::io;
use std::sync::Arc;

use crate::{Application, Feature, ServerAddresses};

/// Speaks HTTP: accepts exchanges and hands each to an application.
///
/// A value of this type is bound already: how a server comes to its addresses (sockets, URL prefixes of a kernel
/// queue, a pipe in memory) is its own constructor's affair, so that a wrong address is an error before anything runs.
pub trait Server: Send + Sized + 'static {
    /// The addresses really bound: after port 0 was replaced by the port that the system chose.
    fn addresses(&self) -> &ServerAddresses;

    /// Whether exchanges of this server can carry `feature`. What it says here holds for every exchange, so that a
    /// guest that needs more is refused when it is loaded and not at its first request. That an exchange has nothing
    /// to report (no TLS on a plain connection) is not the feature's absence.
    fn offers(&self, feature: Feature) -> bool;

    /// Serves until `shutdown` ends, then drains: accepts nothing new, answers what comes on idle connections within
    /// [`crate::Limits::drain_idle_grace`], lets exchanges in flight finish within [`crate::Limits::drain_timeout`], and
    /// aborts the rest. From then on every answer says that its connection closes.
    ///
    /// Never ends on an error of a client or of one connection. An error is the system's: it denied what serving needs
    /// (threads, a queue), or took it away. Dropping the future aborts everything at once.
    fn serve<A: Application>(
        self,
        application: Arc<A>,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> impl Future<Output = io::Result<Drained>> + Send;
}

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// Every exchange finished.
    Clean,
    /// The drain timeout passed first.
    Forced {
        /// Connections that were closed with an exchange unfinished. Not counted are those whose answer had begun and
        /// had [`crate::Limits::drain_answer_timeout`] to end.
        abandoned: usize,
    },
}

impl Drained {
    /// The end that left `abandoned` connections unfinished.
    pub fn from_abandoned(abandoned: usize) -> Self {
        match abandoned {
            0 => Self::Clean,
            abandoned => Self::Forced { abandoned },
        }
    }
}
