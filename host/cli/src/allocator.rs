//! The allocator. The system's takes a fifth of the time of a small request; this one gives each thread its own heap. A
//! file with unsafe code: one call.

use std::thread;
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Returns memory that has been free for a second to the system, for as long as the process lives. Otherwise memory is
/// returned only when more is freed, so an idle server would keep what a burst of requests has taken.
pub(crate) fn give_back() {
    let gives_back = || {
        loop {
            thread::sleep(PAUSE);
            #[expect(unsafe_code, reason = "mimalloc has no safe interface for this")]
            // SAFETY: any thread may call it at any time; memory in use is not moved.
            unsafe {
                libmimalloc_sys::mi_collect(false); // true: also what has just become free, and is often needed again
            }
        }
    };
    // If no thread can be started, the server reports that itself.
    let _ = thread::Builder::new().name("windhover-tidy".to_owned()).spawn(gives_back);
}

const PAUSE: Duration = Duration::from_secs(1);

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// KiB of memory that this process has of the system.
    fn resident() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("this line is there");
        line.trim_end_matches("kB").trim().parse().expect("it is a number")
    }

    #[test]
    fn what_is_free_goes_back_although_nothing_more_is_freed() {
        if std::env::var_os(ALONE).is_none() {
            return run_alone();
        }
        let before = resident();
        let flood: Vec<_> = (0..200_000_u32).map(|_| vec![1_u8; 400]).collect();
        assert!(resident() > before + (64 << 10), "{} of {before} KiB", resident());
        drop(flood);
        give_back();
        let ends = std::time::Instant::now() + PAUSE * 20;
        while resident() > before + (16 << 10) {
            assert!(std::time::Instant::now() < ends, "{} KiB stay, of {before} before", resident());
            thread::sleep(PAUSE / 20);
        }
    }

    /// Runs this test in a process of its own: what other tests take and free does not count.
    fn run_alone() {
        let tests = std::env::current_exe().expect("this program is running");
        let own = "allocator::tests::what_is_free_goes_back_although_nothing_more_is_freed";
        let ended = std::process::Command::new(tests).args([own, "--exact", "--nocapture"]).env(ALONE, "1").output();
        let ended = ended.expect("it can be started again");
        let said = String::from_utf8_lossy(&ended.stdout);
        assert!(
            ended.status.success() && said.contains("1 passed"),
            "{said}{}",
            String::from_utf8_lossy(&ended.stderr)
        );
    }

    const ALONE: &str = "WINDHOVER_TEST_ALONE";
}
