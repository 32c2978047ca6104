//! `windhover dev-cert`: creates a certificate for development, signed by an authority of this user. Run again, it renews
//! its own files. It never changes other files.

mod authority;
mod files;

use std::net::IpAddr;
use std::path::Path;
use std::process::ExitCode;

use anyhow::bail;

use crate::args::authoring::DevCert;
use authority::{Authority, Issued};
use files::Own;
use windhover_server::say;

/// Creates the certificate and prints how to use it.
pub(crate) fn dev_cert(args: &DevCert) -> anyhow::Result<ExitCode> {
    let names = names(&args.hosts)?;
    if !args.out.is_dir() {
        bail!("{} is not an existing folder; create it, or choose another with --out", args.out.display());
    }
    // Both are checked before either is written, so that certificate and key stay a pair.
    let key = Own::at(args.out.join("dev-key.pem"))?;
    let certificate = Own::at(args.out.join("dev-cert.pem"))?;
    let authority = Authority::of_this_user()?;
    let issued = authority.issue(&names)?;
    key.replace(&issued.key, files::PRIVATE)?;
    certificate.replace(&issued.chain, files::PUBLIC)?;
    say(&told(&names, &authority, &issued, certificate.path(), key.path()));
    Ok(ExitCode::SUCCESS)
}

/// The names of the certificate: the loopback names of this machine and the given ones, without duplicates.
fn names(hosts: &[String]) -> anyhow::Result<Vec<String>> {
    let mut names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
    for host in hosts {
        let name = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        if let Some(problem) = problem(&name) {
            bail!("{host:?} is not a name for a certificate: {problem}");
        }
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names)
}

/// What is wrong with a name, and what to write instead. `None`: nothing.
fn problem(name: &str) -> Option<&'static str> {
    let domain = name.strip_prefix("*.").unwrap_or(name);
    let is_label = |label: &str| {
        let is_known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (1..=63).contains(&label.len()) && label.bytes().all(is_known)
    };
    if name.parse::<IpAddr>().is_ok() {
        None
    } else if !name.is_ascii() {
        Some("write it in ASCII, as DNS has it (xn--...)")
    } else if name.contains(['/', ':']) {
        Some("write the host alone, without scheme, port or path")
    } else if name.len() > 253 || !domain.split('.').all(is_label) {
        Some("give a DNS name, as app.test or *.app.test, or an IP address")
    } else if domain.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit())) {
        Some("it ends in a number, but is not an IP address")
    } else {
        None
    }
}

fn told(names: &[String], authority: &Authority, issued: &Issued, certificate: &Path, key: &Path) -> String {
    let ca = authority.file().display();
    let whose = if authority.is_new() { "a new authority" } else { "the authority" };
    let (certificate, key, quoted_ca) = (quoted(certificate), quoted(key), quoted(authority.file()));
    format!(
        "Made {certificate} and {key}
  for        {}
  until      {}
  signed by  {whose}, {ca}
             (whoever has the key beside it can pose as any site to what trusts it: keep it to yourself)

To trust it, once:
  curl       curl --cacert {quoted_ca} https://localhost:8443
  Debian     sudo cp {quoted_ca} /usr/local/share/ca-certificates/windhover-dev-ca.crt &&
               sudo update-ca-certificates
  Chromium   certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n windhover-dev-ca -i {quoted_ca}
               (from the package libnss3-tools)
  Firefox    Settings, Privacy & Security, View Certificates, Authorities, Import

To use it:
  windhover serve --url https://localhost:8443 --tls-cert {certificate} --tls-key {key}",
        names.join(", "),
        issued.until,
    )
}

/// Quoted for a shell.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |char: char| char.is_alphanumeric() || "/._-+,:@%".contains(char);
    if text.chars().all(is_plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_each_there_once_and_a_wrong_one_is_told_what_to_write() {
        let hosts = ["App.Test", "*.app.test", "LOCALHOST", "[::1]", "10.0.0.1", "app.test"].map(str::to_owned);
        let expected = ["localhost", "127.0.0.1", "::1", "app.test", "*.app.test", "10.0.0.1"];
        assert_eq!(names(&hosts).expect("all are names"), expected);
        for (host, expected) in [
            ("", "a DNS name"),
            ("a b", "a DNS name"),
            ("a..b", "a DNS name"),
            ("*", "a DNS name"),
            ("*.", "a DNS name"),
            ("a.*.b", "a DNS name"),
            ("https://a.test", "without scheme"),
            ("a.test:443", "without scheme"),
            ("bücher.test", "xn--"),
            ("10.0.0.999", "but is not an IP address"),
        ] {
            let error = names(&[host.to_owned()]).expect_err(host).to_string();
            assert!(error.contains(&format!("{host:?}")) && error.contains(expected), "{host}: {error}");
        }
    }

    #[test]
    fn paths_are_quoted_where_a_shell_needs_it() {
        assert_eq!(quoted(Path::new("./dev-cert.pem")), "./dev-cert.pem");
        assert_eq!(quoted(Path::new("/my files/it's")), r"'/my files/it'\''s'");
    }
}
