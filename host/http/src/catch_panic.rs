//! Turns a panic of a future into a result, for tasks that must go on.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

/// The output of the future, or its panic. After a panic it is not polled again.
pub(crate) async fn catch_panic<T>(future: impl Future<Output = T>) -> Result<T, Box<dyn Any + Send>> {
    let mut future = pin!(future);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(polled) => polled.map(Ok),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_a_result_also_after_a_wait() {
        assert!(matches!(catch_panic(async { 1 }).await, Ok(1)));
        let panics = async {
            tokio::task::yield_now().await;
            panic!("a test's own");
        };
        assert!(catch_panic::<()>(panics).await.is_err());
    }
}
