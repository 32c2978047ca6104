//! What a service manager is told (sd_notify): that the server is ready, reads its configuration anew, leaves, lives.
//! Without one (`NOTIFY_SOCKET`) nobody is told.

use std::time::Duration;

use sd_notify::NotifyState;
use tracing::debug;

/// It takes requests.
pub(crate) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// It reads its configuration anew, and says when it is ready again.
pub(crate) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

/// It leaves.
pub(crate) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// It lives.
pub(crate) fn alive() {
    tell(&[NotifyState::Watchdog]);
}

/// How often it is to say that it lives: twice as often as it must. `None`: nobody asks.
pub(crate) fn watchdog_interval() -> Option<Duration> {
    Some(sd_notify::watchdog_enabled()? / 2).filter(|interval| !interval.is_zero())
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        debug!(%error, "the service manager was not told");
    }
}
