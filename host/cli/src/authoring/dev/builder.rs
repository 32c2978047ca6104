//! Builds when a source has changed, on its own thread.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::watch;

use super::state::{Failure, State, WATCH_INTERVAL};
use crate::authoring::build::Recipe;
use windhover_server::config::Config;
use windhover_server::files::{FileStamp, WatchedFiles};
use windhover_server::say;

/// The builder.
pub(super) struct Builder {
    config: PathBuf,
    state: watch::Sender<State>,
    running: Arc<Running>,
    /// The recipes of the configuration file with this stamp.
    recipes: Option<(FileStamp, Vec<Recipe>)>,
}

/// The process group of the running command, so that others can end it.
#[derive(Default)]
pub(super) struct Running(Mutex<(bool, Option<u32>)>);

impl Builder {
    pub(super) fn new(config: PathBuf, state: watch::Sender<State>, running: Arc<Running>) -> Self {
        Self { config, state, running, recipes: None }
    }

    /// Builds, and again whenever a source has changed and stayed the same for one look. A file that was written again
    /// with the same content has not changed: builds do that themselves.
    pub(super) fn run(mut self) {
        let sources = self.sources();
        let mut built = hash(&sources);
        let mut watched = WatchedFiles::new(sources);
        self.build_and_tell();
        while !self.state.borrow().is_leaving {
            let sources = self.sources();
            if watched.have_changed(sources.clone()) {
                let hash = hash(&sources);
                if hash != built {
                    built = hash;
                    self.build_and_tell();
                }
            } else {
                std::thread::sleep(WATCH_INTERVAL);
            }
        }
    }

    fn build_and_tell(&self) {
        let failures = self.build();
        if self.state.borrow().is_leaving {
            return;
        }
        failures.iter().for_each(|failure| say(&failure.reason));
        self.state.send_modify(|state| {
            state.builds += 1;
            state.failures = failures.into_iter().map(Arc::new).collect();
        });
    }

    /// The sources as they are now.
    fn sources(&mut self) -> FileStamp {
        let config = FileStamp::of([&self.config]);
        if self.recipes.as_ref().is_none_or(|(stamp, _)| *stamp != config) {
            let recipes = Config::read(&self.config).map(|config| Recipe::all(&config)).unwrap_or_default();
            self.recipes = Some((config, recipes));
        }
        let recipes = self.recipes.iter().flat_map(|(_, recipes)| recipes);
        let mut files: Vec<_> = recipes.flat_map(Recipe::sources).collect();
        files.push(self.config.clone());
        files.sort();
        files.dedup();
        FileStamp::of(files)
    }

    /// Builds all apps, even if one fails.
    fn build(&self) -> Vec<Failure> {
        let recipes = match Config::read(&self.config) {
            Ok(config) => Recipe::all(&config),
            Err(mistakes) => {
                let reason = format!("{} is invalid:", self.config.display());
                return vec![Failure { app: None, reason, said: mistakes.to_string() }];
            }
        };
        let failed = recipes.iter().filter_map(|recipe| {
            let (error, said) = self.build_one(recipe).err()?;
            Some(Failure { app: Some(recipe.name.clone()), reason: format!("{error:#}"), said })
        });
        failed.collect()
    }

    /// An error comes with the output of its command.
    fn build_one(&self, recipe: &Recipe) -> Result<(), (anyhow::Error, String)> {
        let began = Instant::now();
        for step in &recipe.build.commands {
            say(&format!("$ {step}"));
            let (ended, said) = self.step(recipe, step);
            recipe.require(step, ended).map_err(|error| (error, said))?;
        }
        let outcome = recipe.outcome().map_err(|error| (error, String::new()))?;
        say(&format!("{outcome} in {:.1} s", began.elapsed().as_secs_f32()));
        Ok(())
    }

    /// Runs a command, and passes its output on. Returns its status and the last of its output.
    fn step(&self, recipe: &Recipe, step: &str) -> (std::io::Result<std::process::ExitStatus>, String) {
        let said = Arc::new(Mutex::new(Vec::new()));
        let (done, is_done) = mpsc::channel();
        let ended = self.spawn(recipe, step, Arc::clone(&said), done).and_then(|mut child| child.wait());
        self.running.set(None);
        // The pipe may stay open: a command may leave a process behind.
        let _ = is_done.recv_timeout(LAST_WORDS);
        let said = said.lock();
        (ended, String::from_utf8_lossy(&said).into_owned())
    }

    fn spawn(
        &self,
        recipe: &Recipe,
        step: &str,
        said: Arc<Mutex<Vec<u8>>>,
        done: mpsc::Sender<()>,
    ) -> std::io::Result<Child> {
        let (reader, writer) = std::io::pipe()?;
        let mut shell = recipe.shell(step)?;
        shell.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
        // Its own process group, so that it can be ended as a whole, and not by the terminal's Ctrl-C.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut shell, 0);
        let mut child = shell.spawn()?;
        if !self.running.set(Some(child.id())) {
            end(child.id());
            child.kill()?;
        }
        std::thread::spawn(move || {
            pass_on(reader, &said);
            let _ = done.send(()); // the wait has a limit
        });
        Ok(child)
    }
}

/// Passes output on, and keeps the last of it.
fn pass_on(mut reader: impl Read, kept: &Mutex<Vec<u8>>) {
    let mut piece = [0; 8 * 1024];
    while let Ok(count @ 1..) = reader.read(&mut piece) {
        let _ = std::io::stderr().write_all(&piece[..count]); // nobody may be there to read it
        let mut kept = kept.lock();
        kept.extend_from_slice(&piece[..count]);
        if kept.len() > 2 * MOST_SAID {
            let cut = kept.len() - MOST_SAID;
            kept.drain(..cut);
        }
    }
}

/// Of the names and contents of all files. One that cannot be read counts as empty.
fn hash(files: &FileStamp) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    for file in files.files() {
        let content = std::fs::read(file).unwrap_or_default();
        hasher.update(file.as_os_str().as_encoded_bytes()).update(&[0]);
        hasher.update(blake3::hash(&content).as_bytes());
    }
    hasher.finalize()
}

impl Running {
    /// Whether the command may run. `false`: everything is to end.
    fn set(&self, group: Option<u32>) -> bool {
        let mut running = self.0.lock();
        running.1 = group;
        !running.0
    }

    /// Ends the running command, and prevents further ones.
    pub(super) fn end(&self) {
        let mut running = self.0.lock();
        running.0 = true;
        running.1.into_iter().for_each(end);
    }
}

/// Ends a group of processes.
#[cfg(unix)]
fn end(group: u32) {
    let group = i32::try_from(group).ok().and_then(rustix::process::Pid::from_raw);
    if let Some(group) = group {
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL); // it may have ended
    }
}

#[cfg(not(unix))]
fn end(process: u32) {
    let process = process.to_string();
    let _ = std::process::Command::new("taskkill").args(["/T", "/F", "/PID", &process]).status();
}

impl Recipe {
    /// The source files that exist.
    fn sources(&self) -> Vec<PathBuf> {
        let below = |pattern: &String| {
            let pattern = Path::new(&glob::Pattern::escape(&self.folder.to_string_lossy())).join(pattern);
            glob::glob(&pattern.to_string_lossy()).into_iter().flatten().filter_map(Result::ok)
        };
        self.build.watch.iter().flat_map(below).collect()
    }
}

/// How long to wait for output of a command that has ended.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// How much output of a command is kept at least, in bytes. All of it is in the terminal.
const MOST_SAID: usize = 64 * 1024;
