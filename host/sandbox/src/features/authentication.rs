//! `wit/authentication.wit`.

use crate::exchange::Exchange;
use crate::features::bindings::authentication::{Host, User};

impl Host for Exchange {
    fn current(&mut self) -> Option<User> {
        let user = self.features.user.as_deref()?;
        Some(User { name: user.name.clone(), method: user.method.clone() })
    }
}
