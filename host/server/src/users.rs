//! The system's users and groups, by name or number.

/// The number of a user.
#[cfg(unix)]
pub(crate) fn user(written: &str) -> Result<u32, String> {
    use nix::unistd::User;
    account("user", written, |name| User::from_name(name).map(|user| user.map(|user| user.uid.as_raw())))
}

/// The number of a group.
#[cfg(unix)]
pub(crate) fn group(written: &str) -> Result<u32, String> {
    use nix::unistd::Group;
    account("group", written, |name| Group::from_name(name).map(|group| group.map(|group| group.gid.as_raw())))
}

#[cfg(not(unix))]
pub(crate) fn user(_: &str) -> Result<u32, String> {
    Err(NO_ACCOUNTS.to_owned())
}

#[cfg(not(unix))]
pub(crate) fn group(_: &str) -> Result<u32, String> {
    Err(NO_ACCOUNTS.to_owned())
}

#[cfg(unix)]
fn account(kind: &str, written: &str, look_up: impl Fn(&str) -> nix::Result<Option<u32>>) -> Result<u32, String> {
    if let Ok(number) = written.parse() {
        return Ok(number);
    }
    match look_up(written) {
        Ok(Some(number)) => Ok(number),
        Ok(None) => Err(format!("there is no {kind} {written:?} on this machine; write an existing one, or a number")),
        Err(reason) => Err(format!("{kind} {written:?} cannot be looked up: {}", reason.desc())),
    }
}

#[cfg(not(unix))]
const NO_ACCOUNTS: &str = "this system has no numeric owners of files; leave it out";

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_known_by_its_name_and_by_its_number() {
        assert_eq!((user("root"), group("65000")), (Ok(0), Ok(65_000)));
        let told = group("no-such-group").expect_err("there is none");
        assert!(told.contains("no group \"no-such-group\""), "{told}");
    }
}
