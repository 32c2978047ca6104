//! How much memory this process may use, as far as the system reports it.

use std::fs;
use std::path::{Path, PathBuf};

/// What the host may hold of content unless told otherwise: a quarter of what the server itself leaves.
pub(crate) fn default_max_buffered() -> usize {
    left().map_or(UNKNOWN, |left| left / 4).clamp(MIN, MAX)
}

/// What guests may take beyond what they begin with unless told otherwise: half of what the server itself leaves. The
/// last quarter is what they begin with.
pub(crate) fn default_max_grown_memory() -> usize {
    left().map_or(usize::MAX, |left| (left / 2).max(MIN))
}

/// The memory there is beyond what the server takes for itself. `None`: nobody says.
fn left() -> Option<usize> {
    memory().map(|memory| usize::try_from(memory.saturating_sub(OWN)).unwrap_or(usize::MAX))
}

/// The least of what the machine has and what the control groups of this process leave it. `None`: nobody says.
fn memory() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let limits = groups.lines().flat_map(limit_files).filter_map(|file| limit(&fs::read_to_string(file).ok()?));
    limits.chain(installed(&fs::read_to_string("/proc/meminfo").unwrap_or_default())).min()
}

/// The files that may hold a limit for a line of `/proc/self/cgroup`: of the group and of those it is in. A container
/// may see its own group as the root, whatever the line says.
fn limit_files(line: &str) -> Vec<PathBuf> {
    let mut parts = line.splitn(3, ':');
    let (Some(_), Some(controllers), Some(group)) = (parts.next(), parts.next(), parts.next()) else {
        return Vec::new();
    };
    let (root, name) = if controllers.is_empty() {
        ("/sys/fs/cgroup", "memory.max")
    } else if controllers.split(',').any(|controller| controller == "memory") {
        ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
    } else {
        return Vec::new();
    };
    let group = Path::new(group.trim_start_matches('/'));
    group.ancestors().map(|group| Path::new(root).join(group).join(name)).collect()
}

/// `max` is no limit, and no number.
fn limit(content: &str) -> Option<u64> {
    content.trim().parse().ok()
}

fn installed(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// What a server with a guest takes before anybody has asked for anything: its code and its guest's.
const OWN: u64 = 64 << 20;

/// Less would hold up single answers.
const MIN: usize = 16 << 20;

/// More helps nobody: it is what a thousand clients may leave unread, a megabyte each.
const MAX: usize = 1 << 30;

/// Where the system does not say: a quarter of a small machine.
const UNKNOWN: usize = 256 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_looked_for_in_every_group_above() {
        let files = |line| limit_files(line).iter().map(|file| file.display().to_string()).collect::<Vec<_>>();
        assert_eq!(
            files("0::/a/b"),
            ["/sys/fs/cgroup/a/b/memory.max", "/sys/fs/cgroup/a/memory.max", "/sys/fs/cgroup/memory.max"]
        );
        assert_eq!(
            files("4:memory:/x"),
            ["/sys/fs/cgroup/memory/x/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
        );
        assert_eq!(files("3:cpu,cpuacct:/x"), [""; 0]);
        assert_eq!(files("nonsense"), [""; 0]);
    }

    #[test]
    fn what_the_system_says_is_understood() {
        assert_eq!(limit("max\n"), None);
        assert_eq!(limit("536870912\n"), Some(536_870_912));
        assert_eq!(installed("MemTotal:       24684512 kB\nMemFree: 1 kB\n"), Some(24_684_512 * 1024));
        assert_eq!(installed(""), None);
    }

    #[test]
    fn the_default_is_within_its_bounds() {
        assert!((MIN..=MAX).contains(&default_max_buffered()));
        assert!(default_max_grown_memory() >= MIN);
    }
}
