//! `wit/limits.wit`.

use std::num::NonZeroU32;
use std::time::Duration;

use windhover_contract::{ExchangeLimits, Feature, TooLate};

use crate::exchange::Exchange;
use crate::features::bindings::limits::{DataRate, Error, Host};
use crate::features::offered::offered;
use crate::scheduling::time_limit::in_milliseconds;

type Rate = windhover_contract::DataRate;

impl Host for Exchange {
    fn max_request_body_size(&mut self) -> wasmtime::Result<Option<u64>> {
        Ok(self.limits()?.body().max_size)
    }

    fn set_max_request_body_size(&mut self, max: Option<u64>) -> wasmtime::Result<Result<(), Error>> {
        Ok(self.limits()?.change_body(|body| body.max_size = max).map_err(Error::from))
    }

    fn min_request_data_rate(&mut self) -> wasmtime::Result<Option<DataRate>> {
        Ok(self.limits()?.body().min_data_rate.map(DataRate::from))
    }

    fn set_min_request_data_rate(&mut self, rate: Option<DataRate>) -> wasmtime::Result<Result<(), Error>> {
        let limits = self.limits()?;
        Ok(parse(rate).and_then(|rate| Ok(limits.change_body(|body| body.min_data_rate = rate)?)))
    }

    fn min_response_data_rate(&mut self) -> wasmtime::Result<Option<DataRate>> {
        Ok(self.limits()?.min_response_data_rate().map(DataRate::from))
    }

    fn set_min_response_data_rate(&mut self, rate: Option<DataRate>) -> wasmtime::Result<Result<(), Error>> {
        let limits = self.limits()?;
        Ok(parse(rate).map(|rate| limits.set_min_response_data_rate(rate)))
    }

    fn timeout(&mut self) -> u64 {
        in_milliseconds(self.answer.time.limit())
    }

    fn set_timeout(&mut self, milliseconds: Option<u64>) {
        self.answer.time.change(milliseconds.map(Duration::from_millis));
    }
}

impl Exchange {
    fn limits(&self) -> wasmtime::Result<&ExchangeLimits> {
        offered(self.features.limits.as_deref(), Feature::Limits)
    }
}

fn parse(rate: Option<DataRate>) -> Result<Option<Rate>, Error> {
    let Some(DataRate { bytes_per_second, grace }) = rate else { return Ok(None) };
    let bytes_per_second = NonZeroU32::new(bytes_per_second).ok_or(Error::Invalid)?;
    Ok(Some(Rate { bytes_per_second, grace: Duration::from_millis(grace.into()) }))
}

impl From<Rate> for DataRate {
    fn from(rate: Rate) -> Self {
        let grace = u32::try_from(rate.grace.as_millis()).unwrap_or(u32::MAX);
        Self { bytes_per_second: rate.bytes_per_second.get(), grace }
    }
}

impl From<TooLate> for Error {
    fn from(_: TooLate) -> Self {
        Self::TooLate
    }
}
