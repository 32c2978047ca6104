//! How long a test waits for what must come. Every wait of the suite ends here; none measures time.

use std::time::Duration;

/// Far longer than any machine needs, far shorter than a person waits.
pub const WAIT_LIMIT: Duration = Duration::from_secs(10);

/// Waits for what must come.
pub async fn bounded<T>(awaited: &str, wait: impl Future<Output = T>) -> T {
    tokio::time::timeout(WAIT_LIMIT, wait).await.unwrap_or_else(|_| panic!("waited {WAIT_LIMIT:?} for {awaited}"))
}
