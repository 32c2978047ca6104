//! What may stand before the apps: `windhover dev` does.

use std::sync::{Arc, Weak};

use windhover_contract::{Request, Response};

use crate::pipeline::Pipeline;

/// Sees each exchange before its app does.
pub trait Layer: Send + Sync {
    /// The server serves, at `address` if it has one with a port. Called once.
    fn begin(self: Arc<Self>, apps: ServedApps, address: Option<&str>);

    /// Looks at a request before the app that it is for. `app`: its name, if there is one at that host and path.
    fn receive(&self, request: &mut Request, app: Option<&str>) -> Reception;

    /// The server begins to drain: whatever goes on without end is to end.
    fn leave(&self);
}

/// What a layer does with a request.
pub enum Reception {
    /// It is answered, and no app sees it.
    Answered(Response),
    /// The app answers it, and this makes the response that the client gets.
    Admitted(Box<dyn FnOnce(Response) -> Response + Send>),
}

/// The apps that a server serves, while it does.
#[derive(Clone)]
pub struct ServedApps(Weak<Pipeline>);

impl ServedApps {
    pub(crate) fn of(pipeline: &Arc<Pipeline>) -> Self {
        Self(Arc::downgrade(pipeline))
    }

    /// The version of each app that is loaded: the beginning of its component's hash. Empty: none is, or the server has
    /// ended.
    pub fn versions(&self) -> Vec<String> {
        let apps = self.0.upgrade().map(|pipeline| pipeline.apps()).unwrap_or_default();
        apps.iter().filter_map(|app| Some(app.loaded()?.version.to_string())).collect()
    }
}
