//! Files that are good, and those that are not.

use super::*;

#[tokio::test]
async fn every_form_of_key_is_read_and_the_chain_is_shown_whole() {
    let root = Authority::new("root");
    let (between, folder) = (root.below("between"), Folder::new());
    let rsa = KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).expect("there is entropy");
    let rsa = between.issue_with("a.example", rsa, |_| {});
    let rsa_der = rsa.key.serialize_der();
    // PKCS#8 is the inner form within an envelope that ends with it.
    let pkcs1 = section("RSA PRIVATE KEY", &rsa_der[26..]);
    let ec = between.issue("a.example");
    let sec1 = section("EC PRIVATE KEY", &sec1(&ec.key.serialize_der()));
    let ed = KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("there is entropy");
    let ed = between.issue_with("a.example", ed, |_| {});
    let parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
    for (issued, key, what) in [
        (&rsa, rsa.key_pem(), "RSA PKCS#8"),
        (&rsa, pkcs1, "RSA PKCS#1"),
        (&ec, ec.key_pem(), "EC PKCS#8"),
        (&ec, format!("{parameters}{sec1}"), "EC SEC 1"),
        (&ed, ed.key_pem(), "Ed25519"),
        (&ec, format!("{}{}", rsa.key_pem(), ec.key_pem()), "the second of two"),
    ] {
        let chain = format!("of a.example\n{}{}", issued.pem, between.pem());
        let two = folder.write("chain.pem", &chain);
        let tls = load(&TlsConfig::from_pem_files(two, Some(folder.write("key.pem", &key))));
        let met = meet(&tls, root.client(None), "a.example").await.expect(what);
        assert_eq!((&met.shown, met.length), (&issued.der, 2), "{what}");
        let one = folder.write("all.pem", format!("{key}{chain}").replace('\n', "\r\n"));
        let tls = load(&TlsConfig::from_pem_files(one, None));
        meet(&tls, root.client(None), "a.example").await.expect(what);
    }
}

#[tokio::test]
async fn pkcs12_files_are_read_whatever_order_and_encryption_they_have() {
    let root = Authority::new("root");
    let (between, folder) = (root.below("between"), Folder::new());
    let own = between.issue("a.example");
    let source =
        |password: &str| CertificateSource::Pkcs12 { file: folder.path("a.p12"), password: password.to_owned().into() };
    for (encryption, mac) in [
        (EncryptionAlgorithm::PbeWithHmacSha256AndAes256, MacAlgorithm::HmacSha256),
        (EncryptionAlgorithm::PbeWithShaAnd3KeyTripleDesCbc, MacAlgorithm::HmacSha1),
    ] {
        for chain in [[&own.der, &between.der(), &root.der()], [&own.der, &root.der(), &between.der()]] {
            let bytes = pkcs12(&own, &chain, "geheim").encryption_algorithm(encryption).mac_algorithm(mac).write();
            folder.write("a.p12", bytes.expect("it is well formed"));
            let tls = load(&source("geheim").into());
            let met = meet(&tls, root.client(None), "a.example").await.expect("all is well");
            assert_eq!((&met.shown, met.length), (&own.der, 3));
        }
        let error = Tls::load(source("falsch").into()).expect_err("it is not the password").to_string();
        assert!(error.contains("a.p12") && error.contains("the password does not open"), "{error}");
        assert!(!error.contains("falsch") && !format!("{:?}", source("falsch")).contains("falsch"), "{error}");
    }
}

#[test]
fn what_is_wrong_with_a_file_is_told_with_the_remedy() {
    let (authority, folder) = (Authority::new("ca"), Folder::new());
    let (own, other) = (authority.issue("a.example"), authority.issue("b.example"));
    let (good, good_key) = folder.pair("good", &own);
    let good_key = || Some(good_key.clone());
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let rfc1421 = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    let file = |name: &str, content: &str| folder.write(name, content);
    let pem = |chain: &Path, key: Option<PathBuf>| TlsConfig::from_pem_files(chain, key);
    let clients = |name: &str, content: &str| TlsConfig {
        client_certificates: ClientCertificates::Require { authorities: folder.write(name, content) },
        ..pem(&good, good_key())
    };
    let p12 = |name: &str, content: &[u8]| {
        let file = folder.write(name, content);
        TlsConfig::from(CertificateSource::Pkcs12 { file, password: Password::default() })
    };
    let cases = [
        (TlsConfig::default(), &["TLS needs a certificate"][..]),
        (pem(&folder.path("nowhere"), None), &["nowhere", "check the path"]),
        (pem(&folder.path("."), None), &["it is not a regular file"]),
        (pem(&file("large", &"-".repeat((1 << 20) + 1)), None), &["large", "larger than 1 MiB"]),
        (pem(&file("empty", ""), good_key()), &["empty", "it is empty"]),
        (pem(&file("text", "hello"), good_key()), &["text", "is it the right file?"]),
        (pem(&folder.write("der", &own.der), good_key()), &["der", "it is binary", "-inform DER"]),
        (pem(&file("cut", &own.pem[..100]), good_key()), &["cut", "is the file truncated?"]),
        (pem(&file("edited", &own.pem.replace('M', "?")), good_key()), &["edited", "not base64"]),
        (pem(&folder.path("good.key"), good_key()), &["contains no certificate", "only PRIVATE KEY", "swapped?"]),
        (pem(&good, None), &["contains no private key", "only CERTIFICATE", "--tls-key"]),
        (pem(&good, Some(file("e1", encrypted))), &["e1", "is encrypted", "openssl pkey -in"]),
        (pem(&good, Some(file("e2", rfc1421))), &["e2", "is encrypted"]),
        (pem(&file("e3", &format!("{}{rfc1421}", own.pem)), None), &["e3", "is encrypted"]),
        (pem(&good, Some(file("ssh", &encrypted.replace("ENCRYPTED", "OPENSSH")))), &["ssh", "OpenSSH key"]),
        (pem(&good, Some(file("odd", &encrypted.replace("ENCRYPTED ", "")))), &["odd", "cannot be used", "Ed25519"]),
        (pem(&good, Some(file("other", &other.key_pem()))), &["other", "does not belong to", "good.pem"]),
        (pem(&file("order", &format!("{}{}", authority.pem(), own.pem)), good_key()), &["order", "must come first"]),
        (pem(&file("not", &section("CERTIFICATE", &[0x30, 0])), good_key()), &["not", "cannot be used"]),
        (clients("ca1", &own.key_pem()), &["contains no certificate", "ca1"]),
        (clients("ca2", &section("CERTIFICATE", &[0x30, 0])), &["the authority in", "ca2"]),
        (p12("1.p12", b"hello"), &["1.p12", "it is not PKCS#12, or damaged"]),
        (p12("2.p12", own.pem.as_bytes()), &["2.p12", "it is PEM"]),
        (
            p12("3.p12", &pkcs12(&own, &[&other.der], "").write().expect("it is well formed")),
            &["3.p12", "does not belong"],
        ),
        (p12("4.p12", &without_key(&own)), &["4.p12", "exported without one?"]),
    ];
    for (config, expected) in cases {
        let error = Tls::load(config).expect_err(expected[0]).to_string();
        for part in expected {
            assert!(error.contains(part), "{part:?} is not in: {error}");
        }
    }
}

#[cfg(unix)]
#[test]
fn a_pipe_is_refused_and_not_waited_for() {
    let folder = Folder::new();
    let socket = folder.path("pipe");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).expect("it is ours");
    let error = Tls::load(TlsConfig::from_pem_files(socket, None)).expect_err("it is no file").to_string();
    assert!(error.contains("it is not a regular file"), "{error}");
}

#[test]
fn options_that_do_not_go_together_are_refused() {
    let of = |file: &str, key: Option<&str>, password: Option<&str>| {
        let password = password.map(|password| Password::from(password.to_owned()));
        CertificateSource::from_options(file.into(), key.map(PathBuf::from), password)
    };
    assert_eq!(
        of("a.pem", None, None).expect("it is PEM"),
        CertificateSource::Pem { chain: "a.pem".into(), key: None }
    );
    assert!(matches!(of("a.PFX", None, None), Ok(CertificateSource::Pkcs12 { .. })));
    let error = of("a.p12", Some("a.key"), None).expect_err("it has one").to_string();
    assert_eq!(error, "a.p12 is a PKCS#12 file, which contains its key; remove the key a.key");
    let error = of("a.pem", None, Some("geheim")).expect_err("it needs none").to_string();
    assert!(error.starts_with("a.pem is read as a PEM file") && !error.contains("geheim"), "{error}");
}

#[test]
fn what_is_odd_is_a_warning_and_no_error() {
    let (authority, folder) = (Authority::new("ca"), Folder::new());
    let warnings = |issued: &Issued, change: &dyn Fn(&mut TlsConfig)| {
        let (chain, key) = folder.pair("server", issued);
        let mut config = TlsConfig::from_pem_files(chain, Some(key));
        change(&mut config);
        let mut report = Report::default();
        Setup::load(&config, None, &mut report).expect("it is odd and no error");
        assert!(report.failures.is_empty(), "it is odd and no error");
        report.warnings.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let good = authority.issue("a.example");
    assert_eq!(warnings(&good, &|_| {}), [""; 0]);

    let expired = authority.issue_with("a.example", key(), |params| params.not_after = date_time_ymd(2020, 2, 3));
    let told = warnings(&expired, &|config| {
        let again = config.certificate.clone().expect("it was just given");
        config.names = vec![("a.example".to_owned(), again)];
    });
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("CN=a.example in ") && told[0].contains("server.pem expired on 2020-02-03 00:00 UTC"));

    let early = authority.issue_with("a.example", key(), |params| params.not_before = date_time_ymd(2999, 2, 3));
    let told = warnings(&early, &|_| {});
    assert!(told[0].contains("is not valid before 2999-02-03") && told[0].contains("clock"), "{told:?}");

    let told = warnings(&good, &|config| {
        config.names = vec![("*.b.example".to_owned(), config.certificate.clone().expect("it was just given"))];
    });
    assert!(told[0].contains("is not valid for *.b.example"), "{told:?}");

    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let told = warnings(&good, &|config| {
            let key = config.certificate.as_ref().expect("it was just given").key_file();
            fs::set_permissions(key, fs::Permissions::from_mode(0o644)).expect("it is ours");
        });
        assert!(
            told[0].contains("every user of this machine can read the private key in") && told[0].contains("chmod 600"),
            "{told:?}"
        );
    }
}

/// What Windows editors and PowerShell make of a file.
#[tokio::test]
async fn a_byte_order_mark_hides_nothing() {
    let (authority, folder) = (Authority::new("ca"), Folder::new());
    let own = authority.issue("a.example");
    let encodings: [fn(&str) -> Vec<u8>; 3] = [
        |text| [b"\xef\xbb\xbf", text.as_bytes()].concat(),
        |text| format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect(),
        |text| format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_be_bytes).collect(),
    ];
    for encode in encodings {
        let chain = folder.write("chain.pem", encode(&own.pem));
        let key = folder.write("key.pem", encode(&own.key_pem()));
        let all = folder.write("all.pem", encode(&format!("{}{}", own.pem, own.key_pem())));
        let authorities = folder.write("ca.pem", encode(&authority.pem()));
        for mut config in [TlsConfig::from_pem_files(chain, Some(key)), TlsConfig::from_pem_files(all, None)] {
            config.client_certificates = ClientCertificates::Require { authorities: authorities.clone() };
            let tls = load(&config);
            let met = meet(&tls, authority.client(Some(&own)), "a.example").await.expect("all is well");
            assert_eq!(met.shown, own.der);
        }
        let bytes = pkcs12(&own, &[&own.der], "geheim").write().expect("it is well formed");
        let password = Password::in_file(folder.write("password", encode("geheim\r\n")));
        let tls = load(&CertificateSource::Pkcs12 { file: folder.write("a.p12", bytes), password }.into());
        meet(&tls, authority.client(None), "a.example").await.expect("all is well");
    }
    let labels = Tls::load(TlsConfig::from_pem_files(folder.write("key.pem", encodings[0](&own.key_pem())), None));
    let error = labels.expect_err("it is a key").to_string();
    assert!(error.contains("contains no certificate") && error.contains("only PRIVATE KEY"), "{error}");
}

#[test]
fn what_is_wrong_with_a_password_file_is_told_without_its_content() {
    let (authority, folder) = (Authority::new("ca"), Folder::new());
    let own = authority.issue("a.example");
    let bytes = pkcs12(&own, &[&own.der], "geheim").write().expect("it is well formed");
    let file = folder.write("a.p12", bytes);
    for (password, expected) in [
        (folder.path("nowhere"), "check the path"),
        (folder.path("."), "it is not a regular file"),
        (folder.write("binary", b"geheim\xff"), "is not UTF-8"),
        (folder.write("wrong", b"falsch\n"), "the password does not open"),
    ] {
        let source = CertificateSource::Pkcs12 { file: file.clone(), password: Password::in_file(password) };
        let error = Tls::load(source.into()).expect_err(expected).to_string();
        assert!(error.contains(expected) && !error.contains("geheim") && !error.contains("falsch"), "{error}");
    }
}
