//! The loaded apps of a configuration, and how they change: a new version replaces the old one when it is completely
//! loaded. If it cannot be loaded, the old version stays.

use std::collections::BTreeMap;
use std::sync::Arc;

use tracing::{error, info};

use crate::app::{App, Loaded};
use crate::config::Config;
use crate::config::file;
use crate::files::{FileStamp, WatchedFiles};
use crate::guarded::guarded;
use crate::loader::Load;
use crate::router::Router;

/// All apps.
#[derive(Default)]
pub(crate) struct Deployments(BTreeMap<String, Deployment>);

/// An app, with the configuration and the files that it was loaded from.
struct Deployment {
    app: Arc<App>,
    written: file::App,
    files: WatchedFiles,
}

impl Deployments {
    /// Loads all apps of a configuration. Requests for an app that cannot be loaded get a 503; it is loaded again when its
    /// files change. If it is the only app, that is an error.
    pub(crate) fn load(loader: &impl Load, config: &Config) -> anyhow::Result<Self> {
        let is_alone = config.written.apps.len() == 1;
        Self::load_each(config, |name, written| match guarded(|| loader.load(name, written)) {
            Err(reason) if !is_alone => {
                not_served(name, &reason);
                Ok(None)
            }
            loaded => loaded.map(Some),
        })
    }

    /// Loads the apps whose files exist. The others are not built yet.
    pub(crate) fn load_what_there_is(loader: &impl Load, config: &Config) -> anyhow::Result<Self> {
        Self::load_each(config, |name, written| match written.component.exists() {
            true => Ok(guarded(|| loader.load(name, written)).inspect_err(|reason| not_served(name, reason)).ok()),
            false => Ok(None),
        })
    }

    fn load_each(
        config: &Config,
        load: impl Fn(&str, &file::App) -> anyhow::Result<Option<Arc<Loaded>>>,
    ) -> anyhow::Result<Self> {
        let mut deployments = BTreeMap::new();
        for (name, written) in &config.written.apps {
            let files = WatchedFiles::new(stamp(written));
            let app = Arc::new(App::new(name, load(name, written)?));
            deployments.insert(name.clone(), Deployment { app, written: written.clone(), files });
        }
        Ok(Self(deployments))
    }

    /// The router for these apps.
    pub(crate) fn router(&self, config: &Config) -> Router {
        let routes = config.routes.iter().flat_map(|(name, routes)| {
            let app = self.0.get(name).map(|deployment| Arc::clone(&deployment.app));
            routes.iter().filter_map(move |route| Some((route.clone(), app.clone()?)))
        });
        Router::new(config.hosts.clone(), routes.collect())
    }

    /// Changes to another configuration. Apps whose configuration and files are the same are not loaded again.
    pub(crate) fn change(&mut self, loader: &impl Load, config: &Config) {
        self.0.retain(|name, deployment| {
            let stays = config.written.apps.contains_key(name);
            if !stays {
                deployment.app.leave();
                info!(app = %name, "the app is no longer served");
            }
            stays
        });
        for (name, written) in &config.written.apps {
            let now = stamp(written);
            match self.0.get_mut(name) {
                Some(deployment) if deployment.written == *written && deployment.files.are(&now) => {}
                Some(deployment) => {
                    (deployment.written, deployment.files) = (written.clone(), WatchedFiles::new(now));
                    deployment.renew(loader, name);
                }
                None => {
                    let app = Arc::new(App::new(name, None));
                    let mut deployment = Deployment { app, written: written.clone(), files: WatchedFiles::new(now) };
                    deployment.renew(loader, name);
                    self.0.insert(name.clone(), deployment);
                }
            }
        }
    }

    /// Looks at the files of all apps, and loads those that have changed and have stayed the same since the last look.
    pub(crate) fn look(&mut self, loader: &impl Load) {
        for (name, deployment) in &mut self.0 {
            if deployment.files.have_changed(stamp(&deployment.written)) {
                deployment.renew(loader, name);
            }
        }
    }
}

/// The files that an app is made of, as they are now.
fn stamp(app: &file::App) -> FileStamp {
    let secrets = app.grants.secrets.values().filter_map(|secret| secret.file.as_ref());
    let authorities = app.grants.outbound_authorities.as_ref();
    FileStamp::of([&app.component].into_iter().chain(&app.middleware).chain(secrets).chain(authorities))
}

impl Deployment {
    fn renew(&mut self, loader: &impl Load, name: &str) {
        match guarded(|| loader.load(name, &self.written)) {
            Ok(loaded) => {
                let version = Arc::clone(&loaded.version);
                self.app.swap(loaded);
                info!(app = %name, %version, "the new version of the app is served; requests in flight finish on the old one");
            }
            Err(reason) => match self.app.loaded() {
                Some(old) => {
                    error!(app = %name, version = %old.version, "the new version of the app cannot be loaded, the old one stays: {reason:#}");
                }
                None => not_served(name, &reason),
            },
        }
    }
}

fn not_served(name: &str, reason: &anyhow::Error) {
    error!(app = %name, "the app cannot be loaded, its requests get a 503: {reason:#}");
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::fs;

    use tempfile::TempDir;

    use super::*;
    use crate::loader::Loader;

    /// Panics when it is told to, as a compiler with a bug does.
    struct Panics {
        loader: Loader,
        at: RefCell<Option<String>>,
    }

    impl Load for Panics {
        fn load(&self, name: &str, app: &file::App) -> anyhow::Result<Arc<Loaded>> {
            assert!(self.at.borrow().as_deref() != Some(name), "a bug in the compiler");
            self.loader.load(name, app)
        }
    }

    impl Panics {
        fn new(config: &Config, at: Option<&str>) -> Self {
            let loader = Loader::open(&config.written).expect("there is an engine");
            Self { loader, at: RefCell::new(at.map(str::to_owned)) }
        }
    }

    fn configured(apps: &[&str]) -> (TempDir, Config) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut written = "[server]\ncache = 'none'\n".to_owned();
        for app in apps {
            fs::copy(windhover_tests::guest_file("rust-hello"), folder.path().join(format!("{app}.wasm")))
                .expect("a new folder can be written to");
            written.push_str(&format!("[apps.{app}]\ncomponent = '{app}.wasm'\nroutes = ['/{app}']\n"));
        }
        let file = folder.path().join("windhover.toml");
        fs::write(&file, written).expect("a new folder can be written to");
        (folder, Config::read(&file).expect("it is good"))
    }

    #[test]
    fn a_panic_while_an_app_is_reloaded_is_that_apps_failure_and_the_old_version_stays() {
        let (folder, config) = configured(&["a", "b"]);
        let loader = Panics::new(&config, None);
        let mut deployments = Deployments::load(&loader, &config).expect("both are good");
        let apps = deployments.router(&config).apps();
        let loaded = |name: &str| apps.iter().find(|app| &*app.name == name).and_then(|app| app.loaded());
        let old = [loaded("a"), loaded("b")].map(|loaded| loaded.expect("it is served"));
        let change = || {
            for app in ["a.wasm", "b.wasm"] {
                fs::copy(windhover_tests::guest_file("echoes"), folder.path().join(app)).expect("it is ours");
            }
        };
        change();
        loader.at.replace(Some("a".to_owned()));
        deployments.look(&loader);
        deployments.look(&loader); // now they have stayed the same
        let after = [loaded("a"), loaded("b")].map(|loaded| loaded.expect("it is served"));
        assert!(Arc::ptr_eq(&old[0], &after[0]), "the old version stays");
        assert!(!Arc::ptr_eq(&old[1], &after[1]), "the other app has changed all the same");
        // It is not tried again and again, but it is when the file changes once more.
        deployments.look(&loader);
        loader.at.replace(None);
        fs::copy(windhover_tests::guest_file("rust-hello"), folder.path().join("a.wasm")).expect("it is ours");
        deployments.look(&loader);
        deployments.look(&loader);
        assert!(!Arc::ptr_eq(&old[0], &loaded("a").expect("it is served")));
    }

    #[test]
    fn an_app_that_makes_the_loader_panic_at_the_start_is_not_served_and_others_are() {
        let (_folder, config) = configured(&["a", "b"]);
        let deployments = Deployments::load(&Panics::new(&config, Some("a")), &config).expect("one is good");
        let apps = deployments.router(&config).apps();
        let is_served = |name: &str| apps.iter().any(|app| &*app.name == name && app.loaded().is_some());
        assert!(!is_served("a") && is_served("b"));
        // Alone it is the error.
        let (_folder, config) = configured(&["a"]);
        let Err(error) = Deployments::load(&Panics::new(&config, Some("a")), &config) else { panic!("none is good") };
        assert!(error.to_string().contains("a bug in the compiler"), "{error}");
    }
}
