//! The limits of one exchange, which its application may change.

use crate::{DataRate, Limits};
use parking_lot::{Mutex, MutexGuard};

/// The limits of one exchange (ASP.NET Core: `IHttpMaxRequestBodySizeFeature`, `IHttpMinRequestBodyDataRateFeature`,
/// `IHttpMinResponseDataRateFeature`). The server reads them when it needs them; until then the application may change
/// them.
#[derive(Debug)]
pub struct ExchangeLimits(Mutex<State>);

/// What bounds a request's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyLimits {
    /// See [`Limits::max_request_body_size`].
    pub max_size: Option<u64>,
    /// See [`Limits::min_request_data_rate`].
    pub min_data_rate: Option<DataRate>,
}

/// Reading has begun, so what bounds it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLate;

#[derive(Debug)]
struct State {
    body: BodyLimits,
    is_reading: bool,
    min_response_data_rate: Option<DataRate>,
}

impl ExchangeLimits {
    /// The limits that the server has.
    pub fn new(limits: &Limits) -> Self {
        Self(Mutex::new(State {
            body: BodyLimits { max_size: limits.max_request_body_size, min_data_rate: limits.min_request_data_rate },
            is_reading: false,
            min_response_data_rate: limits.min_response_data_rate,
        }))
    }

    /// What bounds the request's content.
    pub fn body(&self) -> BodyLimits {
        self.state().body
    }

    /// For applications: changes what bounds the request's content.
    pub fn change_body(&self, change: impl FnOnce(&mut BodyLimits)) -> Result<(), TooLate> {
        let mut state = self.state();
        if state.is_reading {
            return Err(TooLate);
        }
        change(&mut state.body);
        Ok(())
    }

    /// For servers: the application reads. From now on what bounds the content stands.
    pub fn begin_reading(&self) -> BodyLimits {
        let mut state = self.state();
        state.is_reading = true;
        state.body
    }

    /// How slow the client may take the answer.
    pub fn min_response_data_rate(&self) -> Option<DataRate> {
        self.state().min_response_data_rate
    }

    /// For applications: changes how slow the client may take the answer, from its next piece on.
    pub fn set_min_response_data_rate(&self, rate: Option<DataRate>) {
        self.state().min_response_data_rate = rate;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock()
    }
}
