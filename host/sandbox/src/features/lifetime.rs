//! `wit/lifetime.wit`.

use std::sync::Arc;
use std::time::Duration;

use windhover_contract::Feature;

use crate::bindings::lifetime::Host;
use crate::exchange::Exchange;
use crate::presence::BrokenOff;
use crate::time_limit::in_milliseconds;

impl Host for Exchange {
    fn is_aborted(&mut self) -> bool {
        self.presence.has_left(&self.answer)
    }

    async fn wait(&mut self, milliseconds: u32) -> wasmtime::Result<bool> {
        let answer = Arc::clone(&self.answer);
        if self.presence.has_left(&answer) {
            return Ok(true);
        }
        if milliseconds == 0 {
            // Looks: so the server must have had the time to look, too.
            tokio::task::yield_now().await;
            return Ok(self.presence.has_left(&answer));
        }
        let sleep = tokio::time::sleep(Duration::from_millis(milliseconds.into()));
        Ok(self.presence.wait(&answer, sleep).await?.is_err())
    }

    fn abort(&mut self) -> wasmtime::Result<()> {
        let lifetime = self.features.lifetime.as_ref().ok_or_else(|| super::absent(Feature::Lifetime))?;
        lifetime.abort();
        Err(BrokenOff.into())
    }

    fn time_left(&mut self) -> u64 {
        in_milliseconds(self.answer.time.left())
    }
}
