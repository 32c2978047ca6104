//! `windhover dev`: serves apps during development. A thread builds them, and builds again whenever a source changes. The
//! server loads the result like any app whose file has changed, so no request is lost. This layer answers requests while
//! an app is not built, and tells pages to reload.

mod builder;
mod page;
mod reload;
mod state;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use parking_lot::Mutex;
use tokio::sync::watch;
use tracing::{error, warn};
use windhover_contract::Request;
use windhover_server::interceptor::{Interception, Interceptor, ServedApps};
use windhover_server::{guarded, log};

use crate::args::{Serve, authoring};
use crate::authoring::build::Recipe;
use crate::flags::{configuration, warn_of_unknown_variables};
use crate::serve;
use builder::{Builder, Running};
use reload::Visit;
use state::{Failure, State, WATCH_INTERVAL, served};

/// Serves until it is asked to shut down, and leaves no process behind.
pub(crate) fn dev(args: &authoring::Dev) -> anyhow::Result<ExitCode> {
    let serve = Serve {
        config: Some(args.config.clone()),
        settings: args.settings.same_for(),
        watch_interval: Some(WATCH_INTERVAL),
        ..Serve::default()
    };
    let config = configuration(&serve)?;
    Recipe::require_any(&Recipe::all(&config), &args.config)?;
    let _log = log::init(&config.written.log);
    warn_of_unknown_variables(&config);
    let dev = Arc::new(Dev::new(args.config.clone(), args.open));
    let served = serve::run(serve, config, Some(Arc::clone(&dev) as Arc<dyn Interceptor>));
    dev.leave();
    dev.join();
    served
}

/// The layer.
pub(crate) struct Dev {
    config: PathBuf,
    open: bool,
    state: watch::Sender<State>,
    /// The command of a build that is running.
    running: Arc<Running>,
    thread: Mutex<Option<JoinHandle<()>>>,
    apps: OnceLock<ServedApps>,
}

impl Dev {
    fn new(config: PathBuf, open: bool) -> Self {
        Self {
            config,
            open,
            state: watch::Sender::new(State::default()),
            running: Arc::default(),
            thread: Mutex::new(None),
            apps: OnceLock::new(),
        }
    }

    /// Waits for the builder, which was asked to stop.
    fn join(&self) {
        let thread = self.thread.lock().take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            warn!("the thread that builds panicked; this is a bug in Windhover");
        }
    }
}

impl Interceptor for Dev {
    /// Starts to build.
    fn begin(self: Arc<Self>, apps: ServedApps, address: Option<&str>) {
        let _ = self.apps.set(apps); // once
        let builder = Builder::new(self.config.clone(), self.state.clone(), Arc::clone(&self.running));
        *self.thread.lock() = Some(std::thread::spawn(move || {
            let building = guarded(|| {
                builder.run();
                Ok(())
            });
            if let Err(panic) = building {
                error!("builds have stopped; restart `windhover dev`: {panic:#}");
            }
        }));
        if let Some(address) = address.filter(|_| self.open)
            && let Err(reason) = open::that_detached(address)
        {
            warn!("cannot open {address} in a browser: {reason}");
        }
    }

    /// Answers requests for changes, and all requests for an app that could not be built.
    fn intercept(&self, request: &mut Request, app: Option<&str>) -> Interception {
        let state = self.state.borrow();
        if request.target.whole_path() == reload::PATH {
            let (state, apps) = (self.state.subscribe(), self.apps.get().cloned());
            return Interception::Answer(reload::changes(state, apps, request));
        }
        let served = served(self.apps.get(), &state);
        let concerns = |failure: &&Arc<Failure>| failure.app.is_none() || failure.app.as_deref() == app;
        match state.failures.iter().find(concerns) {
            Some(failure) => Interception::Answer(page::failed(failure, &served, request)),
            None if state.builds == 0 && served.is_empty() => Interception::Answer(page::first_build(&served, request)),
            None => {
                let visit = Visit::new(request, served);
                Interception::Pass(Box::new(move |response| visit.follow(response)))
            }
        }
    }

    /// Ends a running build, and the responses that wait for changes.
    fn leave(&self) {
        self.state.send_modify(|state| state.is_leaving = true);
        self.running.end();
    }
}
