//! Lays what flags and environment variables say over the configuration file.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::bail;
use toml::Value;
use tracing::warn;
use windhover_server::config::file::NO_CACHE;
use windhover_server::config::{Config, Document, FILE_NAME, app_name};

use crate::args::Serve;
use crate::args::settings::Given;
use crate::environment::unknown_variables;
use crate::settings::DEFAULT_URL;

/// The configuration that a command line asks for.
pub(crate) fn configuration(args: &Serve) -> anyhow::Result<Config> {
    configuration_in(source(args).as_deref(), args)
}

/// Logs unknown environment variables. The log must be initialised.
pub(crate) fn warn_of_unknown_variables(config: &Config) {
    let secrets = config.written.apps.values().flat_map(|app| app.grants.secrets.values());
    let fields = config.written.traces.iter().flat_map(|traces| traces.fields.values());
    let own = secrets.chain(fields).filter_map(|secret| secret.env.as_deref()).collect();
    unknown_variables(&own).iter().for_each(|message| warn!("{message}"));
}

/// The configuration that it asks for, with this file.
pub(crate) fn configuration_in(source: Option<&Path>, args: &Serve) -> anyhow::Result<Config> {
    let mut overlay =
        Overlay { document: source.map(Document::read).transpose()?.unwrap_or_default(), given: args.settings.given() };
    overlay.server(args)?;
    overlay.endpoints()?;
    overlay.app(args.app.as_deref())?;
    Ok(Config::of(overlay.document)?)
}

/// The file to read: the given one, or, without an app, `windhover.toml` if it is here.
fn source(args: &Serve) -> Option<PathBuf> {
    // A dangling link counts as present: serving something else in its place would be a surprise.
    let is_there = |file: &PathBuf| !file.symlink_metadata().is_err_and(|error| error.kind() == ErrorKind::NotFound);
    let usual = || Some(PathBuf::from(FILE_NAME)).filter(|file| args.app.is_none() && is_there(file));
    args.config.clone().or_else(usual)
}

struct Overlay<'a> {
    document: Document,
    given: &'a [Given],
}

impl<'a> Overlay<'a> {
    /// What is given for keys that begin so.
    fn below(&self, prefix: &str) -> Vec<&'a Given> {
        self.given.iter().filter(|given| given.flag.key.starts_with(prefix)).collect()
    }

    /// Sets the key of a flag, with a name in place of `NAME`.
    fn set(&mut self, given: &Given, name: &str) -> anyhow::Result<()> {
        let key: Vec<&str> = given.flag.key.split('.').map(|key| if key == "NAME" { name } else { key }).collect();
        let mut values = given.values.clone();
        for value in values.iter_mut().filter(|value| given.flag.is_path() && value.as_str() != Some(NO_CACHE)) {
            *value = self.document.path(Path::new(value.as_str().unwrap_or_default()))?.into();
        }
        let value = match (given.flag.is_list(), values.pop()) {
            (false, Some(value)) => value,
            (_, last) => Value::Array(values.into_iter().chain(last).collect()),
        };
        self.document.set(&key, value, Some(&given.origin));
        Ok(())
    }

    /// What is not about an endpoint or an app.
    fn server(&mut self, args: &Serve) -> anyhow::Result<()> {
        for given in self.given.iter().filter(|given| !given.flag.key.contains(".NAME.")) {
            match given.flag.switched() {
                None => self.set(given, "")?,
                Some(word) => self.switch(given, word)?,
            }
        }
        if let Some(interval) = args.watch_interval {
            let interval = format!("{}ms", interval.as_millis());
            self.document.set(&["server", "watch-interval"], interval, None);
        }
        Ok(())
    }

    /// Sets a key to a word, or, where the switch is off, takes that word away.
    fn switch(&mut self, given: &Given, word: &str) -> anyhow::Result<()> {
        let key: Vec<&str> = given.flag.key.split('.').collect();
        let is_on = given.values.first().and_then(Value::as_bool).unwrap_or_default();
        if is_on
            && let Some(other) =
                self.given.iter().find(|other| other.flag.key == given.flag.key && other.flag.name != given.flag.name)
        {
            bail!("{} and {} do not go together; leave one out", other.origin, given.origin);
        }
        if is_on {
            self.document.set(&key, word, Some(&given.origin));
        } else if self.document.get(&key).is_some_and(|value| value.as_str() == Some(word)) {
            self.document.remove(&key);
        }
        Ok(())
    }

    /// URLs take the place of the file's endpoints.
    fn endpoints(&mut self) -> anyhow::Result<()> {
        let (mut urls, mut others) = (Vec::new(), Vec::new());
        for given in self.below("endpoints.") {
            match given.flag.name {
                "url" => urls
                    .extend(given.values.iter().filter_map(|url| Some((url.as_str()?, Some(given.origin.as_str()))))),
                _ => others.push(given),
            }
        }
        let is_tls = |given: &&&Given| given.flag.key.contains(".tls.");
        if urls.is_empty() && self.document.get(&["endpoints"]).is_some_and(has_keys) {
            match others.first() {
                Some(given) => {
                    bail!("{} goes with --url; in the file write {}", given.origin, given.flag.key)
                }
                None => return Ok(()),
            }
        }
        if urls.is_empty() {
            urls.push((DEFAULT_URL, None));
        }
        if let Some(tls) = others.iter().find(is_tls)
            && !urls.iter().any(|(url, _)| url.starts_with("https:"))
        {
            bail!("{} is of no use without https: add for example --url https://localhost:8443", tls.origin);
        }
        self.document.remove(&["endpoints"]);
        for (at, (url, origin)) in urls.into_iter().enumerate() {
            let (name, is_https) = (format!("url-{}", at + 1), url.starts_with("https:"));
            if is_https && !others.iter().any(|given| is_tls(&given)) {
                bail!(
                    "cannot listen on {url}: https needs a certificate: give --tls-cert and --tls-key (`windhover \
                     dev-cert` makes one for localhost)"
                );
            }
            self.document.set(&["endpoints", &name, "url"], url, origin);
            for given in others.iter().filter(|given| is_https || !is_tls(given)) {
                self.set(given, &name)?;
            }
        }
        Ok(())
    }

    /// The app of the command line, which stands alone.
    fn app(&mut self, component: Option<&Path>) -> anyhow::Result<()> {
        let given = self.below("apps.");
        match (component, self.document.get(&["apps"]).is_some_and(has_keys)) {
            (Some(app), true) => bail!(
                "{} is given, and the configuration file has apps; add it there, as component of [apps.NAME]",
                app.display()
            ),
            (None, true) => match given.first() {
                Some(given) => {
                    bail!("{} is for the app of a command line; in the file write {}", given.origin, given.flag.key)
                }
                None => return Ok(()),
            },
            (_, false) => {}
        }
        let name = component.map_or_else(|| WELCOME.to_owned(), app_name);
        let file = component.map(|file| self.document.path(file)).transpose()?;
        self.document.set(&["apps", &name, "component"], file.unwrap_or_default(), None);
        for given in given {
            self.set(given, &name)?;
        }
        // It may have all instances, and not only its share.
        if let Some(given) = self.given.iter().find(|given| given.flag.key == "server.max-instances") {
            let key = ["apps", &name, "limits", "max-instances"];
            self.document.set(&key, given.values[0].clone(), Some(&given.origin));
        }
        Ok(())
    }
}

fn has_keys(value: &Value) -> bool {
    value.as_table().is_none_or(|table| !table.is_empty())
}

/// The name of the welcome app.
const WELCOME: &str = "welcome";
