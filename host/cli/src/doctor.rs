//! `windhover doctor`: checks whether this machine can run a server, and says what would make it faster.

mod finding;
#[cfg(feature = "authoring")]
mod languages;
mod machine;

use std::process::ExitCode;

use windhover_contract::Limits;
use windhover_sandbox::{Cache, Capabilities, Engine, EngineConfig};
use windhover_server::{cache_folder, say};

use finding::{Finding, State, table};
use machine::Machine;

/// Prints what it finds. The exit code is 0 if a server can run here, even slowly, else 1.
pub(crate) fn doctor() -> anyhow::Result<ExitCode> {
    let findings = examine(&Machine::look());
    say(&format!("windhover {} on {}", env!("CARGO_PKG_VERSION"), machine::kind()));
    say(&table(&findings));
    #[cfg(feature = "authoring")]
    {
        say("\nFor `windhover new` and `windhover build`:");
        say(&table(&languages::languages()));
    }
    let can_serve = findings.iter().all(|finding| finding.state != State::Bad);
    Ok(if can_serve { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn examine(machine: &Machine) -> Vec<Finding> {
    let config = EngineConfig::default();
    let mut findings = Vec::new();
    match Engine::new(&config) {
        Ok(engine) => {
            let capabilities = engine.capabilities();
            findings.push(memory_reset(&machine.kernel, capabilities));
            findings.push(address_space(config.max_instances, capabilities.no_pool.as_deref()));
        }
        Err(error) => findings.push(Finding {
            state: State::Bad,
            about: "engine",
            told: error.to_string(),
            remedy: "Windhover runs on 64-bit x86 and ARM; see whether a sandbox or a security policy forbids memory \
                     that is executable (seccomp, SELinux).",
        }),
    }
    findings.push(cores(machine.cores));
    findings.push(memory(config.max_grown_memory, config.max_buffered));
    findings.extend(machine.descriptors.map(descriptors));
    findings.extend(machine.first_free_port.map(ports));
    findings.push(cache());
    findings
}

/// How the memory of an instance is reset, and why so.
fn memory_reset(kernel: &str, capabilities: &Capabilities) -> Finding {
    let (state, remedy) = match capabilities.lists_pages {
        true => (State::Good, ""),
        false => (
            State::Poor,
            "A fresh instance costs several microseconds less with Linux 6.7 or newer, if the sandbox that this runs in \
             allows the ioctl PAGEMAP_SCAN.",
        ),
    };
    Finding { state, about: "memory reset", told: format!("on {kernel}: {}", capabilities.memory_reset()), remedy }
}

fn address_space(instances: u32, no_pool: Option<&str>) -> Finding {
    let (state, told, remedy) = match no_pool {
        None => (State::Good, format!("is reserved for {instances} instances"), ""),
        Some(why) => (
            State::Poor,
            format!("cannot be reserved for {instances} instances, so each maps its own: {why}"),
            "With a reservation, a fresh instance costs about a tenth. Lift `ulimit -v` and vm.overcommit_memory=2, or ask for fewer \
             instances with --max-instances.",
        ),
    };
    Finding { state, about: "address space", told, remedy }
}

fn cores(cores: usize) -> Finding {
    let told = format!("{cores}, by affinity and control group; --workers defaults to this");
    Finding { state: State::Good, about: "cores", told, remedy: "" }
}

fn memory(max_grown_memory: usize, max_buffered: usize) -> Finding {
    let told = if max_grown_memory == usize::MAX {
        "has an unknown size: set server.max-grown-memory, otherwise guests may take all of it".to_owned()
    } else {
        format!(
            "guests may grow by {} MiB together, and the host may hold {} MiB of content for them",
            max_grown_memory >> 20,
            max_buffered >> 20
        )
    };
    Finding { state: State::Good, about: "memory", told, remedy: "" }
}

/// A connection takes one, and an outbound request of its guest one more.
fn descriptors(max: u64) -> Finding {
    let connections = Limits::default().max_connections.map_or(u64::MAX, |max| max.get() as u64);
    let told = format!("the limit is {max}; max-connections is {connections} by default");
    if max >= connections.saturating_add(SPARE) {
        return Finding { state: State::Good, about: "descriptors", told, remedy: "" };
    }
    let remedy = "Raise `ulimit -n` (systemd: LimitNOFILE), or set limits.max-connections below it: without a free \
                  descriptor clients wait, while beyond max-connections they get a 503 at once.";
    Finding { state: State::Poor, about: "descriptors", told, remedy }
}

fn ports(first: u16) -> Finding {
    let told = match first {
        0 | 1 => "the server may listen on every port".to_owned(),
        first => format!("below {first} need root or CAP_NET_BIND_SERVICE (systemd: AmbientCapabilities)"),
    };
    Finding { state: State::Good, about: "ports", told, remedy: "" }
}

fn cache() -> Finding {
    let about = "cache";
    let Some(folder) = cache_folder() else {
        let told = "this user has no home, so compiled apps are not kept".to_owned();
        let remedy = "Name a folder with --cache, or compile ahead with `windhover compile`.";
        return Finding { state: State::Poor, about, told, remedy };
    };
    match Cache::at(&folder) {
        Ok(_) => Finding { state: State::Good, about, told: folder.display().to_string(), remedy: "" },
        Err(error) => {
            let remedy = "Without it each start compiles. Name another folder with --cache, or compile ahead with \
                          `windhover compile`.";
            Finding { state: State::Poor, about, told: error.to_string(), remedy }
        }
    }
}

/// Descriptors that a server needs besides connections.
const SPARE: u64 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    fn capabilities(lists_pages: bool) -> Capabilities {
        Capabilities { lists_pages, no_pool: None }
    }

    #[test]
    fn what_is_lacking_is_told_with_a_remedy_and_what_is_there_without() {
        let poor =
            [memory_reset("5.15", &capabilities(false)), address_space(1000, Some("mmap failed")), descriptors(64)];
        for finding in &poor {
            assert!(finding.state == State::Poor && !finding.remedy.is_empty(), "{}", finding.about);
        }
        let good = [
            memory_reset("6.18", &capabilities(true)),
            address_space(1000, None),
            descriptors(1 << 20),
            cores(2),
            ports(1024),
        ];
        for finding in &good {
            assert!(finding.state == State::Good && finding.remedy.is_empty(), "{}", finding.about);
        }
        let told = table(&poor);
        assert!(told.contains("  poor  memory reset   on 5.15: all memory is returned to the system"), "{told}");
        assert!(told.contains("\n                       Raise `ulimit -n`"), "{told}");
    }
}
