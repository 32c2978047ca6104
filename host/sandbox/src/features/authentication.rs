//! `wit/authentication.wit`.

use crate::bindings::authentication::{Host, User};
use crate::exchange::Exchange;

impl Host for Exchange {
    fn current(&mut self) -> Option<User> {
        let user = self.features.user.as_deref()?;
        Some(User { name: user.name.clone(), method: user.method.clone() })
    }
}
