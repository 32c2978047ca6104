//! Certificates that are renewed.

use super::*;

#[tokio::test]
async fn a_renewed_certificate_is_taken_once_both_files_are_there() {
    let (authority, folder) = (Authority::new("ca"), Folder::new());
    let (old, new) = (authority.issue("a.example"), authority.issue("a.example"));
    let tls = Arc::new(serving(&folder, &old));
    let mut follower = Follower { tls: Arc::clone(&tls), failure: None };
    assert_eq!(follower.step(), Step::Same);
    folder.write("server.pem", &new.pem);
    assert_eq!(follower.step(), Step::Patient, "the key is still the old one");
    assert_eq!(shown(&tls, &authority).await, old.der);
    assert_eq!(follower.step(), Step::Failing);
    assert_eq!(follower.step(), Step::Failing);
    folder.write("server.key", new.key_pem());
    assert_eq!(follower.step(), Step::Renewed);
    assert_eq!(shown(&tls, &authority).await, new.der);
    assert_eq!(follower.step(), Step::Same);
}

#[cfg(unix)]
#[tokio::test]
async fn a_folder_that_is_swapped_by_its_symbolic_link_is_taken_at_once() {
    let (authority, folder) = (Authority::new("ca"), Folder::new());
    let (old, new) = (authority.issue("a.example"), authority.issue("a.example"));
    for (name, issued) in [("1", &old), ("2", &new)] {
        fs::create_dir(folder.path(name)).expect("it is ours");
        folder.pair(&format!("{name}/tls"), issued);
    }
    // As Kubernetes mounts a secret: the files are links into a folder that is a link.
    let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, folder.path(name)).expect("it is ours");
    link("1", "data");
    link("data/tls.pem", "tls.pem");
    link("data/tls.key", "tls.key");
    let tls = Arc::new(load(&TlsConfig::from_pem_files(folder.path("tls.pem"), Some(folder.path("tls.key")))));
    let mut follower = Follower { tls: Arc::clone(&tls), failure: None };
    assert_eq!((follower.step(), shown(&tls, &authority).await), (Step::Same, old.der));
    link("2", "new");
    fs::rename(folder.path("new"), folder.path("data")).expect("it is ours");
    assert_eq!((follower.step(), shown(&tls, &authority).await), (Step::Renewed, new.der));
}

/// In either order, because nothing changes two files at once.
#[tokio::test]
async fn a_renewed_pkcs12_file_may_have_another_password() {
    let (authority, folder) = (Authority::new("ca"), Folder::new());
    let write = |issued: &Issued, password: &str| {
        folder.write("a.p12", pkcs12(issued, &[&issued.der], password).write().expect("it is well formed"));
    };
    let password = |password: &str| folder.write("password", format!("{password}\n"));
    let (first, second, third) =
        (authority.issue("a.example"), authority.issue("a.example"), authority.issue("a.example"));
    write(&first, "one");
    let source = CertificateSource::Pkcs12 { file: folder.path("a.p12"), password: Password::in_file(password("one")) };
    let tls = Arc::new(load(&source.into()));
    let mut follower = Follower { tls: Arc::clone(&tls), failure: None };
    assert_eq!((follower.step(), shown(&tls, &authority).await), (Step::Same, first.der.clone()));
    write(&second, "another");
    assert_eq!((follower.step(), shown(&tls, &authority).await), (Step::Patient, first.der.clone()));
    password("another");
    assert_eq!((follower.step(), shown(&tls, &authority).await), (Step::Renewed, second.der.clone()));
    password("the third");
    assert_eq!((follower.step(), shown(&tls, &authority).await), (Step::Patient, second.der.clone()));
    write(&third, "the third");
    assert_eq!((follower.step(), shown(&tls, &authority).await), (Step::Renewed, third.der.clone()));
    assert_eq!(follower.step(), Step::Same);
}

#[tokio::test]
async fn a_bad_new_certificate_leaves_the_old_one_in_use() {
    let (authority, folder) = (Authority::new("ca"), Folder::new());
    let old = authority.issue("a.example");
    let tls = serving(&folder, &old);
    for bad in
        ["", "-----BEGIN CERTIFICATE-----\nAAAA", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
    {
        folder.write("server.pem", bad);
        let error = tls.reload().expect_err("it is no certificate").to_string();
        assert!(error.contains("server.pem"), "{error}");
        assert_eq!(shown(&tls, &authority).await, old.der);
    }
    fs::remove_file(folder.path("server.pem")).expect("it is there");
    let error = tls.reload().expect_err("it is gone").to_string();
    assert!(error.contains("server.pem") && error.contains("check the path"), "{error}");
    assert_eq!(shown(&tls, &authority).await, old.der);
    folder.write("server.pem", &old.pem);
    tls.reload().expect("it is back");
}

#[tokio::test]
async fn whoever_follows_gets_there_in_the_end() {
    let (authority, folder) = (Authority::new("ca"), Folder::new());
    let (old, new) = (authority.issue("a.example"), authority.issue("a.example"));
    let tls = Arc::new(serving(&folder, &old));
    let following = tokio::spawn(Arc::clone(&tls).follow(Duration::ZERO));
    folder.pair("server", &new);
    let arrives = async {
        while shown(&tls, &authority).await != new.der {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), arrives).await.expect("it is looked at again and again");
    following.abort();
}
