//! `wit/reset.wit`.

use crate::exchange::Exchange;
use crate::exchange::disconnect::BrokenOff;
use crate::features::bindings::reset::{Error, Host};

impl Host for Exchange {
    fn is_possible(&mut self) -> bool {
        self.features.reset.is_some()
    }

    fn reset(&mut self, code: u32) -> wasmtime::Result<Result<(), Error>> {
        match &self.features.reset {
            Some(reset) => {
                reset.reset(code.into());
                Err(BrokenOff.into())
            }
            None => Ok(Err(Error::NotPossible)),
        }
    }
}
