//! What the system reports about itself: on Linux in /proc, elsewhere little.

use std::fs;
use std::thread;

/// Facts about the machine that matter for a server.
pub(super) struct Machine {
    /// The kernel's release, where it is known.
    pub(super) kernel: String,
    pub(super) cores: usize,
    /// Descriptors that a process may have. `None`: unknown.
    pub(super) descriptors: Option<u64>,
    /// The first port that needs no privilege. `None`: unknown.
    pub(super) first_free_port: Option<u16>,
}

impl Machine {
    pub(super) fn look() -> Self {
        let read = |file: &str| fs::read_to_string(file).unwrap_or_default();
        let release = read("/proc/sys/kernel/osrelease");
        Self {
            kernel: format!("{} {}", std::env::consts::OS, release.trim()).trim_end().to_owned(),
            cores: thread::available_parallelism().map_or(1, usize::from),
            descriptors: descriptors(&read("/proc/self/limits")),
            first_free_port: read("/proc/sys/net/ipv4/ip_unprivileged_port_start").trim().parse().ok(),
        }
    }
}

/// The system and the processor that this program is made for.
pub(super) fn kind() -> String {
    format!("{} ({})", std::env::consts::OS, std::env::consts::ARCH)
}

/// The soft limit, which is the one that is enforced.
fn descriptors(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    match line.split_whitespace().next()? {
        "unlimited" => Some(u64::MAX),
        number => number.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_of_descriptors_is_read() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
                      Max processes             15564                15564                processes \n\
                      Max open files            1024                 524288               files     \n";
        assert_eq!(descriptors(limits), Some(1024));
        assert_eq!(
            descriptors("Max open files            unlimited            unlimited            files"),
            Some(u64::MAX)
        );
        assert_eq!(descriptors(""), None);
    }
}
