//! Servers of others, where they are: `just bench-peers` installs them.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::process::Contender;

/// `wasmtime serve`, where the recipe has installed it.
pub(crate) fn wasmtime_serve(guest: &Path, options: &[&str]) -> Option<Contender> {
    let wasmtime = Path::new("target/peers/bin/wasmtime");
    let usual = ["serve", "--addr", "127.0.0.1:0", "-S", "cli"];
    let args = usual.iter().chain(options).map(Into::into).chain([guest.into()]);
    wasmtime.exists().then(|| Contender::new(wasmtime, args).logging("Serving HTTP on http://"))
}

/// nginx, which answers with a line of its configuration; and what it needs as long as it runs.
pub(crate) fn nginx() -> anyhow::Result<Option<(Contender, TempDir)>> {
    if Command::new("nginx").arg("-v").output().is_err() {
        return Ok(None);
    }
    let folder = tempfile::tempdir()?;
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
    let at = folder.path().display();
    let configuration = format!(
        "daemon off; master_process off; pid {at}/pid; error_log stderr;
        events {{ worker_connections 1024; }}
        http {{
            access_log off; keepalive_requests 1000000000;
            client_body_temp_path {at}/body; proxy_temp_path {at}/proxy; fastcgi_temp_path {at}/fastcgi;
            uwsgi_temp_path {at}/uwsgi; scgi_temp_path {at}/scgi;
            server {{
                listen {address};
                location / {{ default_type text/plain; return 200 'Hello from WebAssembly!\\n'; }}
            }}
        }}"
    );
    let file = folder.path().join("nginx.conf");
    fs::write(&file, configuration)?;
    Ok(Some((Contender::new(Path::new("nginx"), ["-c".into(), file.into()]).at(address), folder)))
}
