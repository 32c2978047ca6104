//! `windhover dev-cert` as its users meet it: what it makes, what it prints, and what it refuses. Runs the real binary.

#![cfg(unix)] // it looks at modes

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;
use windhover_http::{Tls, TlsConfig};

#[test]
fn a_certificate_is_made_that_the_server_takes() {
    let home = Home::new();
    let printed = home.succeeds(&["--host", "app.test"]);
    let ca = home.ca("ca.pem");
    assert!(printed.starts_with("Made ./dev-cert.pem and ./dev-key.pem\n"), "{printed}");
    assert!(printed.contains("  for        localhost, 127.0.0.1, ::1, app.test\n"), "{printed}");
    assert!(printed.contains(&format!("  signed by  a new authority, {}\n", ca.display())), "{printed}");
    assert!(printed.contains(&format!("curl --cacert {} https://localhost:8443\n", ca.display())), "{printed}");
    let command = "windhover serve --url https://localhost:8443 --tls-cert ./dev-cert.pem --tls-key ./dev-key.pem\n";
    assert!(printed.ends_with(command), "{printed}");
    Tls::load(TlsConfig::from_pem_files(home.out("dev-cert.pem"), Some(home.out("dev-key.pem")))).expect("it is good");
    let mode = |path: PathBuf| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    let modes = [home.out("dev-key.pem"), home.ca("ca-key.pem"), home.ca(""), home.out("dev-cert.pem")].map(mode);
    assert_eq!(modes, [0o600, 0o600, 0o700, 0o644]);
    assert!(read(&home.out("dev-cert.pem")).ends_with(&read(&ca)), "the chain goes up to the authority");
}

#[test]
fn run_again_it_renews_the_certificate_and_keeps_the_authority() {
    let home = Home::new();
    home.succeeds(&[]);
    let files = || ["dev-cert.pem", "dev-key.pem"].map(|name| read(&home.out(name)));
    let (before, ca) = (files(), read(&home.ca("ca.pem")));
    let printed = home.succeeds(&[]);
    assert!(printed.contains("  signed by  the authority, "), "{printed}");
    assert!(before.iter().zip(files()).all(|(before, after)| *before != after), "they are the old ones");
    assert_eq!(read(&home.ca("ca.pem")), ca);
    Tls::load(TlsConfig::from_pem_files(home.out("dev-cert.pem"), Some(home.out("dev-key.pem")))).expect("it is good");
}

#[test]
fn a_file_that_is_not_its_own_is_left_alone() {
    for name in ["dev-cert.pem", "dev-key.pem"] {
        let home = Home::new();
        fs::write(home.out(name), "mine").expect("it is ours");
        let error = home.fails(&[]);
        assert!(error.contains(name) && error.contains("not created by windhover dev-cert; move it away"), "{error}");
        let files: Vec<_> = fs::read_dir(home.out("")).expect("it is there").collect();
        assert_eq!((files.len(), read(&home.out(name)).as_str()), (1, "mine"));
        assert!(!home.ca("").exists(), "nothing was made");
    }
    let home = Home::new();
    std::os::unix::fs::symlink("elsewhere", home.out("dev-cert.pem")).expect("it is ours");
    assert!(home.fails(&[]).contains("not created by windhover dev-cert"));
}

#[test]
fn an_authority_that_cannot_be_relied_on_is_refused_with_the_remedy() {
    let home = Home::new();
    home.succeeds(&[]);
    fs::set_permissions(home.ca("ca-key.pem"), fs::Permissions::from_mode(0o640)).expect("it is ours");
    let error = home.fails(&[]);
    assert!(error.contains("ca-key.pem (mode 640): chmod 600"), "{error}");
    fs::set_permissions(home.ca("ca-key.pem"), fs::Permissions::from_mode(0o600)).expect("it is ours");

    let other = Home::new();
    other.succeeds(&[]);
    fs::copy(other.ca("ca.pem"), home.ca("ca.pem")).expect("it is ours");
    let error = home.fails(&[]);
    assert!(error.contains("is not the certificate of the key beside it; delete "), "{error}");
    fs::write(home.ca("ca.pem"), "").expect("it is ours");
    let error = home.fails(&[]);
    assert!(error.contains("is damaged; delete "), "{error}");
    fs::remove_file(home.ca("ca.pem")).expect("it is ours");
    let error = home.fails(&[]);
    assert!(error.contains("one is missing; delete "), "{error}");
    fs::remove_dir_all(home.ca("")).expect("it is ours");
    assert!(home.succeeds(&[]).contains("a new authority"));
}

#[test]
fn bad_input_names_the_thing_and_the_remedy() {
    let home = Home::new();
    let error = home.fails(&["--host", "https://app.test"]);
    assert!(error.contains("\"https://app.test\"") && error.contains("without scheme"), "{error}");
    let error = home.fails(&["--out", "nowhere"]);
    assert!(error.contains("nowhere is not an existing folder; create it"), "{error}");
    let output = home.command(&[]).env_remove("XDG_DATA_HOME").env("HOME", "/dev/null").output().expect("it starts");
    let error = String::from_utf8(output.stderr).expect("it is text");
    assert!(error.contains("cannot make /dev/null/.local/share/windhover/dev-ca"), "{error}");
}

/// A user's data folder, and a folder to work in.
struct Home {
    data: TempDir,
    work: TempDir,
}

impl Home {
    fn new() -> Self {
        let folder = || tempfile::tempdir().expect("a temporary folder");
        Self { data: folder(), work: folder() }
    }

    fn ca(&self, name: &str) -> PathBuf {
        self.data.path().join("windhover/dev-ca").join(name)
    }

    fn out(&self, name: &str) -> PathBuf {
        self.work.path().join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_windhover"));
        command.arg("dev-cert").args(args).current_dir(&self.work).env("XDG_DATA_HOME", self.data.path());
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().expect("it starts")
    }

    fn succeeds(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("it is text")
    }

    fn fails(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{output:?}");
        String::from_utf8(output.stderr).expect("it is text")
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("it is there")
}
