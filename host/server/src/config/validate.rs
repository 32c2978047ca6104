//! Checks the values of a configuration against each other, and reports every error at once.

use std::collections::HashMap;
use std::str::FromStr;

use http::{HeaderName, Method, Uri};
use windhover_contract::{TrustedPeer, TrustedPeerError};
use windhover_http::Endpoint as Address;
use windhover_sandbox::{OutboundRule, OutboundRuleError};

use super::document::Origins;
use super::file::{
    self, App, ClientCertificates, Endpoint, EndpointTls, File, Limits, Proxy, ProxyProtocol, Secret, Traces,
};
use super::mistake::{Mistake, Mistakes};
use super::schema::{Keys, Kind};
use super::text::{Dotted, Step};
use super::units::Size;
use crate::route::{HostPattern, Route};
use crate::users;

/// The values that validation has parsed.
#[derive(Debug, Default)]
pub(crate) struct Validated {
    pub(crate) hosts: Vec<HostPattern>,
    /// By the app's name, in its order.
    pub(crate) routes: Vec<(String, Vec<Route>)>,
}

/// Checks a configuration. `origins` says where its values come from.
pub(crate) fn validate(file: &File, origins: &Origins) -> Result<Validated, Mistakes> {
    let mut check = Check { origins, mistakes: Vec::new() };
    let validated = Validated { hosts: check.hosts(&file.server.hosts), routes: check.apps(file) };
    check.limits(&file.limits);
    for (name, endpoint) in &file.endpoints {
        check.endpoint(&["endpoints", name], endpoint);
    }
    check.overlaps(file);
    if let Some(admin) = &file.admin {
        if check.address(&["admin", "url"], &admin.url).is_some_and(|address| address.is_inherited()) {
            let problem = format!("{:?} works for endpoints only; write for example http://127.0.0.1:9090", admin.url);
            check.is_wrong(&["admin", "url"], problem);
        }
        if admin.url.starts_with("https:") {
            check.is_wrong(
                &["admin", "url"],
                format!("{:?} is https, and the admin endpoint has no TLS; write http", admin.url),
            );
        }
    }
    if let Some(traces) = &file.traces {
        check.traces(traces);
    }
    Mistakes::unless_none(check.mistakes).map(|()| validated)
}

struct Check<'a> {
    origins: &'a Origins,
    mistakes: Vec<Mistake>,
}

impl Check<'_> {
    fn is_wrong(&mut self, key: &[&str], problem: String) {
        let path: Vec<Step> = key.iter().map(|key| Step::from(*key)).collect();
        self.is_wrong_at(&path, problem);
    }

    fn is_wrong_at(&mut self, path: &[Step], problem: String) {
        let place = self.origins.place_of(path);
        self.mistakes.push(Mistake { place, key: Dotted(path).to_string(), problem });
    }

    fn hosts(&mut self, hosts: &[String]) -> Vec<HostPattern> {
        let mut patterns = Vec::new();
        for (index, host) in hosts.iter().enumerate() {
            match HostPattern::from_str(host) {
                Ok(host) => patterns.push(host),
                Err(error) => {
                    self.is_wrong_at(&[Step::from("server"), Step::from("hosts"), Step::At(index)], error.to_string());
                }
            }
        }
        patterns
    }

    fn limits(&mut self, limits: &Limits) {
        let keys = Keys::new();
        for (key, wrong) in limits.out_of_range() {
            let is_size = keys.get(&format!("limits.{key}")).is_some_and(|key| key.kind() == Kind::Size);
            let value = if is_size { Size(wrong.value).to_string() } else { wrong.value.to_string() };
            let range = match wrong.max {
                u64::MAX => format!("{} and more", Size(wrong.min)),
                max => format!("{} to {max}", wrong.min),
            };
            let key: Vec<_> = ["limits"].into_iter().chain(key.split('.')).collect();
            self.is_wrong(&key, format!("{value} is out of range; it takes {range}"));
        }
    }

    fn address(&mut self, key: &[&str], url: &str) -> Option<Address> {
        url.parse().map_err(|error: windhover_http::BindError| self.is_wrong(key, error.to_string())).ok()
    }

    /// Refuses two endpoints that cannot both be bound.
    fn overlaps(&mut self, file: &File) {
        let endpoints = file.endpoints.iter().map(|(name, endpoint)| {
            (vec!["endpoints", name.as_str(), "url"], endpoint.url.as_str(), endpoint.reuse_port)
        });
        let admin = file.admin.iter().map(|admin| (vec!["admin", "url"], admin.url.as_str(), false));
        let mut before: Vec<(Vec<&str>, &str, bool, Address)> = Vec::new();
        for (key, url, shares) in endpoints.chain(admin) {
            let Ok(address) = url.parse::<Address>() else { continue };
            let same = before.iter().find(|(.., both, other)| !(shares && *both) && other.overlaps(&address));
            if let Some((other, other_url, ..)) = same {
                let problem = format!(
                    "{url:?} listens on the address of {} ({other_url:?}); choose another address, or leave one out",
                    other.join(".")
                );
                self.is_wrong(&key, problem);
            }
            before.push((key, url, shares, address));
        }
    }

    fn endpoint(&mut self, key: &[&str; 2], endpoint: &Endpoint) {
        let within = |last| [key[0], key[1], last];
        let Some(address) = self.address(&within("url"), &endpoint.url) else { return };
        match (&endpoint.tls, address.is_secure()) {
            (tls, _) if address.is_inherited() => tls.iter().for_each(|tls| self.tls(key, tls)),
            (None, true) => self.is_wrong(
                &within("tls"),
                "https needs a certificate; add certificate and key below it (`windhover dev-cert` makes one)"
                    .to_owned(),
            ),
            (Some(_), false) => {
                self.is_wrong(&within("tls"), format!("{:?} has no TLS; write https, or leave tls out", endpoint.url))
            }
            (Some(tls), true) => self.tls(key, tls),
            (None, false) => {}
        }
        if let Some(proxy) = &endpoint.proxy {
            self.proxy(key, proxy);
        }
        if endpoint.reuse_port && (address.is_unix() || address.is_inherited()) {
            let problem = "only TCP ports can be shared; leave it out".to_owned();
            self.is_wrong(&within("reuse-port"), problem);
        }
        let is_mode = |mode: &str| u32::from_str_radix(mode, 8).is_ok_and(|mode| mode <= 0o777);
        let no_mode = |mode: &String| format!("{mode:?} is not a mode; write for example \"0660\"");
        let mistakes = [
            (
                "mode",
                "permissions",
                endpoint.mode.as_ref().map(|mode| is_mode(mode).then_some(()).ok_or_else(|| no_mode(mode))),
            ),
            ("owner", "an owner", endpoint.owner.as_ref().map(|owner| users::user(owner).map(drop))),
            ("group", "a group", endpoint.group.as_ref().map(|group| users::group(group).map(drop))),
        ];
        for (key, what, written) in mistakes {
            match written {
                Some(_) if !address.is_unix_file() => {
                    let problem = format!("only the file of a unix: address has {what}; leave it out");
                    self.is_wrong(&within(key), problem);
                }
                Some(Err(problem)) => self.is_wrong(&within(key), problem),
                Some(Ok(())) | None => {}
            }
        }
    }

    fn proxy(&mut self, key: &[&str; 2], proxy: &Proxy) {
        for (index, written) in proxy.trusted.iter().enumerate() {
            if let Err(error) = written.parse::<TrustedPeer>() {
                let table = [key[0], key[1], "proxy", "trusted"].map(Step::from);
                let path: Vec<Step> = table.into_iter().chain([Step::At(index)]).collect();
                self.is_wrong_at(&path, TrustedPeerError::to_string(&error));
            }
        }
        let mut is_wrong = |last, problem: String| self.is_wrong(&[key[0], key[1], "proxy", last], problem);
        if let Some(name) = &proxy.client_certificate {
            if HeaderName::from_bytes(name.as_bytes()).is_err() {
                is_wrong(
                    "client-certificate",
                    format!(
                        "{name:?} is not a field name; write \"client-cert\", or for example \"x-ssl-client-cert\""
                    ),
                );
            }
            if proxy.trusted.is_empty() {
                is_wrong(
                    "client-certificate",
                    "no proxy is trusted to report one; add trusted = [\"127.0.0.1\"]".to_owned(),
                );
            }
        }
        if proxy.trusted.is_empty() && proxy.protocol == ProxyProtocol::Required {
            is_wrong(
                "protocol",
                "no proxy is trusted to send the header, so every connection would be closed; add trusted = \
                 [\"127.0.0.1\"]"
                    .to_owned(),
            );
        }
        if proxy.trusted.is_empty() && proxy.hops.get() > 1 {
            is_wrong("hops", "no proxy is trusted; add trusted = [\"127.0.0.1\"]".to_owned());
        }
    }

    fn tls(&mut self, key: &[&str; 2], tls: &EndpointTls) {
        let mut is_wrong = |last, problem: &str| self.is_wrong(&[key[0], key[1], "tls", last], problem.to_owned());
        if tls.certificate.is_none() {
            if tls.names.is_empty() {
                is_wrong("certificate", "there is no certificate; give one, or some by name (names)");
            }
            if tls.key.is_some() {
                is_wrong("key", "the certificate that it belongs to is missing; add certificate");
            }
            if tls.password_file.is_some() {
                is_wrong("password-file", "the certificate that it belongs to is missing; add certificate");
            }
        }
        match (tls.client_certificates, &tls.client_ca) {
            (ClientCertificates::None, Some(_)) => {
                is_wrong("client-ca", "clients are not asked for a certificate; add client-certificates = \"require\"");
            }
            (ClientCertificates::Allow | ClientCertificates::Require, None) => {
                is_wrong("client-certificates", "there are no authorities to check against; add client-ca");
            }
            _ => {}
        }
    }

    fn traces(&mut self, traces: &Traces) {
        if let Err(problem) = collector(&traces.url) {
            self.is_wrong(&["traces", "url"], problem);
        }
        for (name, secret) in &traces.fields {
            let key = ["traces", "fields", name];
            if HeaderName::from_bytes(name.as_bytes()).is_err() {
                self.is_wrong(&key, format!("{name:?} is not a field name; write for example authorization"));
            }
            self.secret(&key, secret);
        }
    }

    fn secret(&mut self, key: &[&str], secret: &Secret) {
        if secret.file.is_some() == secret.env.is_some() {
            self.is_wrong(key, "a secret needs either file or env".to_owned());
        }
    }

    fn build(&mut self, name: &str, build: &file::Build) {
        if build.commands.is_empty() {
            self.is_wrong(
                &["apps", name, "build", "commands"],
                "it is empty; write the commands that build the app".to_owned(),
            );
        }
        for (index, pattern) in build.watch.iter().enumerate() {
            if let Err(reason) = glob::Pattern::new(pattern) {
                let path =
                    [Step::from("apps"), Step::from(name), Step::from("build"), Step::from("watch"), Step::At(index)];
                self.is_wrong_at(&path, format!("{pattern:?} is not a file pattern such as \"src/**/*.rs\": {reason}"));
            }
        }
    }

    fn apps(&mut self, file: &File) -> Vec<(String, Vec<Route>)> {
        let mut taken: HashMap<Route, &str> = HashMap::new();
        let mut routes = Vec::new();
        for (name, app) in &file.apps {
            let is_plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
            if name.is_empty() || !name.chars().all(is_plain) {
                self.is_wrong(&["apps", name], "the name of an app consists of letters, digits, - and _".to_owned());
            }
            let mut own = Vec::new();
            for (index, written) in app.routes.iter().enumerate() {
                let path = [Step::from("apps"), Step::from(name.as_str()), Step::from("routes"), Step::At(index)];
                match Route::from_str(written) {
                    Err(error) => self.is_wrong_at(&path, error.to_string()),
                    Ok(route) => match taken.insert(route.clone(), name) {
                        Some(other) if other == name => {
                            self.is_wrong_at(&path, format!("route {written:?} is listed twice; leave one out"));
                        }
                        Some(other) => self.is_wrong_at(
                            &path,
                            format!(
                                "route {written:?} already belongs to apps.{other}; each app needs routes of its own"
                            ),
                        ),
                        None => own.push(route),
                    },
                }
            }
            if let Some(build) = &app.build {
                self.build(name, build);
            }
            if app.routes.is_empty() {
                self.is_wrong(
                    &["apps", name, "routes"],
                    "the app has no route; leave routes out to serve it at \"/\"".to_owned(),
                );
            }
            let limits = [
                ("timeout", Some(app.limits.timeout)),
                ("idle-timeout", Some(app.limits.idle_timeout)),
                ("answer-timeout", app.limits.answer_timeout.0),
                ("max-cpu-time", Some(app.limits.max_cpu_time)),
            ];
            for (key, _) in limits.into_iter().filter(|(_, time)| time.is_some_and(|time| time.0.is_zero())) {
                let problem = "0s leaves the app no time; write for example \"10s\", or leave it out".to_owned();
                self.is_wrong(&["apps", name, "limits", key], problem);
            }
            self.app_sizes(name, app);
            self.grants(name, app);
            routes.push((name.clone(), own));
        }
        routes
    }

    fn app_sizes(&mut self, name: &str, app: &App) {
        let (resources, outbound) = (app.limits.max_resource_memory, &app.limits.outbound);
        if resources.0 < MIN_RESOURCE_MEMORY {
            let problem = format!("{resources} is out of range; it takes {} and more", Size(MIN_RESOURCE_MEMORY));
            self.is_wrong(&["apps", name, "limits", "max-resource-memory"], problem);
        }
        let (fields, size) = (outbound.max_response_fields, outbound.max_response_fields_size);
        if fields.get() > 10_000 {
            let problem = format!("{fields} is out of range; it takes 1 to 10000");
            self.is_wrong(&["apps", name, "limits", "outbound", "max-response-fields"], problem);
        }
        if size.0 < 8192 {
            let problem = format!("{size} is out of range; it takes {} and more", Size(8192));
            self.is_wrong(&["apps", name, "limits", "outbound", "max-response-fields-size"], problem);
        }
    }

    fn grants(&mut self, name: &str, app: &App) {
        let grants = &app.grants;
        for variable in grants.environment.keys().chain(grants.secrets.keys()) {
            if variable.is_empty() || variable.contains(['=', '\0']) {
                let table = if grants.environment.contains_key(variable) { "environment" } else { "secrets" };
                let problem = format!("{variable:?} is not a variable name; it must not contain =");
                self.is_wrong(&["apps", name, "grants", table, variable], problem);
            }
        }
        for (variable, secret) in &grants.secrets {
            let key = ["apps", name, "grants", "secrets", variable];
            if grants.environment.contains_key(variable) {
                self.is_wrong(&key, "it is in environment too; leave one out".to_owned());
            }
            self.secret(&key, secret);
        }
        for (index, rule) in grants.outbound.iter().enumerate() {
            if let Err(problem) = outbound_rule(rule) {
                let table = [
                    Step::from("apps"),
                    Step::from(name),
                    Step::from("grants"),
                    Step::from("outbound"),
                    Step::At(index),
                ];
                self.is_wrong_at(&table, problem);
            }
        }
        for path in grants.folders.keys() {
            let is_good = path.starts_with('/') && !path.split('/').skip(1).any(|part| matches!(part, "." | ".."));
            if !is_good {
                let problem =
                    format!("{path:?} is not an absolute path; write where the app finds the folder, such as /data");
                self.is_wrong(&["apps", name, "grants", "folders", path], problem);
            }
        }
    }
}

/// The host's own data for a request takes less. With a smaller limit no app would run.
const MIN_RESOURCE_MEMORY: u64 = 64 << 10;

/// The URL to which spans are sent, for the collector at `url`.
pub(crate) fn collector(url: &str) -> Result<Uri, String> {
    let refuse = || format!("{url:?} is not the URL of a collector; write for example http://127.0.0.1:4318");
    let uri: Uri = url.parse().map_err(|_| refuse())?;
    let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
    let (true, Some(authority), None) = (is_http, uri.authority(), uri.query()) else { return Err(refuse()) };
    if authority.as_str().contains('@') {
        return Err(format!("{url:?} contains a user; write traces.fields.authorization instead"));
    }
    match uri.path() {
        "/" => format!("{}/v1/traces", url.trim_end_matches('/')).parse().map_err(|_| refuse()),
        _ => Ok(uri),
    }
}

/// A rule in the sandbox's type.
pub(crate) fn outbound_rule(written: &file::OutboundRule) -> Result<OutboundRule, String> {
    let mut rule: OutboundRule = written.url.parse().map_err(|error: OutboundRuleError| error.to_string())?;
    if !written.methods.is_empty() {
        let methods = written.methods.iter().map(|method| {
            let is_method = method.bytes().all(|letter| letter.is_ascii_uppercase() || letter == b'-');
            Method::from_bytes(method.as_bytes())
                .ok()
                .filter(|_| is_method)
                .ok_or_else(|| format!("{method:?} is not a method; write for example \"GET\""))
        });
        rule = rule.methods(methods.collect::<Result<_, _>>()?);
    }
    Ok(if written.private { rule.private() } else { rule })
}
