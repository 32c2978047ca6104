//! What signals ask of this process. No signal that servers customarily get ends it unless it is asked to leave:
//!
//! | signal | meaning |
//! |---|---|
//! | TERM, INT (Ctrl-C), QUIT | leave: requests in flight may finish; a second one ends at once. During the start: end at once |
//! | HUP | read the configuration anew; during the start: as soon as that is complete |
//! | USR1, USR2 | nothing: the log goes to standard error, so there is no file to open anew, and a restart without a refused connection is the service manager's (sockets of systemd) |
//! | PIPE, WINCH | nothing: ignored, by Rust's runtime and by the system |
//!
//! `windhover serve --help` and the README say so too. On Windows: Ctrl-C.

use std::io;

#[cfg(unix)]
use tracing::info;

/// The signals that this process hears. Each can be awaited, one after the other.
pub(crate) struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    quit: tokio::signal::unix::Signal,
    #[cfg(unix)]
    hang_up: tokio::signal::unix::Signal,
    #[cfg(unix)]
    user_1: tokio::signal::unix::Signal,
    #[cfg(unix)]
    user_2: tokio::signal::unix::Signal,
}

/// What this process is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    Leave,
    Reload,
}

impl Signals {
    /// From now on these signals do not end the process by themselves.
    pub(crate) fn listen() -> io::Result<Self> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            Ok(Self {
                terminate: signal(SignalKind::terminate())?,
                interrupt: signal(SignalKind::interrupt())?,
                quit: signal(SignalKind::quit())?,
                hang_up: signal(SignalKind::hangup())?,
                user_1: signal(SignalKind::user_defined1())?,
                user_2: signal(SignalKind::user_defined2())?,
            })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    /// The next request.
    pub(crate) async fn next(&mut self) -> Signal {
        #[cfg(unix)]
        loop {
            let ignored = tokio::select! {
                _ = self.terminate.recv() => return Signal::Leave,
                _ = self.interrupt.recv() => return Signal::Leave,
                _ = self.quit.recv() => return Signal::Leave,
                _ = self.hang_up.recv() => return Signal::Reload,
                _ = self.user_1.recv() => "SIGUSR1",
                _ = self.user_2.recv() => "SIGUSR2",
            };
            info!("{ignored} is ignored; SIGHUP reads the configuration anew, SIGTERM ends the server");
        }
        #[cfg(not(unix))]
        match tokio::signal::ctrl_c().await {
            Ok(()) => Signal::Leave,
            Err(_) => std::future::pending().await,
        }
    }

    /// The next request to leave.
    pub(crate) async fn leave(&mut self) {
        while self.next().await != Signal::Leave {}
    }
}
