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

/// Two names and all others, each with a certificate of its own.
fn three(folder: &Folder, [default, a, b]: [&Issued; 3]) -> TlsConfig {
    let source = |name: &str, issued: &Issued| {
        let (chain, key) = folder.pair(name, issued);
        CertificateSource::Pem { chain, key: Some(key) }
    };
    let names = [("a.example", a), ("b.example", b)];
    let names = names.map(|(name, issued)| (name.to_owned(), source(name, issued)));
    TlsConfig { names: names.into(), ..TlsConfig::from(source("default", default)) }
}

async fn shown_for(
    tls: &Tls,
    authority: &Authority,
    name: &str,
) -> Option<tokio_rustls::rustls::pki_types::CertificateDer<'static>> {
    meet(tls, authority.client(None), name).await.ok().map(|met| met.shown)
}

#[tokio::test]
async fn one_bad_certificate_does_not_hold_up_the_renewal_of_others() {
    let (authority, folder) = (Authority::new("ca"), Folder::new());
    let [default, a, b] = ["other.example", "a.example", "b.example"].map(|name| authority.issue(name));
    let tls = Arc::new(load(&three(&folder, [&default, &a, &b])));
    let mut follower = Follower { tls: Arc::clone(&tls), failure: None };
    let (new_default, new_b) = (authority.issue("other.example"), authority.issue("b.example"));
    folder.write("a.example.pem", "no certificate");
    folder.pair("b.example", &new_b);
    assert_eq!(follower.step(), Step::Patient);
    assert_eq!(shown_for(&tls, &authority, "a.example").await, Some(a.der.clone()), "the old one stays");
    assert_eq!(shown_for(&tls, &authority, "b.example").await, Some(new_b.der.clone()));
    // And later too, as long as it is bad.
    assert_eq!(follower.step(), Step::Failing);
    folder.pair("default", &new_default);
    assert_eq!(follower.step(), Step::Failing);
    assert_eq!(shown_for(&tls, &authority, "a.example").await, Some(a.der));
    assert_eq!(shown_for(&tls, &authority, "other.example").await, Some(new_default.der));
    // Who asks for it by hand is told of it, and the others are renewed.
    let newer = authority.issue("b.example");
    folder.pair("b.example", &newer);
    let error = tls.reload().expect_err("one is bad").to_string();
    assert!(error.contains("a.example.pem"), "{error}");
    assert_eq!(shown_for(&tls, &authority, "b.example").await, Some(newer.der));
    let good = authority.issue("a.example");
    folder.pair("a.example", &good);
    assert_eq!(follower.step(), Step::Renewed);
    assert_eq!(shown_for(&tls, &authority, "a.example").await, Some(good.der));
    assert_eq!(follower.step(), Step::Same);
}

#[tokio::test]
async fn a_certificate_that_is_bad_from_the_start_refuses_those_who_ask_for_it_and_nobody_else() {
    let (authority, folder) = (Authority::new("ca"), Folder::new());
    let [default, a, b] = ["other.example", "a.example", "b.example"].map(|name| authority.issue(name));
    let config = three(&folder, [&default, &a, &b]);
    for (bad, asked) in [("a.example", "a.example"), ("default", "other.example")] {
        folder.write(&format!("{bad}.key"), "no key");
        let error = Tls::load(config.clone()).expect_err("one is bad").to_string();
        assert!(error.contains(&format!("{bad}.key")), "{error}");
        let (tls, failures) = Tls::load_usable(config.clone(), None).expect("the configuration is good");
        let [failure] = &failures[..] else { panic!("one is bad, and not {failures:?}") };
        assert!(!failure.is_kept && failure.to_string().contains("refused until it is valid"), "{failure}");
        assert!(tls.has_certificate());
        let refused = meet(&tls, authority.client(None), asked).await.expect_err("its certificate is bad");
        refused.is_told("UnrecognisedName", "cannot be used");
        for (name, issued) in [("other.example", &default), ("a.example", &a), ("b.example", &b)] {
            let expected = Some(issued.der.clone()).filter(|_| name != asked);
            assert_eq!(shown_for(&tls, &authority, name).await, expected, "{name} with a bad {bad}");
        }
        // It is tried again, though no file may change: what made it bad could be elsewhere.
        let tls = Arc::new(tls);
        let mut follower = Follower { tls: Arc::clone(&tls), failure: Some((tls.unusable.clone(), true)) };
        assert_eq!(follower.step(), Step::Failing);
        folder.write(&format!("{bad}.key"), if bad == "default" { default.key_pem() } else { a.key_pem() });
        assert_eq!(follower.step(), Step::Renewed);
        assert!(shown_for(&tls, &authority, asked).await.is_some());
    }
}

#[tokio::test]
async fn a_changed_configuration_keeps_what_was_read_before() {
    let (authority, folder) = (Authority::new("ca"), Folder::new());
    let [default, a, b, c] = ["other.example", "a.example", "b.example", "c.example"].map(|name| authority.issue(name));
    let mut config = three(&folder, [&default, &a, &b]);
    let tls = load(&config);
    folder.write("a.example.pem", "no certificate");
    let (chain, key) = folder.pair("c.example", &c);
    config.names.push(("c.example".to_owned(), CertificateSource::Pem { chain, key: Some(key) }));
    let (tls, failures) = Tls::load_usable(config, Some(&tls)).expect("the configuration is good");
    let [failure] = &failures[..] else { panic!("one is bad, and not {failures:?}") };
    assert!(failure.is_kept && failure.to_string().contains("stays in use"), "{failure}");
    for (name, issued) in [("a.example", &a), ("b.example", &b), ("c.example", &c)] {
        assert_eq!(shown_for(&tls, &authority, name).await, Some(issued.der.clone()), "{name}");
    }
}

/// Whoever cannot be checked does not come in.
#[tokio::test]
async fn authorities_for_clients_that_cannot_be_read_stay_as_they_were_or_refuse_everybody() {
    let (authority, folder) = (Authority::new("ca"), Folder::new());
    let (own, client) = (authority.issue("a.example"), authority.issue("client"));
    let (chain, key) = folder.pair("server", &own);
    let authorities = folder.write("clients.pem", authority.pem());
    for clients in [
        ClientCertificates::Require { authorities: authorities.clone() },
        ClientCertificates::Allow { authorities: authorities.clone() },
    ] {
        let config =
            TlsConfig { client_certificates: clients, ..TlsConfig::from_pem_files(chain.clone(), Some(key.clone())) };
        folder.write("clients.pem", authority.pem());
        let tls = load(&config);
        folder.write("clients.pem", "nobody");
        let new = authority.issue("a.example");
        folder.pair("server", &new);
        tls.reload().expect_err("one is bad");
        let met = meet(&tls, authority.client(Some(&client)), "a.example").await.expect("it is checked as before");
        assert_eq!((met.shown, met.facts.client_certificates.len()), (new.der, 1));

        let (tls, failures) = Tls::load_usable(config, None).expect("the configuration is good");
        assert_eq!((failures.len(), tls.has_certificate()), (1, false));
        for own in [None, Some(&client)] {
            meet(&tls, authority.client(own), "a.example").await.expect_err("nobody can be checked");
        }
        folder.write("clients.pem", authority.pem());
        tls.reload().expect("all is good");
        meet(&tls, authority.client(Some(&client)), "a.example").await.expect("it is checked");
    }
}
