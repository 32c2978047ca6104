//! `wit/lifetime.wit`.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use windhover_contract::{Feature, GuestFault};

use crate::exchange::Exchange;
use crate::exchange::disconnect::BrokenOff;
use crate::features::bindings::lifetime::{Host, Notice};
use crate::features::offered::offered;
use crate::scheduling::time_limit::in_milliseconds;

impl Host for Exchange {
    fn is_aborted(&mut self) -> bool {
        self.disconnect.has_left(&self.answer)
    }

    async fn wait(&mut self, milliseconds: u32) -> wasmtime::Result<bool> {
        let answer = Arc::clone(&self.answer);
        if self.disconnect.has_left(&answer) {
            return Ok(true);
        }
        if milliseconds == 0 {
            // Looks: so the server must have had the time to look, too.
            tokio::task::yield_now().await;
            return Ok(self.disconnect.has_left(&answer));
        }
        let sleep = tokio::time::sleep(Duration::from_millis(milliseconds.into()));
        Ok(self.disconnect.wait(&answer, sleep).await?.is_err())
    }

    fn is_shutting_down(&mut self) -> bool {
        self.app.leaving.has_begun()
    }

    async fn wait_for_notice(&mut self, milliseconds: u32) -> wasmtime::Result<Option<Notice>> {
        if milliseconds == 0 {
            // As `wait`.
            tokio::task::yield_now().await;
        }
        let answer = Arc::clone(&self.answer);
        if self.disconnect.has_left(&answer) {
            return Ok(Some(Notice::ClientLeft));
        }
        if self.app.leaving.has_begun() {
            return Ok(Some(Notice::ShuttingDown));
        }
        if milliseconds == 0 {
            return Ok(None);
        }
        let leaving = self.app.leaving.begun();
        let notice = async {
            tokio::select! {
                biased;
                _ = leaving => Some(Notice::ShuttingDown),
                () = tokio::time::sleep(Duration::from_millis(milliseconds.into())) => None,
            }
        };
        Ok(self.disconnect.wait(&answer, notice).await?.unwrap_or(Some(Notice::ClientLeft)))
    }

    fn abort(&mut self) -> wasmtime::Result<()> {
        let lifetime = offered(self.features.lifetime.as_ref(), Feature::Lifetime)?;
        lifetime.abort(GuestFault::Aborted.into());
        Err(BrokenOff.into())
    }

    fn time_left(&mut self) -> u64 {
        in_milliseconds(self.answer.time.left(Instant::now()))
    }
}
