//! Builds when a source has changed, on a thread of its own.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::{Failure, State, WATCH_INTERVAL};
use crate::build::Recipe;
use crate::config::Config;
use crate::serve::say;
use crate::workshop::Look;

/// What builds.
pub(super) struct Builder {
    config: PathBuf,
    state: watch::Sender<State>,
    running: Arc<Running>,
}

/// The process group of the command that is being run, for whoever has to end it.
#[derive(Default)]
pub(super) struct Running(Mutex<(bool, Option<u32>)>);

/// The sources as they are now.
#[derive(PartialEq)]
struct Sources(Vec<PathBuf>, Look);

impl Builder {
    pub(super) fn new(config: PathBuf, state: watch::Sender<State>, running: Arc<Running>) -> Self {
        Self { config, state, running }
    }

    /// Builds, and again whenever the sources have changed and stayed the same for one look: they may still be written.
    pub(super) fn run(self) {
        let mut built: Option<Sources> = None;
        let mut seen: Option<Sources> = None;
        while !self.state.borrow().is_leaving {
            let now = self.sources();
            if built.as_ref() != Some(&now) && (built.is_none() || seen.as_ref() == Some(&now)) {
                built = Some(now);
                let failure = self.build().err();
                if self.state.borrow().is_leaving {
                    return;
                }
                if let Some(Failure { reason, .. }) = &failure {
                    say(reason);
                }
                self.state.send_modify(|state| {
                    state.builds += 1;
                    state.failure = failure.map(Arc::new);
                });
                seen = None;
            } else {
                seen = Some(now);
                std::thread::sleep(WATCH_INTERVAL);
            }
        }
    }

    fn sources(&self) -> Sources {
        let recipes = Config::read(&self.config).map(|config| Recipe::all(&config)).unwrap_or_default();
        let mut files: Vec<_> = recipes.iter().flat_map(Recipe::sources).collect();
        files.push(self.config.clone());
        files.sort();
        files.dedup();
        let look = Look::at(&files);
        Sources(files, look)
    }

    fn build(&self) -> Result<(), Failure> {
        let failure = |reason: String| Failure { reason, said: String::new() };
        let config = Config::read(&self.config).map_err(|mistakes| Failure {
            reason: format!("{} cannot be meant:", self.config.display()),
            said: mistakes.to_string(),
        })?;
        for recipe in Recipe::all(&config) {
            let began = Instant::now();
            for step in &recipe.build.commands {
                say(&format!("$ {step}"));
                let (ended, said) = self.step(&recipe, step);
                recipe.require(step, ended).map_err(|error| Failure { reason: format!("{error:#}"), said })?;
            }
            let outcome = recipe.outcome().map_err(|error| failure(format!("{error:#}")))?;
            say(&format!("{outcome} in {:.1} s", began.elapsed().as_secs_f32()));
        }
        Ok(())
    }

    /// Runs a command, and passes on what it says. How it ended, and the last that it said.
    fn step(&self, recipe: &Recipe, step: &str) -> (std::io::Result<std::process::ExitStatus>, String) {
        let (sender, said) = mpsc::channel();
        let ended = self.spawn(recipe, step, sender).and_then(|mut child| child.wait());
        self.running.set(None);
        let mut kept = String::new();
        // The pipe may stay open: a command may leave a process of its own behind.
        while let Ok(line) = said.recv_timeout(LAST_WORDS) {
            kept.push_str(&line);
            if kept.len() > MOST_SAID {
                let cut = kept.len() - MOST_SAID / 2;
                kept = kept.split_off(kept.ceil_char_boundary(cut));
            }
        }
        (ended, kept)
    }

    fn spawn(&self, recipe: &Recipe, step: &str, said: mpsc::Sender<String>) -> std::io::Result<Child> {
        let (reader, writer) = std::io::pipe()?;
        let mut shell = recipe.shell(step)?;
        shell.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
        // A group of its own: it is ended as a whole, and not by the terminal's Ctrl-C but by whoever leaves.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut shell, 0);
        let mut child = shell.spawn()?;
        if !self.running.set(Some(child.id())) {
            end(child.id());
            child.kill()?;
        }
        std::thread::spawn(move || {
            let mut reader = BufReader::new(reader);
            let mut line = Vec::new();
            while reader.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
                let _ = std::io::stderr().write_all(&line); // nobody may be there to read it
                if said.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                    return;
                }
                line.clear();
            }
        });
        Ok(child)
    }
}

impl Running {
    /// Whether it may run: `false` if everything is to end.
    fn set(&self, group: Option<u32>) -> bool {
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        running.1 = group;
        !running.0
    }

    /// Ends what is running, and what will be.
    pub(super) fn end(&self) {
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
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
    /// The files that it is made of, as far as they are there.
    fn sources(&self) -> Vec<PathBuf> {
        let below = |pattern: &String| {
            let pattern = Path::new(&glob::Pattern::escape(&self.folder.to_string_lossy())).join(pattern);
            glob::glob(&pattern.to_string_lossy()).into_iter().flatten().filter_map(Result::ok)
        };
        self.build.watch.iter().flat_map(below).collect()
    }
}

/// How long is waited for a line of a command that has ended.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// What is kept of what a command says, in octets: the rest is in the terminal.
const MOST_SAID: usize = 128 * 1024;
