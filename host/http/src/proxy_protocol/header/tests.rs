use super::*;

fn v2(command: u8, family: u8, rest: &[&[u8]]) -> Vec<u8> {
    let rest = rest.concat();
    let size = u16::try_from(rest.len()).expect("it is short");
    [V2_SIGNATURE, &[command, family], &size.to_be_bytes(), &rest].concat()
}

fn field(kind: u8, value: &[u8]) -> Vec<u8> {
    let size = u16::try_from(value.len()).expect("it is short");
    [&[kind][..], &size.to_be_bytes(), value].concat()
}

const ADDRESSES: &[u8] = &[192, 0, 2, 1, 198, 51, 100, 2, 0xdc, 0x04, 1, 0xbb];

fn told(bytes: &[u8]) -> Told {
    let (told, size) = parse(bytes).expect("it is good").expect("it is whole");
    assert_eq!(size, bytes.len());
    told
}

fn both(remote: &str, local: &str) -> Option<Ends> {
    Some(Ends { remote: remote.parse().ok(), local: local.parse().ok() })
}

#[test]
fn addresses_are_told_in_both_versions() {
    let v4 = both("192.0.2.1:56324", "198.51.100.2:443");
    assert_eq!(told(b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n").ends, v4);
    assert_eq!(told(&v2(0x21, 0x11, &[ADDRESSES])).ends, v4);
    assert_eq!(told(&v2(0x21, 0x12, &[ADDRESSES])).ends, v4, "over UDP");
    let v6 = both("[2001:db8::1]:1", "[::1]:65535");
    assert_eq!(told(b"PROXY TCP6 2001:db8::1 ::1 1 65535\r\n").ends, v6);
    let [one, other] = ["2001:db8::1", "::1"].map(|text| text.parse::<std::net::Ipv6Addr>().expect("it is").octets());
    for family in [0x21, 0x22] {
        assert_eq!(told(&v2(0x21, family, &[&one, &other, &[0, 1, 255, 255]])).ends, v6);
    }
    let mapped = told(b"PROXY TCP6 ::ffff:192.0.2.1 ::ffff:198.51.100.2 56324 443\r\n");
    assert_eq!(mapped.ends, v4, "as IPv4");
}

#[test]
fn a_proxy_that_connects_for_itself_or_does_not_know_tells_nothing() {
    for header in [
        b"PROXY UNKNOWN\r\n".to_vec(),
        b"PROXY UNKNOWN ffff::1 what ever\r\n".to_vec(),
        v2(0x20, 0x00, &[]),
        v2(0x20, 0x11, &[ADDRESSES]),
        v2(0x20, 0xff, &[b"?"]), // LOCAL: the family is ignored
        v2(0x21, 0x00, &[]),
        v2(0x21, 0x00, &[b"what stood for addresses"]),
        v2(0x21, 0x31, &[&[0; 216]]),
        v2(0x21, 0x32, &[&[0; 216]]),
    ] {
        assert_eq!(told(&header), Told::default(), "{}", header.escape_ascii());
    }
}

#[test]
fn what_a_feature_has_a_place_for_is_told() {
    let ssl = |flags: u8, verify: u32, fields: &[Vec<u8>]| {
        field(0x20, &[&[flags][..], &verify.to_be_bytes(), &fields.concat()].concat())
    };
    let session = [
        field(0x21, b"TLSv1.3"),
        field(0x22, b"somebody"),
        field(0x23, b"TLS_AES_128_GCM_SHA256"),
        field(0x28, b"DER"),
    ];
    let fields = |ssl: Vec<u8>| {
        let others = [field(0x01, b"h2"), field(0x02, b"Shop.example"), field(0x05, b"id-1"), field(0xea, b"cloud")];
        told(&v2(0x21, 0x11, &[ADDRESSES, &others.concat(), &ssl]))
    };
    let variable = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let id = variable("PROXY_UNIQUE_ID", "id-1");

    let verified = fields(ssl(7, 0, &session));
    let expected = Tls {
        protocol: "TLSv1.3".to_owned(),
        cipher_suite: "TLS_AES_128_GCM_SHA256".to_owned(),
        alpn: Some("h2".to_owned()),
        server_name: Some("shop.example".to_owned()),
        client_certificates: vec![Bytes::from_static(b"DER")],
    };
    assert_eq!(verified.tls.as_ref(), Some(&expected));
    let name = variable("SSL_CLIENT_S_DN_CN", "somebody");
    assert_eq!(verified.variables, [id.clone(), name, variable("SSL_CLIENT_VERIFY", "SUCCESS")]);

    // A certificate that did not pass, or is not there, names nobody, whatever else is sent.
    for (flags, verify, told) in [(3, 18, "FAILED:18"), (1, 0, "NONE")] {
        let unverified = fields(ssl(flags, verify, &session));
        let expected = Tls { client_certificates: Vec::new(), ..expected.clone() };
        assert_eq!(unverified.tls, Some(expected));
        assert_eq!(unverified.variables, [id.clone(), variable("SSL_CLIENT_VERIFY", told)]);
    }

    // The names of OpenSSL are not those of IANA.
    let old = fields(ssl(1, 0, &[field(0x21, b"TLSv1.2"), field(0x23, b"ECDHE-RSA-AES128-GCM-SHA256")]));
    assert_eq!(old.tls.map(|tls| (tls.protocol, tls.cipher_suite)), Some(("TLSv1.2".to_owned(), String::new())));

    let plain = fields(ssl(0, 0, &session));
    assert_eq!((plain.tls, plain.variables), (None, vec![id]));
    let binary = told(&v2(0x21, 0x11, &[ADDRESSES, &field(5, b"\x00\n")]));
    assert_eq!(binary.variables, [variable("PROXY_UNIQUE_ID", "000a")]);
}

#[test]
fn a_header_is_whole_at_its_last_byte_and_not_before() {
    for header in [
        b"PROXY UNKNOWN\r\n".to_vec(),
        b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n".to_vec(),
        v2(0x21, 0x11, &[ADDRESSES, &field(5, b"id")]),
        v2(0x20, 0, &[]),
    ] {
        for size in 0..header.len() {
            assert_eq!(parse(&header[..size]), Ok(None), "{}", header[..size].escape_ascii());
        }
        let more = [&header, &b"PROXY TCP4 "[..]].concat();
        assert_eq!(parse(&more).map(|read| read.map(|(_, size)| size)), Ok(Some(header.len())));
    }
}

#[test]
fn what_is_no_header_is_refused_with_its_reason() {
    use ProxyFault::{HeaderMalformed as Malformed, HeaderMissing as Missing, HeaderTooLarge as TooLarge};
    let too_large = |size: u16| [V2_SIGNATURE, &[0x21, 0x11], &size.to_be_bytes()].concat();
    for (bytes, expected) in [
        (b"G".to_vec(), Missing),
        (b"GET / HTTP/1.1\r\n".to_vec(), Missing),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), Missing),
        (b"\x16\x03\x01".to_vec(), Missing),
        (b"\r\n\r\nGET / HTTP/1.1".to_vec(), Missing),
        (b"proxy TCP4 ".to_vec(), Missing),
        (b"PROXYxTCP4 192.0.2.1 198.51.100.2 1 2\r\n".to_vec(), Missing),
        (b"PROXY TCP5 192.0.2.1 198.51.100.2 1 2\r\n".to_vec(), Malformed),
        (b"PROXY UNKNOWNS\r\n".to_vec(), Malformed),
        (b"PROXY TCP4 192.0.2.1 198.51.100.2 1\r\n".to_vec(), Malformed),
        (b"PROXY TCP4 192.0.2.1 198.51.100.2 1 2 3\r\n".to_vec(), Malformed),
        (b"PROXY TCP4 192.0.2.1  198.51.100.2 1 2\r\n".to_vec(), Malformed),
        (b"PROXY TCP4 192.0.2.1 198.51.100.2 1 65536\r\n".to_vec(), Malformed),
        (b"PROXY TCP4 192.0.2.1 198.51.100.2 +1 2\r\n".to_vec(), Malformed),
        (b"PROXY TCP4 192.0.2.1 198.51.100.2 1 02\r\n".to_vec(), Malformed),
        (b"PROXY TCP4 192.0.2.1 198.51.100.2 1 \r\n".to_vec(), Malformed),
        (b"PROXY TCP4 2001:db8::1 ::1 1 2\r\n".to_vec(), Malformed),
        (b"PROXY TCP6 192.0.2.1 198.51.100.2 1 2\r\n".to_vec(), Malformed),
        (b"PROXY TCP4 192.0.2.1 198.51.100.2 1 2\nGET / HTTP/1.1\r\n".to_vec(), Malformed),
        (b"PROXY TCP4 192.0.2.1 198.51.100.2 1 2\rGET / HTTP/1.1\r\n".to_vec(), Malformed),
        (b"PROXY \r\n".to_vec(), Malformed),
        ([&b"PROXY UNKNOWN "[..], &[b'x'; 93]].concat(), TooLarge),
        ([&b"PROXY UNKNOWN "[..], &[b'x'; 92], b"\r\n"].concat(), TooLarge),
        (v2(0x11, 0x11, &[ADDRESSES]), Malformed),
        (v2(0x22, 0x11, &[ADDRESSES]), Malformed),
        (v2(0x21, 0x41, &[ADDRESSES]), Malformed),
        (v2(0x21, 0x13, &[ADDRESSES]), Malformed),
        (v2(0x21, 0x11, &[&ADDRESSES[1..]]), Malformed),
        (v2(0x21, 0x21, &[ADDRESSES]), Malformed),
        (v2(0x21, 0x31, &[ADDRESSES]), Malformed),
        (v2(0x21, 0x11, &[ADDRESSES, &[5]]), Malformed),
        (v2(0x21, 0x11, &[ADDRESSES, &[5, 0, 9, b'i']]), Malformed),
        (v2(0x21, 0x11, &[ADDRESSES, &field(0x20, &[1])]), Malformed),
        (v2(0x21, 0x11, &[ADDRESSES, &field(0x20, &[1, 0, 0, 0, 0, 0x21])]), Malformed),
        (v2(0x21, 0x11, &[ADDRESSES, &field(2, b"\xff")]), Malformed),
        (too_large(65535), TooLarge),
        (too_large((MAX_SIZE - V2_START + 1) as u16), TooLarge),
    ] {
        assert_eq!(parse(&bytes), Err(expected), "{}", bytes.escape_ascii());
    }
    assert_eq!(parse(&too_large((MAX_SIZE - V2_START) as u16)), Ok(None));
    let longest = [&b"PROXY UNKNOWN "[..], &[b'x'; 91], b"\r\n"].concat();
    assert_eq!(longest.len(), V1_MAX_SIZE);
    assert_eq!(told(&longest), Told::default());
}
