//! `wit/telemetry.wit`.

use crate::exchange::Exchange;
use crate::features::bindings::telemetry::{Error, Host};

impl Host for Exchange {
    fn set_tag(&mut self, name: String, value: String) -> Result<(), Error> {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(is_name) {
            return Err(Error::InvalidName);
        }
        if value.len() > MAX_VALUE {
            return Err(Error::ValueTooLong);
        }
        match self.tags.iter().position(|(tag, _)| *tag == name) {
            None if self.tags.len() == MAX_TAGS => return Err(Error::TooMany),
            found => {
                if let Some(trace) = &self.features.trace {
                    trace.tag(&name, &value);
                }
                match found {
                    Some(at) => self.tags[at].1 = value,
                    None => self.tags.push((name, value)),
                }
            }
        }
        Ok(())
    }
}

/// As the WIT says.
const MAX_TAGS: usize = 16;
const MAX_NAME: usize = 64;
const MAX_VALUE: usize = 256;
