//! The least rate at which a client must go on.

use std::num::NonZeroU32;
use std::time::Duration;

/// The least rate at which a client must go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataRate {
    /// Bytes a second. At least 1.
    pub bytes_per_second: NonZeroU32,
    /// How long a client may be slower before the rate counts: networks stall for a moment.
    pub grace: Duration,
}

impl DataRate {
    /// 240 bytes a second after five seconds, as Kestrel's MinDataRate.
    pub const DEFAULT: Self =
        Self { bytes_per_second: NonZeroU32::new(240).expect("it is not 0"), grace: Duration::from_secs(5) };

    /// How long `bytes` may take.
    pub fn allows(&self, bytes: u64) -> Duration {
        let time = bytes as f64 / f64::from(self.bytes_per_second.get());
        self.grace.max(Duration::try_from_secs_f64(time).unwrap_or(Duration::MAX))
    }
}
