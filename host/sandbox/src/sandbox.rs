//! The application that a server calls.

use std::sync::{Arc, OnceLock};

use windhover_contract::{Application, Request, Response};

use crate::answer::buffers::Room;
use crate::component::guest::Guest;
use crate::exchange::app::App;
use crate::exchange::leaving::{Leave, Leaving};
use crate::grants::Grants;
use crate::invoke;
use crate::invoke::handler::Handler;
use crate::limits::SandboxLimits;
use crate::reuse::Instances;
use crate::reuse::instance::InstanceFactory;
use crate::scheduling::admission::{Admission, Load};
use crate::scheduling::background::Scheduler;
use crate::scheduling::profile::Profile;

/// An app that is ready to answer requests: each in a fresh instance, unless its limits say that instances are reused.
///
/// Poll its futures and bodies inside a tokio runtime with time.
pub struct Sandbox(Arc<Handler>);

impl Sandbox {
    /// Prepares `guest` to answer requests within `limits`. `max_instances` is reduced to the engine's limit. `name`
    /// identifies the app in the log.
    pub fn new(guest: Guest, name: impl Into<String>, mut limits: SandboxLimits, grants: Grants) -> Self {
        let engine = guest.engine();
        limits.max_instances = limits.max_instances.min(engine.instances().max());
        let name: String = name.into();
        let name: Arc<str> = name.into();
        let admission = Admission::new(&name, &limits);
        let room = Arc::new(Room::new(engine.buffers(), &limits));
        let instances = Instances::new(&name, &guest, &limits);
        grants.blocking.limit(limits.max_blocking_calls);
        let app = Arc::new(App {
            name,
            limits,
            grants: Arc::new(grants),
            leaving: Leaving::default(),
            scheduler: Arc::new(Scheduler::new(guest.ticker(), engine.background())),
            grown_memory: Arc::clone(engine.grown_memory()),
            has_current_exchange: guest.has_current_exchange(),
            profile: OnceLock::new(),
        });
        let factory = Arc::new(InstanceFactory { app: Arc::clone(&app), guest });
        Self(Arc::new(Handler { app, factory, instances, admission, room }))
    }

    /// Records from now on where the guest spends its time. A second profile is ignored.
    pub fn record(&self, profile: &Arc<Profile>) {
        let _ = self.0.app.profile.set(Arc::clone(profile));
    }

    /// Closes the WebSockets of its guests, open ones and later ones; `why` determines the close code. Guests that
    /// import `lifetime` are told too. Everything else goes on.
    pub fn leave(&self, why: Leave) {
        self.0.app.leaving.begin(why);
    }

    /// Its load at this moment.
    pub fn load(&self) -> Load {
        self.0.admission.load()
    }
}

impl Drop for Sandbox {
    /// Exchanges that are under way hold on to all of it. Idle instances need not wait for them.
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
