//! What a service manager is told: nothing, because the protocol of systemd is Unix's.

use std::time::Duration;

pub(crate) fn ready() {}

pub(crate) fn reloading() {}

pub(crate) fn stopping() {}

pub(crate) fn alive() {}

pub(crate) fn watchdog_interval() -> Option<Duration> {
    None
}
