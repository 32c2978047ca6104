//! The date of an answer, made once a second.

use std::cell::RefCell;
use std::time::{SystemTime, UNIX_EPOCH};

use http::HeaderValue;
use httpdate::fmt_http_date;

/// The date as a field value (RFC 9110 §6.6.1).
pub(crate) fn date() -> HeaderValue {
    let now = SystemTime::now();
    let second = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    LAST.with_borrow_mut(|last| match last {
        Some((made, date)) if *made == second => date.clone(),
        _ => {
            let date = HeaderValue::try_from(fmt_http_date(now)).expect("a date is a field value");
            *last = Some((second, date.clone()));
            date
        }
    })
}

thread_local! {
    static LAST: RefCell<Option<(u64, HeaderValue)>> = const { RefCell::new(None) };
}
