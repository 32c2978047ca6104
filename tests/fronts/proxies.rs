//! The four proxies, each run by a user without privileges with what `windhover front` prints, and around it only what
//! Debian's packages have in their main files.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::process::{self, Process, unprivileged};

/// A proxy that can be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proxy {
    Nginx,
    Apache,
    Haproxy,
    Caddy,
}

impl Proxy {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Apache => "apache",
            Self::Haproxy => "haproxy",
            Self::Caddy => "caddy",
        }
    }

    /// The version, as the proxy tells it.
    pub(crate) fn version(self) -> Result<String> {
        let (program, option) = match self {
            Self::Nginx => ("nginx", "-v"),
            Self::Apache => ("apache2", "-v"),
            Self::Haproxy => ("haproxy", "-v"),
            Self::Caddy => ("caddy", "version"),
        };
        let output = Command::new(program).arg(option).env("PATH", PATH).output().with_context(|| {
            format!("{program} is missing; on Debian: apt-get install nginx libnginx-mod-stream apache2 haproxy caddy")
        })?;
        let told = [output.stdout, output.stderr].concat();
        let told = String::from_utf8_lossy(&told);
        let mut version = told.split(|letter: char| !letter.is_ascii_digit() && letter != '.');
        Ok(version.find(|part| part.contains('.') && part.len() > 2).unwrap_or("?").to_owned())
    }

    /// Starts it in a folder, with a site that it serves at a port.
    pub(crate) async fn start(self, folder: &Path, site: &str, port: u16) -> Result<Process> {
        process::folder(folder)?;
        let path = |name: &str| folder.join(name).display().to_string();
        let (site_file, main) = (path("site.conf"), path("main.conf"));
        process::write(Path::new(&site_file), site)?;
        let is_stream = site.contains("\nstream {");
        let (text, program, args) = match self {
            Self::Nginx => (nginx(folder, is_stream), "nginx", vec!["-e", "stderr", "-c", &main]),
            Self::Apache => (apache(folder), "apache2", vec!["-DFOREGROUND", "-f", &main]),
            Self::Haproxy => (HAPROXY.to_owned(), "haproxy", vec!["-db", "-f", &main, "-f", &site_file]),
            Self::Caddy => (caddy(&site_file), "caddy", vec!["run", "--adapter", "caddyfile", "--config", &main]),
        };
        process::write(Path::new(&main), text)?;
        let mut command = Command::new(program);
        command.args(args).current_dir(folder).env("PATH", PATH).env("HOME", folder).env_remove("XDG_CONFIG_HOME");
        let log = folder.join("proxy.log");
        let mut process = Process::start(self.name(), unprivileged(&mut command), &log)?;
        process.wait_until("it listens", |_| process::listens(port)).await?;
        Ok(process)
    }

    /// How many requests it says that it has passed on to Windhover.
    pub(crate) fn forwarded(self, process: &Process) -> usize {
        let said = process.said();
        match self {
            // Each address that was asked: more than one if a request was sent again.
            Self::Nginx => said
                .lines()
                .filter_map(|line| line.strip_prefix("access "))
                .flat_map(|upstream| upstream.split(", "))
                .filter(|upstream| !upstream.starts_with('-'))
                .count(),
            Self::Apache => said.lines().filter(|line| line.starts_with("access ") && !line.ends_with(" -")).count(),
            Self::Haproxy => said.lines().filter(|line| line.contains("/app ") && line.ends_with('"')).count(),
            Self::Caddy => said.lines().filter(|line| line.contains("\"msg\":\"upstream roundtrip\"")).count(),
        }
    }
}

fn nginx(folder: &Path, is_stream: bool) -> String {
    let folder = folder.display();
    let module = if is_stream { "load_module /usr/lib/nginx/modules/ngx_stream_module.so;\n" } else { "" };
    let include = format!("include {folder}/site.conf;\n");
    let (inside, outside) = if is_stream { ("", &*include) } else { (&*include, "") };
    format!(
        "{module}daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 1024; }}
{outside}http {{
    log_format upstream 'access $upstream_addr';
    access_log {folder}/proxy.log upstream;
    client_body_temp_path {folder}/client_body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {inside}}}
"
    )
}

fn apache(folder: &Path) -> String {
    let folder = folder.display();
    let modules: String = [
        "mpm_event",
        "authz_core",
        "headers",
        "http2",
        "proxy",
        "proxy_http",
        "proxy_http2",
        "rewrite",
        "socache_shmcb",
        "ssl",
        "reqtimeout",
    ]
    .map(|name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"))
    .concat();
    format!(
        "{modules}ServerRoot {folder}
DefaultRuntimeDir {folder}
PidFile {folder}/apache.pid
ServerName localhost
ErrorLog {folder}/proxy.log
LogFormat \"access %>s %{{proxy-source-port}}n\" upstream
CustomLog {folder}/proxy.log upstream
KeepAlive On
KeepAliveTimeout 5
Timeout 300
RequestReadTimeout header=20-40,minrate=500
Include {folder}/site.conf
"
    )
}

const HAPROXY: &str = "global
    log stdout format raw daemon
    maxconn 1000
";

fn caddy(site: &str) -> String {
    format!(
        "{{
    admin off
    debug
    auto_https disable_redirects
    skip_install_trust
}}
import {site}
"
    )
}

/// Debian has nginx, apache2 and haproxy in /usr/sbin, which is not in every user's PATH.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
