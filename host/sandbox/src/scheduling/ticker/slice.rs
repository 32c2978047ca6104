//! Asks Linux for a short time slice. A file of unsafe code: two system calls that no library wraps.

#![expect(unsafe_code, reason = "neither the standard library nor rustix has these calls")]

use std::io;
use std::mem::size_of;
use std::time::Duration;

/// The shortest there is (`sched_setattr(2)`, Linux 6.12).
pub(super) const SHORTEST: Duration = Duration::from_micros(100);

/// Asks for a short slice. A thread that wakes up and asks for less than the one that is at work has the core at once;
/// other threads wait until that has had its slice, which is looked at every 4 ms where the kernel ticks 250 times a
/// second. Linux before 6.12 goes on as it would. Fails where the policy of this thread knows no slices, or the system
/// forbids the call.
pub(super) fn shorten() -> io::Result<()> {
    let mut attributes = attributes()?;
    attributes.sched_runtime = SHORTEST.as_nanos() as u64;
    // SAFETY: the call reads what its second argument points to, as many bytes as that says itself: the whole structure,
    // which lives until the call has returned.
    checked(unsafe { libc::syscall(libc::SYS_sched_setattr, THIS_THREAD, &raw const attributes, NO_FLAGS) })
}

/// Policy, priority and slice of this thread.
fn attributes() -> io::Result<libc::sched_attr> {
    let mut attributes = libc::sched_attr {
        size: size_of::<libc::sched_attr>() as u32,
        sched_policy: 0,
        sched_flags: 0,
        sched_nice: 0,
        sched_priority: 0,
        sched_runtime: 0,
        sched_deadline: 0,
        sched_period: 0,
    };
    let (at, size) = (&raw mut attributes, attributes.size);
    // SAFETY: the call writes to where its second argument points, at most as many bytes as the third says: the whole
    // structure, which nothing else refers to meanwhile, and of which every pattern of bits is a value.
    checked(unsafe { libc::syscall(libc::SYS_sched_getattr, THIS_THREAD, at, size, NO_FLAGS) })?;
    Ok(attributes)
}

fn checked(returned: libc::c_long) -> io::Result<()> {
    if returned == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

const THIS_THREAD: libc::pid_t = 0;

const NO_FLAGS: libc::c_uint = 0;

#[cfg(test)]
mod tests {
    use super::*;

    /// What Linux calls its version, as far as it is numbers.
    fn version() -> (u32, u32) {
        let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").expect("Linux tells");
        let mut numbers = release.split(['.', '-']).map_while(|part| part.parse().ok());
        (numbers.next().expect("a number"), numbers.next().expect("another"))
    }

    #[test]
    fn a_short_slice_is_all_that_changes() {
        rustix::process::setpriority_process(None, 3).expect("anybody may be nicer");
        let before = attributes().expect("anybody may ask");
        shorten().expect("anybody may ask for less");
        let after = attributes().expect("anybody may ask");
        let others = |of: &libc::sched_attr| (of.sched_policy, of.sched_flags, of.sched_nice, of.sched_priority);
        assert_eq!((others(&before), after.sched_nice), (others(&after), 3));
        if version() >= (6, 12) {
            assert_eq!(Duration::from_nanos(after.sched_runtime), SHORTEST);
        }
    }
}
