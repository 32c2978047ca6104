//! `windhover-scgi-example COMPONENT ADDRESS`: serves a component over SCGI. It prints the bound address, and drains at
//! SIGINT and SIGTERM.

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use windhover_contract::{Limits, Server, ServerHandle};
use windhover_sandbox::{Engine, EngineConfig, Grants, Guest, Sandbox, SandboxLimits};
use windhover_scgi_example::ScgiServer;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [component, address] = args.as_slice() else {
        eprintln!("usage: windhover-scgi-example COMPONENT ADDRESS");
        return ExitCode::from(2);
    };
    match serve(Path::new(component), address).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(component: &Path, address: &str) -> Result<(), Box<dyn Error>> {
    let engine = Engine::new(&EngineConfig::default())?;
    let guest = Guest::load(&engine, component, None)?;
    // Before the server is bound: a guest that needs more than the server offers is refused by name.
    guest.require(ScgiServer::offers)?;
    let application = Sandbox::new(guest, "app", SandboxLimits::default(), Grants::default());
    let server = ScgiServer::bind(address, Limits::default()).await?;
    for address in server.handle().addresses().iter() {
        println!("Listening on {address}");
    }
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let shutdown = async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    server.serve(Arc::new(application), shutdown).await?;
    Ok(())
}
