//! All apps of a configuration as they are loaded, and how they change: what is new is loaded aside, and takes the old
//! one's place when it is whole. What cannot be loaded leaves the old one in place.

use std::collections::BTreeMap;
use std::sync::Arc;

use tracing::{error, info};

use crate::app::{App, Loaded};
use crate::config::Config;
use crate::config::file;
use crate::router::Router;
use crate::workshop::{Look, Workshop};

/// All apps.
#[derive(Default)]
pub(crate) struct Deployments(BTreeMap<String, Deployment>);

/// An app, with what it was loaded from.
struct Deployment {
    app: Arc<App>,
    written: file::App,
    look: Look,
    /// Files that have changed are loaded when they have stayed the same for one look: they may still be written.
    changing: Option<Look>,
}

impl Deployments {
    /// Loads all apps of a configuration. One that cannot be loaded is answered 503, and tried again when its files
    /// change; if there is only one, that is the error.
    pub(crate) fn load(workshop: &Workshop, config: &Config) -> anyhow::Result<Self> {
        let is_alone = config.written.apps.len() == 1;
        Self::load_each(config, |name, written| match workshop.load(name, written) {
            Err(reason) if !is_alone => {
                not_served(name, &reason);
                Ok(None)
            }
            loaded => loaded.map(Some),
        })
    }

    /// Loads all whose files are there; the others are still to be built.
    pub(crate) fn load_what_there_is(workshop: &Workshop, config: &Config) -> anyhow::Result<Self> {
        Self::load_each(config, |name, written| match written.component.exists() {
            true => Ok(workshop.load(name, written).inspect_err(|reason| not_served(name, reason)).ok()),
            false => Ok(None),
        })
    }

    fn load_each(
        config: &Config,
        load: impl Fn(&str, &file::App) -> anyhow::Result<Option<Arc<Loaded>>>,
    ) -> anyhow::Result<Self> {
        let mut deployments = BTreeMap::new();
        for (name, written) in &config.written.apps {
            let look = Look::at_app(written);
            let app = Arc::new(App::new(name, load(name, written)?));
            deployments.insert(name.clone(), Deployment { app, written: written.clone(), look, changing: None });
        }
        Ok(Self(deployments))
    }

    /// What leads where.
    pub(crate) fn router(&self, config: &Config) -> Router {
        let routes = config.routes.iter().flat_map(|(name, routes)| {
            let app = self.0.get(name).map(|deployment| Arc::clone(&deployment.app));
            routes.iter().filter_map(move |route| Some((route.clone(), app.clone()?)))
        });
        Router::new(config.hosts.clone(), routes.collect())
    }

    /// Makes them those of another configuration. Apps whose part of it and whose files are the same go on as they are.
    pub(crate) fn change(&mut self, workshop: &Workshop, config: &Config) {
        self.0.retain(|name, deployment| {
            let stays = config.written.apps.contains_key(name);
            if !stays {
                deployment.app.leave();
                info!(app = %name, "the app is not served any more");
            }
            stays
        });
        for (name, written) in &config.written.apps {
            let look = Look::at_app(written);
            match self.0.get_mut(name) {
                Some(deployment) if deployment.written == *written && deployment.look == look => {}
                Some(deployment) => {
                    deployment.written = written.clone();
                    deployment.renew(workshop, name, look);
                }
                None => {
                    let mut deployment = Deployment {
                        app: Arc::new(App::new(name, None)),
                        written: written.clone(),
                        look: look.clone(),
                        changing: None,
                    };
                    deployment.renew(workshop, name, look);
                    self.0.insert(name.clone(), deployment);
                }
            }
        }
    }

    /// Looks at the files of all apps, and loads those that have changed and have stayed the same since the last look.
    pub(crate) fn look(&mut self, workshop: &Workshop) {
        for (name, deployment) in &mut self.0 {
            let look = Look::at_app(&deployment.written);
            if look == deployment.look {
                deployment.changing = None;
            } else if deployment.changing.as_ref() == Some(&look) {
                deployment.renew(workshop, name, look);
            } else {
                deployment.changing = Some(look);
            }
        }
    }
}

impl Deployment {
    fn renew(&mut self, workshop: &Workshop, name: &str, look: Look) {
        (self.look, self.changing) = (look, None);
        match workshop.load(name, &self.written) {
            Ok(loaded) => {
                let version = Arc::clone(&loaded.version);
                self.app.swap(loaded);
                info!(app = %name, %version, "the app has changed; requests under way end with what they began with");
            }
            Err(reason) => match self.app.loaded() {
                Some(old) => {
                    error!(app = %name, version = %old.version, "the app's change cannot be loaded, so it stays as it was: {reason:#}");
                }
                None => not_served(name, &reason),
            },
        }
    }
}

fn not_served(name: &str, reason: &anyhow::Error) {
    error!(app = %name, "the app is not served, and its requests are answered 503: {reason:#}");
}
