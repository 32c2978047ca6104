//! A server of one's own, as `docs/custom-servers.md` explains it: SCGI (python.ca/scgi/protocol.txt), which nginx, Apache
//! and lighttpd speak to applications. It offers the two features that every application needs, request and response.
use std::io::{self, Error, ErrorKind::InvalidData};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use bytes::BytesMut;
use futures_util::stream::try_unfold;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version, header};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream, tcp::OwnedReadHalf};
use tokio::{task::JoinSet, time::timeout};
use windhover_contract::{
    Application, Body, ClientFault, ConnectionCounts, Delivery, Drained, EndpointsChanged, Fault, Feature, Features,
    KnownHost, Limit, Limits, Request, Scheme, Server, ServerAddresses, ServerHandle, Target,
};

/// A bound server that does not accept yet.
pub struct ScgiServer(TcpListener, Limits, ScgiHandle);

/// What a program keeps of the server.
#[derive(Clone)]
pub struct ScgiHandle(Arc<ServerAddresses>, Arc<AtomicUsize>);

impl ScgiServer {
    /// Binds the address, so that one that is taken is an error before anything runs.
    pub async fn bind(address: &str, limits: Limits) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let addresses = [format!("scgi://{}", listener.local_addr()?)].into_iter().collect();
        Ok(Self(listener, limits, ScgiHandle(Arc::new(addresses), Arc::default())))
    }
}

impl Server for ScgiServer {
    type Handle = ScgiHandle;

    fn offers(_: Feature) -> bool {
        false // request and response are not in the list, because every server has them
    }

    fn enforces(limit: Limit) -> bool {
        use Limit::{DrainTimeout, MaxRequestBodySize, MaxRequestFieldsSize, RequestHeadTimeout};
        matches!(limit, DrainTimeout | MaxRequestBodySize | MaxRequestFieldsSize | RequestHeadTimeout)
    }

    fn handle(&self) -> ScgiHandle {
        self.2.clone()
    }

    async fn serve<A: Application>(
        self,
        application: Arc<A>,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<Drained> {
        let Self(listener, limits, ScgiHandle(_, open)) = self;
        let (mut shutdown, mut connections) = (pin!(shutdown), JoinSet::new());
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                Some(_) = connections.join_next() => {} // an error is about a connection that is gone
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => drop(connections.spawn(exchange(stream, Arc::clone(&application), limits.clone()))),
                    Err(_) => tokio::time::sleep(Duration::from_millis(200)).await, // too many descriptors
                },
            }
            open.store(connections.len(), Relaxed);
        }
        drop(listener);
        let _ = timeout(limits.drain_timeout, async { while connections.join_next().await.is_some() {} }).await;
        open.store(0, Relaxed);
        Ok(Drained::from_abandoned(connections.len())) // and dropping the others aborts them
    }
}

impl ServerHandle for ScgiHandle {
    type Endpoint = String;
    type Error = Error;

    fn addresses(&self) -> Arc<ServerAddresses> {
        Arc::clone(&self.0)
    }

    fn connections(&self) -> ConnectionCounts {
        ConnectionCounts { open: self.1.load(Relaxed), upgraded: 0 }
    }

    async fn change_endpoints(&self, _: Vec<String>) -> io::Result<EndpointsChanged> {
        Err(Error::new(io::ErrorKind::Unsupported, "this server keeps its address"))
    }

    fn announce_shutdown(&self) {} // no connection outlives its one request
}

type Reader = BufReader<OwnedReadHalf>;

/// Answers the one request of a connection. An error is the web server's, or its client's, who has left.
async fn exchange<A: Application>(stream: TcpStream, application: Arc<A>, limits: Limits) -> io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    let head = timeout(limits.request_head_timeout, read_head(&mut reader, &limits)).await??;
    let request = request(&head, reader, &limits);
    let only_head = request.as_ref().is_ok_and(|request| request.method == Method::HEAD);
    let mut response = match request {
        Ok(request) => application.handle(request).await,
        Err(fault) => Fault::from(fault).into(),
    };
    let delivery = Delivery { version: Version::HTTP_11, only_head, is_upgrade: false, closes: false };
    if let Some(length) = response.prepare(delivery).length {
        response.fields.insert(header::CONTENT_LENGTH, length.into());
    }
    let mut bytes = format!("Status: {}\r\n", response.status).into_bytes();
    for (name, value) in &response.fields {
        bytes.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    writer.write_all(&[&bytes[..], b"\r\n"].concat()).await?;
    while let Some(frame) = response.body.frame().await {
        match frame.map(|frame| frame.into_data()) {
            Ok(piece) => writer.write_all(&piece.unwrap_or_default()).await?, // CGI has no place for trailers
            Err(_) => {
                // A reset, because the end of the connection would be the end of the content.
                writer.as_ref().set_zero_linger()?;
                writer.forget(); // dropping it would say first that all has been sent
                return Ok(());
            }
        }
    }
    writer.shutdown().await
}

/// The variables of a request, in one netstring: `24:CONTENT_LENGTH\00\0SCGI\01\0,`.
async fn read_head(reader: &mut Reader, limits: &Limits) -> io::Result<Vec<(String, String)>> {
    let mut digits = Vec::new();
    (&mut *reader).take(8).read_until(b':', &mut digits).await?;
    let size = std::str::from_utf8(&digits).ok().and_then(|digits| digits.strip_suffix(":")?.parse::<u64>().ok());
    let size = size.filter(|size| *size <= limits.max_request_fields_size.get()).ok_or(InvalidData)?;
    let mut head = vec![0; size as usize + 1];
    reader.read_exact(&mut head).await?;
    let head = String::from_utf8(head).ok().filter(|head| head.ends_with("\0,")).ok_or(InvalidData)?;
    let mut parts = head.split('\0').map(str::to_owned);
    Ok(std::iter::from_fn(|| parts.next().zip(parts.next())).collect())
}

/// The request that the variables tell of (RFC 3875 §4.1). What the web server has checked is checked again by the types.
fn request(head: &[(String, String)], content: Reader, limits: &Limits) -> Result<Request, ClientFault> {
    let get = |name| head.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value.as_str());
    let mut fields = HeaderMap::new();
    for (name, value) in head.iter().filter(|(_, value)| !value.is_empty()) {
        let name = name.strip_prefix("HTTP_").or(Some(&**name).filter(|name| name.starts_with("CONTENT_")));
        let Some(name) = name.map(|name| HeaderName::from_bytes(name.replace('_', "-").as_bytes())) else { continue };
        let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) else { return Err(ClientFault::FieldLine) };
        fields.insert(name, value);
    }
    let method = Method::from_bytes(get("REQUEST_METHOD").as_bytes()).map_err(|_| ClientFault::RequestLine)?;
    let uri = get("REQUEST_URI").parse().map_err(|_| ClientFault::TargetMalformed)?;
    let version = if get("SERVER_PROTOCOL") == "HTTP/1.0" { Version::HTTP_10 } else { Version::HTTP_11 };
    let scheme = if get("HTTPS") == "on" { Scheme::Https } else { Scheme::Http };
    let target = Target::resolve(scheme, &method, uri, version, &fields, &KnownHost::default())?;
    let size = get("CONTENT_LENGTH").parse().map_err(|_| ClientFault::ContentLength)?;
    if limits.max_request_body_size.is_some_and(|max| size > max) {
        return Err(ClientFault::BodyTooLarge);
    }
    // There is no default: with one more feature this does not compile until its author has decided.
    let features = Features {
        connection: None,
        server_addresses: None,
        tls: None,
        identifier: None,
        lifetime: None,
        reset: None,
        expect_continue: None,
        informational: None,
        limits: None,
        upgrade: None,
        user: None,
        server_variables: None,
        trace: None,
    };
    Ok(Request { method, target, version, fields, body: body(content, size), features })
}

/// Content that is read when the application wants it.
fn body(content: Reader, size: u64) -> Body {
    let pieces = try_unfold(content.take(size), |mut content| async move {
        let mut piece = BytesMut::with_capacity(16 << 10);
        match content.read_buf(&mut piece).await {
            Ok(0) if content.limit() == 0 => Ok(None),
            Ok(0) | Err(_) => Err(ClientFault::BodyIncomplete.into()),
            Ok(_) => Ok(Some((Frame::data(piece.freeze()), content))),
        }
    });
    if size == 0 { Body::empty() } else { Body::stream(StreamBody::new(pieces)) }
}
