//! The last Host of a connection, so that it is not judged again with every request.

use http::uri::Authority;
use parking_lot::Mutex;

/// The last Host of a connection that was found good. Clients hardly ever change it, and to judge it costs more than the
/// rest of a target. Default: none.
#[derive(Debug, Default)]
pub struct KnownHost(Mutex<Option<Authority>>);

impl KnownHost {
    /// The authority that these bytes name, if `judge` finds it good, or did so the last time.
    pub(super) fn get(&self, bytes: &[u8], judge: impl FnOnce(&[u8]) -> Option<Authority>) -> Option<Authority> {
        let mut known = self.0.lock();
        match &*known {
            Some(known) if known.as_str().as_bytes() == bytes => Some(known.clone()),
            _ => {
                let judged = judge(bytes)?;
                *known = Some(judged.clone());
                Some(judged)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_judged_once_until_another_comes() {
        let (known, mut judged) = (KnownHost::default(), Vec::new());
        for host in ["a", "a", "b", "", "b", "a"] {
            let authority = known.get(host.as_bytes(), |bytes| {
                judged.push(host);
                Authority::try_from(bytes).ok()
            });
            assert_eq!(authority.as_ref().map(Authority::as_str), Some(host).filter(|host| !host.is_empty()));
        }
        assert_eq!(judged, ["a", "b", "", "a"]);
    }
}
