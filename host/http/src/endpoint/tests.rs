use super::*;

#[test]
fn urls_are_understood() {
    let endpoint = |host, port| Endpoint { is_secure: false, host, port };
    for (url, expected) in [
        ("http://127.0.0.1:0", endpoint(Host::Address(Ipv4Addr::LOCALHOST.into()), 0)),
        ("http://[::1]:8080", endpoint(Host::Address(Ipv6Addr::LOCALHOST.into()), 8080)),
        ("http://[::1]", endpoint(Host::Address(Ipv6Addr::LOCALHOST.into()), 80)),
        ("http://localhost:81/", endpoint(Host::Localhost, 81)),
        ("http://*:8080", endpoint(Host::Any, 8080)),
        ("http://+", endpoint(Host::Any, 80)),
        ("https://*", Endpoint { is_secure: true, host: Host::Any, port: 443 }),
        ("https://localhost:8443", Endpoint { is_secure: true, host: Host::Localhost, port: 8443 }),
    ] {
        assert_eq!(url.parse::<Endpoint>().expect(url), expected);
    }
}

#[test]
fn a_wrong_url_is_refused_with_what_to_write_instead() {
    for (url, expected) in [
        ("127.0.0.1:8080", "it has no scheme"),
        ("8080", "it has no scheme"),
        ("", "it is not a URL"),
        ("http://127.0.0.1:1/app", "it has a path"),
        ("http://127.0.0.1:99999", "its port is not a number"),
        ("http://127.0.0.1:x", "its port is not a number"),
        ("http://example.com:80", "neither an IP address"),
        ("http://u@127.0.0.1:80", "names a user"),
        ("http://localhost:0", "two ports"),
        ("unix:relative.sock", "absolute path"),
        ("unix:/folder/", "absolute path"),
        ("unix:@", "absolute path"),
        ("http://[::ffff:127.0.0.1]:80", "write it as IPv4"),
        #[cfg(unix)]
        (&format!("unix:/{}", "a".repeat(107)), "longer than the system lets"),
        #[cfg(target_os = "linux")]
        (&format!("unix:@{}", "a".repeat(108)), "longer than the system lets"),
    ] {
        let error = url.parse::<Endpoint>().expect_err(url).to_string();
        assert!(error.contains(url) && error.contains(expected), "{url}: {error}");
    }
}

/// Each pair is bound too, so that what is said of it is what the system does.
#[cfg(target_os = "linux")]
#[test]
fn what_overlaps_is_what_cannot_be_bound_at_once() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path().to_str().expect("it is text");
    let [longest, path, same] = [
        format!("unix:{folder}/{}", "a".repeat(107 - folder.len() - 1)),
        format!("unix:{folder}/a.sock"),
        format!("unix:{folder}/.//a.sock"),
    ];
    for (one, other, expected) in [
        ("http://127.0.0.1:PORT", "http://127.0.0.1:PORT", true),
        ("http://127.0.0.1:PORT", "http://127.0.0.2:PORT", false),
        ("http://127.0.0.1:PORT", "http://localhost:PORT", true),
        ("http://[::1]:PORT", "http://localhost:PORT", true),
        ("http://[::1]:PORT", "http://127.0.0.1:PORT", false),
        ("http://*:PORT", "http://127.0.0.1:PORT", true),
        ("http://*:PORT", "http://[::1]:PORT", true),
        ("http://*:PORT", "http://*:PORT", true),
        ("http://0.0.0.0:PORT", "http://127.0.0.1:PORT", true),
        ("http://0.0.0.0:PORT", "http://[::1]:PORT", false),
        ("http://0.0.0.0:PORT", "http://[::]:PORT", false),
        ("http://[::]:PORT", "http://127.0.0.1:PORT", false),
        ("http://[::]:PORT", "http://localhost:PORT", true),
        ("http://[::]:PORT", "http://*:PORT", true),
        ("http://127.0.0.1:0", "http://127.0.0.1:0", false),
        ("http://127.0.0.1:PORT", "http://127.0.0.1:0", false),
        (&path, &path, true),
        (&path, &same, true),
        (&path, &longest, false),
        ("unix:@windhover-test-a", "unix:@windhover-test-a", true),
        ("unix:@windhover-test-a", "unix:@windhover-test-b", false),
    ] {
        let port = listen(SocketAddr::from(([127, 0, 0, 1], 0)), false, false).expect("a free port").1.port();
        let endpoint = |url: &str| url.replace("PORT", &port.to_string()).parse::<Endpoint>().expect(url);
        let (one_endpoint, other_endpoint) = (endpoint(one), endpoint(other));
        assert_eq!(one_endpoint.overlaps(&other_endpoint), expected, "{one} {other}");
        assert_eq!(other_endpoint.overlaps(&one_endpoint), expected, "{other} {one}");
        let bound = one_endpoint.bind(&one.into(), &[]).expect(one);
        assert_eq!(other_endpoint.bind(&other.into(), &[]).is_err(), expected, "{one} {other}");
        drop(bound);
    }
    let endpoint = |url: &str| url.parse::<Endpoint>().expect(url);
    let all = endpoint("systemd:");
    assert!(all.overlaps(&endpoint("systemd:a")) && !endpoint("systemd:a").overlaps(&endpoint("systemd:b")));
}

#[test]
fn https_without_a_certificate_is_refused_with_where_to_get_one() {
    let error = EndpointConfig::from("https://127.0.0.1:0").endpoint().expect_err("it has none").to_string();
    assert!(error.contains("--tls-cert") && error.contains("dev-cert"), "{error}");
}

#[test]
fn a_taken_port_is_named_with_a_remedy() {
    let (taken, address) = listen(SocketAddr::from(([127, 0, 0, 1], 0)), false, false).expect("a free port");
    let url = format!("http://{address}");
    let error = url.parse::<Endpoint>().expect("our own address").bind(&"".into(), &[]).expect_err("it is taken");
    let port = taken.local_addr().expect("it is bound").port();
    let text = error.to_string();
    assert!(text.contains(&format!("127.0.0.1:{port}")) && text.contains("--url"), "{text}");
}

#[cfg(unix)]
#[test]
fn a_port_is_shared_where_both_sides_say_so_and_nowhere_else() {
    let shared = |address: SocketAddr| listen(address, false, true);
    let (_first, address) = shared(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
    let (_second, same) = shared(address).expect("both share it");
    assert_eq!(address, same);
    let error = listen(address, false, false).expect_err("this one does not share").to_string();
    assert!(error.contains("another program listens there"), "{error}");
}
