//! Finds the app that a request is for.

use std::sync::Arc;

use windhover_contract::{Host, Target};

use crate::app::App;
use crate::route::{HostPattern, Route};

/// What leads where.
pub(crate) struct Router {
    hosts: Vec<HostPattern>,
    /// Who says more about the host comes first, then who says more about the path.
    routes: Vec<(Route, Arc<App>)>,
}

impl Router {
    /// `hosts`: those that are answered at all; none means every host.
    pub(crate) fn new(hosts: Vec<HostPattern>, mut routes: Vec<(Route, Arc<App>)>) -> Self {
        routes.sort_by_key(|(route, _)| std::cmp::Reverse((route.host.weight(), route.base.text().len())));
        Self { hosts, routes }
    }

    /// Every app that something leads to, once.
    pub(crate) fn apps(&self) -> Vec<Arc<App>> {
        let mut apps: Vec<Arc<App>> = self.routes.iter().map(|(_, app)| Arc::clone(app)).collect();
        apps.sort_by(|one, other| one.name.cmp(&other.name));
        apps.dedup_by(|one, other| Arc::ptr_eq(one, other));
        apps
    }

    /// Whether the server answers to the target's host.
    pub(crate) fn answers_to(&self, target: &Target) -> bool {
        let host = target.authority().map(Host::of);
        self.hosts.is_empty() || self.hosts.iter().any(|pattern| pattern.matches(host.as_ref()))
    }

    /// The app that is at the target, which then knows its path base.
    pub(crate) fn find(&self, target: &mut Target) -> Option<&Arc<App>> {
        let host = target.authority().map(Host::of);
        let mut path = None;
        let found = self.routes.iter().find(|(route, _)| {
            let is_below = |path: &str| route.base.rest_of(path).is_some();
            route.host.matches(host.as_ref())
                && (route.base.text().is_empty() || is_below(path.get_or_insert_with(|| target.whole_path())))
        });
        let (base, app) = found.map(|(route, app)| (route.base.clone(), app))?;
        drop((path, host));
        target.set_path_base(base);
        Some(app)
    }
}
