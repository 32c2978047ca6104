//! What a program may put before the apps.

use std::sync::{Arc, Weak};

use arc_swap::ArcSwap;
use windhover_contract::{Request, Response};

use crate::router::Router;

/// Sees each exchange before its app does.
pub trait Interceptor: Send + Sync {
    /// The server serves, at `address` if it has one with a port. Called once.
    fn begin(self: Arc<Self>, apps: ServedApps, address: Option<&str>);

    /// Looks at a request before its app. `app`: the app's name. `None`: no app is at that host and path.
    fn intercept(&self, request: &mut Request, app: Option<&str>) -> Interception;

    /// The server begins to drain: whatever goes on without end is to end.
    fn leave(&self);
}

/// What an interceptor does with a request.
pub enum Interception {
    /// It is answered, and no app sees it.
    Answer(Response),
    /// The app answers it, and this makes the response that the client gets.
    Pass(Box<dyn FnOnce(Response) -> Response + Send>),
}

/// The apps that a server serves, while it does.
#[derive(Clone)]
pub struct ServedApps(Weak<ArcSwap<Router>>);

impl ServedApps {
    pub(crate) fn of(router: &Arc<ArcSwap<Router>>) -> Self {
        Self(Arc::downgrade(router))
    }

    /// The version of each app that is loaded: the beginning of its component's hash. Empty: none is, or the server has
    /// ended.
    pub fn versions(&self) -> Vec<String> {
        let apps = self.0.upgrade().map(|router| router.load().apps()).unwrap_or_default();
        apps.iter().filter_map(|app| Some(app.loaded()?.version.to_string())).collect()
    }
}
