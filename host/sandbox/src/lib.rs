//! The guest's world: wasmtime. Runs components that answer HTTP requests, each request in an instance of its own.
//!
//! Three lifetimes, three types: an [`Engine`] a process, a [`Guest`] a component file, and inside a [`Sandbox`] one
//! call an exchange. Promises: a guest has nothing that was not granted; what it does, however hostile, ends as its own
//! exchange's [`windhover_contract::Fault`]; all it held is freed when its exchange ends.

// Times that two threads read may be out of order, and less than no time panics.
#![cfg_attr(not(test), warn(clippy::unchecked_time_subtraction))]

mod answer;
mod component;
mod engine;
mod exchange;
mod features;
mod grants;
mod invoke;
mod limits;
mod memory;
mod reuse;
mod scheduling;
mod store;
mod wasi;

use std::sync::{Arc, OnceLock};

use windhover_contract::{Application, Request, Response};

use answer::buffers;
use exchange::leaving;
use scheduling::admission;
use scheduling::background;

pub use component::cache::{Cache, CacheError};
pub use component::compiled::compile;
pub use component::compose::{ComposeError, ComposeWarning, Composition, Part, compose};
pub use component::guest::{Guest, Origin};
pub use component::inspect::{Grant, Inspection, MadeWith, Want, inspect};
pub use component::source::Source;
pub use component::{LoadError, World};
pub use engine::{Capabilities, Engine, EngineConfig, EngineError};
pub use exchange::leaving::Leave;
pub use grants::outbound::{Outbound, OutboundError, OutboundLimits, OutboundRule, OutboundRuleError};
pub use grants::{Access, Grants};
pub use limits::{SandboxLimits, WebSocketLimits};
pub use reuse::Reuse;
pub use scheduling::admission::Load;
pub use scheduling::profile::{Function, Profile, Sample, Seen};

/// A guest at the ready: the application that answers each request in a fresh instance, unless told to reuse them.
///
/// Its futures and bodies must be polled inside a tokio runtime with time.
pub struct Sandbox(Arc<Deployed>);

/// What every exchange of a deployment shares.
pub(crate) struct Deployed {
    pub(crate) name: Arc<str>,
    pub(crate) guest: Guest,
    pub(crate) limits: SandboxLimits,
    pub(crate) admission: admission::Admission,
    pub(crate) room: Arc<buffers::Room>,
    pub(crate) grants: Arc<Grants>,
    pub(crate) instances: reuse::Instances,
    pub(crate) leaving: leaving::Leaving,
    pub(crate) placement: background::Placement,
    /// Set: where its guests' time goes is recorded.
    pub(crate) profile: OnceLock<Arc<Profile>>,
}

impl Sandbox {
    /// Readies `guest` to answer requests within `limits`; of instances it gets at most as many as the engine has.
    /// `name` says in the log whose lines these are.
    pub fn new(guest: Guest, name: impl Into<String>, mut limits: SandboxLimits, grants: Grants) -> Self {
        limits.max_instances = limits.max_instances.min(guest.engine().instances().max());
        let name: String = name.into();
        let name: Arc<str> = name.into();
        let admission = admission::Admission::new(&name, &limits);
        let room = Arc::new(buffers::Room::new(guest.engine().buffers(), &limits));
        let instances = reuse::Instances::new(&name, &guest, &limits);
        grants.blocking.limit(limits.max_blocking_calls);
        let grants = Arc::new(grants);
        let (leaving, placement) = (leaving::Leaving::default(), background::Placement::default());
        let profile = OnceLock::new();
        Self(Arc::new(Deployed {
            name,
            guest,
            limits,
            admission,
            room,
            grants,
            instances,
            leaving,
            placement,
            profile,
        }))
    }

    /// Records from now on where its guests' time goes. Once: a second profile is not filled.
    pub fn record(&self, profile: &Arc<Profile>) {
        let _ = self.0.profile.set(Arc::clone(profile));
    }

    /// Closes the WebSockets of its guests, those that are open and those that they accept later: `why` is what their
    /// clients are told. Guests that ask `lifetime` are told too. All else goes on.
    pub fn leave(&self, why: Leave) {
        self.0.leaving.begin(why);
    }

    /// What it has to do now.
    pub fn load(&self) -> Load {
        self.0.admission.load()
    }
}

impl Drop for Sandbox {
    /// Instances that rest hold on to what is deployed, and it to them.
    fn drop(&mut self) {
        self.0.instances.close();
    }
}

impl Application for Sandbox {
    // Not `async`: a future around a future would move the request once more.
    fn handle(&self, request: Request) -> impl Future<Output = Response> + Send {
        invoke::invoke(&self.0, request)
    }
}
