//! A header of the PROXY protocol, from the bytes that a connection begins with.
//!
//! Promises: no bytes make it panic, and it asks for no more than [`MAX_SIZE`].

use std::borrow::Cow;
use std::net::SocketAddr;

use bytes::Bytes;
use proxy_header::{ParseConfig, ProxiedAddress, ProxyHeader, SslInfo, Tlv};
use windhover_contract::{Ends, ProxyFault, Tls};

/// What a header tells of the client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// `None`: the proxy connects for itself, as for a health check, or does not know.
    pub(crate) ends: Option<Ends>,
    /// The client's session with the proxy. `None`: it has none, or the proxy does not say.
    pub(crate) tls: Option<Tls>,
    /// What no other feature has a place for.
    pub(crate) variables: Vec<(String, String)>,
}

/// What the header tells, and its size. `None`: more bytes are needed.
pub(crate) fn parse(bytes: &[u8]) -> Result<Option<(Told, usize)>, ProxyFault> {
    if begins(bytes, V2_SIGNATURE) {
        return parse_v2(bytes);
    }
    if begins(bytes, V1_PREFIX) {
        return parse_v1(bytes);
    }
    Err(ProxyFault::HeaderMissing)
}

/// Whether the bytes begin with `whole`, as far as both go.
fn begins(bytes: &[u8], whole: &[u8]) -> bool {
    let size = bytes.len().min(whole.len());
    bytes[..size] == whole[..size]
}

/// One line: `PROXY TCP4 192.0.2.1 192.0.2.2 56324 443`.
fn parse_v1(bytes: &[u8]) -> Result<Option<(Told, usize)>, ProxyFault> {
    let window = &bytes[..bytes.len().min(V1_MAX_SIZE)];
    let Some(end) = window.windows(2).position(|two| two == b"\r\n") else {
        return if window.len() < V1_MAX_SIZE { Ok(None) } else { Err(ProxyFault::HeaderTooLarge) };
    };
    let (line, whole) = (&bytes[..end], &bytes[..end + 2]);
    if line == b"PROXY UNKNOWN" || line.starts_with(b"PROXY UNKNOWN ") {
        // The rest of the line, if any, has no meaning.
        return Ok(Some((Told::default(), whole.len())));
    }
    // The library takes ports with a sign and with leading zeros.
    let are_ports = line.rsplit(|byte| *byte == b' ').take(2).all(is_number);
    match ProxyHeader::parse(whole, V1) {
        Ok((header, size)) if size == whole.len() && are_ports => {
            let ends = header.proxied_address().map(ends).ok_or(ProxyFault::HeaderMalformed)?;
            Ok(Some((Told { ends: Some(ends), ..Told::default() }, size)))
        }
        _ => Err(ProxyFault::HeaderMalformed),
    }
}

fn is_number(text: &[u8]) -> bool {
    text == b"0" || text.first().is_some_and(|first| *first != b'0') && text.iter().all(u8::is_ascii_digit)
}

fn parse_v2(bytes: &[u8]) -> Result<Option<(Told, usize)>, ProxyFault> {
    let Some((start, _)) = bytes.split_at_checked(V2_START) else { return Ok(None) };
    let size = V2_START + usize::from(u16::from_be_bytes([start[14], start[15]]));
    if size > MAX_SIZE {
        return Err(ProxyFault::HeaderTooLarge);
    }
    if start[12] == LOCAL {
        // All that follows is to be ignored, the family too.
        return Ok((bytes.len() >= size).then(|| (Told::default(), size)));
    }
    let has_all = bytes.len() >= size;
    match ProxyHeader::parse(&bytes[..bytes.len().min(size)], V2) {
        Ok((header, size)) => {
            let has_addresses = start[13] != UNSPECIFIED;
            match told(&header) {
                Ok(told) => Ok(Some((told, size))),
                // Without a family, what stands where the addresses would may be anything.
                Err(_) if !has_addresses => Ok(Some((Told::default(), size))),
                Err(fault) => Err(fault),
            }
        }
        // The library says so also of a header whose size does not suffice for its addresses.
        Err(proxy_header::Error::BufferTooShort) if !has_all => Ok(None),
        Err(_) => Err(ProxyFault::HeaderMalformed),
    }
}

fn told(header: &ProxyHeader<'_>) -> Result<Told, ProxyFault> {
    let mut told = Told { ends: header.proxied_address().map(ends), ..Told::default() };
    let (mut alpn, mut authority, mut ssl) = (None, None, None);
    for field in header.tlvs() {
        match field.map_err(|_| ProxyFault::HeaderMalformed)? {
            Tlv::Alpn(name) => alpn = Some(String::from_utf8_lossy(&name).into_owned()),
            Tlv::Authority(name) => authority = Some(name.to_ascii_lowercase()),
            Tlv::UniqueId(id) => told.variables.push(("PROXY_UNIQUE_ID".to_owned(), text_or_hex(&id))),
            Tlv::Ssl(info) => ssl = Some(info),
            _ => {} // nothing here has a place for it
        }
    }
    if let Some(ssl) = ssl.filter(SslInfo::client_ssl) {
        let session = tls_session(&ssl, &mut told.variables)?;
        told.tls = Some(Tls { alpn, server_name: authority, ..session });
    }
    Ok(told)
}

/// The client's session with the proxy, and by the names of mod_ssl what has no place in it.
fn tls_session(ssl: &SslInfo<'_>, variables: &mut Vec<(String, String)>) -> Result<Tls, ProxyFault> {
    let mut session = Tls::unknown();
    let has_certificate = ssl.client_cert_conn() || ssl.client_cert_sess();
    let is_verified = has_certificate && ssl.verify() == 0;
    for field in ssl.tlvs() {
        match field.map_err(|_| ProxyFault::HeaderMalformed)? {
            Tlv::SslVersion(version) => session.protocol = version.into_owned(),
            // OpenSSL has other names for the suites of TLS 1.2 than IANA, which the contract asks for.
            Tlv::SslCipher(suite) if suite.starts_with("TLS_") => session.cipher_suite = suite.into_owned(),
            Tlv::SslCn(name) if is_verified => variables.push(("SSL_CLIENT_S_DN_CN".to_owned(), name.into_owned())),
            Tlv::Custom(CLIENT_CERTIFICATE, der) if is_verified => {
                session.client_certificates = vec![Bytes::from(Cow::into_owned(der))];
            }
            _ => {}
        }
    }
    let verify = match has_certificate {
        false => "NONE".to_owned(),
        true if is_verified => "SUCCESS".to_owned(),
        true => format!("FAILED:{}", ssl.verify()),
    };
    variables.push(("SSL_CLIENT_VERIFY".to_owned(), verify));
    Ok(session)
}

fn ends(address: &ProxiedAddress) -> Ends {
    // An address of IPv4 in the form of IPv6 is what no comparison of addresses expects.
    let canonical = |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
    Ends { remote: Some(canonical(address.source)), local: Some(canonical(address.destination)) }
}

/// Printable ASCII as it is, else hexadecimal digits.
fn text_or_hex(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if bytes.iter().all(u8::is_ascii_graphic) => text.to_owned(),
        _ => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}

/// The largest header that is read. With addresses alone a header has 232 bytes at most; the rest is for what the proxy
/// adds, of which a client's certificate is the largest.
pub(crate) const MAX_SIZE: usize = 8 << 10;

/// The longest line of version 1, as its specification says.
const V1_MAX_SIZE: usize = 107;

const V1_PREFIX: &[u8] = b"PROXY ";
const V2_SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// The signature, the version with the command, the family, and the length of the rest.
const V2_START: usize = 16;

/// Version 2, and the proxy connects for itself.
const LOCAL: u8 = 0x20;

const UNSPECIFIED: u8 = 0;

/// PP2_SUBTYPE_SSL_CLIENT_CERT: the client's certificate as DER. Of HAProxy 3.2; the library has no name for it.
const CLIENT_CERTIFICATE: u8 = 0x28;

const V1: ParseConfig = ParseConfig { include_tlvs: false, allow_v1: true, allow_v2: false };
const V2: ParseConfig = ParseConfig { include_tlvs: true, allow_v1: false, allow_v2: true };

#[cfg(test)]
mod tests;
