//! Work whose panic is an error of that work, and not the end of the server.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::anyhow;

/// Does the work. A panic in it is an error that says so; where it happened is on standard error already, by the panic
/// hook. What the work has changed by then stays changed, so it is for work that makes something new.
pub fn guarded<T>(work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        Err(anyhow!(
            "Windhover panicked, which is a bug in it, or this machine lacks threads or memory: {}",
            text(&*panic)
        ))
    })
}

fn text(panic: &(dyn Any + Send)) -> &str {
    let said = panic.downcast_ref::<String>().map(String::as_str);
    said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it did not say why")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_with_its_text() {
        assert_eq!(guarded(|| Ok(1)).expect("it does not panic"), 1);
        let own = guarded::<()>(|| Err(anyhow!("no such file"))).expect_err("it fails").to_string();
        assert_eq!(own, "no such file");
        for (panic, expected) in [
            (guarded::<()>(|| panic!("constant")), "constant"),
            (guarded::<()>(|| panic!("number {}", 1)), "number 1"),
            (guarded::<()>(|| std::panic::panic_any(1)), "it did not say why"),
        ] {
            let error = panic.expect_err("it panics").to_string();
            assert!(error.contains("panicked") && error.ends_with(expected), "{error}");
        }
    }
}
