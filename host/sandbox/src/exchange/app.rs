//! The app that an exchange is for: its name, its limits, and what its guest may do.

use std::sync::{Arc, OnceLock};

use crate::exchange::leaving::Leaving;
use crate::grants::Grants;
use crate::limits::SandboxLimits;
use crate::limits::memory::GrownMemory;
use crate::scheduling::background::Scheduler;
use crate::scheduling::profile::Profile;

/// What all exchanges of an app share, and the stores of its guests.
pub(crate) struct App {
    /// For the log.
    pub(crate) name: Arc<str>,
    pub(crate) limits: SandboxLimits,
    pub(crate) grants: Arc<Grants>,
    pub(crate) leaving: Leaving,
    pub(crate) scheduler: Arc<Scheduler>,
    /// Shared by all apps of the engine.
    pub(crate) grown_memory: Arc<GrownMemory>,
    /// Whether the guest can ask about *the* exchange that it is in.
    pub(crate) has_current_exchange: bool,
    /// If set, it records where the guests spend their time.
    pub(crate) profile: OnceLock<Arc<Profile>>,
}
