//! A handshake, from the first byte on. A client that does not speak TLS, or asks for what is not available, gets a
//! refusal that it understands.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio_rustls::StartHandshake;
use tokio_rustls::rustls::server::{Accepted, Acceptor, ClientHello};
use tokio_rustls::rustls::{AlertDescription, HandshakeKind, ServerConnection};
use tokio_rustls::server::TlsStream;

use super::setup::Setup;
use crate::clock::Clock;
use crate::protocols::Protocols;

/// Performs the handshake on `stream`. See [`super::Tls::accept`].
pub(super) async fn accept<S>(setup: &Setup, mut stream: S, clock: &Clock) -> io::Result<TlsStream<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Some(accepted) = hello(&mut stream).await? else {
        // What there is to say is said; whether the client takes it is the client's affair.
        let _ = clock.timeout(REFUSAL_TIME, answer_in_plain(&mut stream)).await;
        return Err(refusal("a client spoke HTTP without TLS"));
    };
    if let Some((alert, reason)) = objection(setup, &accepted.client_hello()) {
        write(&mut stream, &fatal(alert)).await?;
        return Err(refusal(reason));
    }
    let stream = StartHandshake::from_parts(accepted, stream).into_stream(setup.server.clone()).await?;
    still_holds(setup, stream.get_ref().1)?;
    Ok(stream)
}

/// Reads the client's first message, which rustls bounds to 64 KiB. `None`: it is HTTP without TLS.
async fn hello<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> io::Result<Option<Accepted>> {
    let (mut acceptor, mut first) = (Acceptor::default(), None);
    loop {
        let read = std::future::poll_fn(|cx| {
            match acceptor.read_tls(&mut Reader { stream: &mut *stream, cx, first: &mut first }) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
                read => Poll::Ready(read),
            }
        });
        if read.await? == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the client closed the connection before its ClientHello was complete",
            ));
        }
        // A TLS record begins with 22, which is no letter, and every request of HTTP with its method.
        if first.is_some_and(|byte: u8| byte.is_ascii_alphabetic()) {
            return Ok(None);
        }
        match acceptor.accept() {
            Ok(Some(accepted)) => return Ok(Some(accepted)),
            Ok(None) => {}
            Err((error, mut alert)) => {
                let mut bytes = Vec::new();
                alert.write_all(&mut bytes)?;
                write(stream, &bytes).await?;
                return Err(io::Error::new(io::ErrorKind::InvalidData, error));
            }
        }
    }
}

/// Reads from the stream when rustls wants bytes, so that it takes only bytes for rustls.
struct Reader<'a, 'b, S> {
    stream: &'a mut S,
    cx: &'a mut Context<'b>,
    first: &'a mut Option<u8>,
}

impl<S: AsyncRead + Unpin> io::Read for Reader<'_, '_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut buffer = ReadBuf::new(buffer);
        match Pin::new(&mut *self.stream).poll_read(self.cx, &mut buffer) {
            Poll::Ready(read) => read?,
            Poll::Pending => return Err(io::ErrorKind::WouldBlock.into()),
        }
        let read = buffer.filled();
        *self.first = self.first.or(read.first().copied());
        Ok(read.len())
    }
}

/// Checks what rustls does not, or reports in other words.
fn objection(setup: &Setup, hello: &ClientHello<'_>) -> Option<(AlertDescription, &'static str)> {
    match (setup.names.find(hello.server_name()), hello.server_name()) {
        (Some(_), _) => {}
        // RFC 6066 §3.
        (None, Some(_)) => {
            return Some((
                AlertDescription::UnrecognisedName,
                "a client asked for a server name that is not here, or whose certificate cannot be used",
            ));
        }
        // RFC 8446 §9.2.
        (None, None) => {
            return Some((
                AlertDescription::MissingExtension,
                "a client named no server, and only named ones are here, or the certificate of all others cannot be used",
            ));
        }
    }
    // RFC 9113 §3.2: without ALPN it cannot be HTTP/2.
    (!setup.alpn.contains(Protocols::HTTP1) && hello.alpn().is_none())
        .then_some((AlertDescription::NoApplicationProtocol, "a client does not speak ALPN, and only HTTP/2 is here"))
}

/// A resumed session tells about its client what was true when it began, up to half a day ago. So its certificate is
/// checked again, because it may have expired. It cannot be of other authorities than the current ones, because a
/// change of authorities ends all sessions.
fn still_holds(setup: &Setup, connection: &ServerConnection) -> io::Result<()> {
    let (Some(verifier), Some(HandshakeKind::Resumed), Some([own, others @ ..])) =
        (&setup.verifier, connection.handshake_kind(), connection.peer_certificates())
    else {
        return Ok(());
    };
    // The same clock as for a certificate that is checked in a full handshake.
    let now = setup
        .server
        .time_provider
        .current_time()
        .ok_or_else(|| io::Error::other("the system does not tell the time"))?;
    let checked = verifier.verify_client_cert(own, others, now);
    checked.map(drop).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Answers that this port speaks TLS, and waits until the client has read that: if more of the request has arrived,
/// closing at once would make the system discard the answer.
async fn answer_in_plain<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> io::Result<()> {
    let date = httpdate::fmt_http_date(SystemTime::now());
    let answer = format!("HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\ndate: {date}\r\n\r\n");
    write(stream, answer.as_bytes()).await?;
    stream.shutdown().await?;
    tokio::io::copy(&mut stream.take(MAX_UNREAD), &mut tokio::io::sink()).await?;
    Ok(())
}

async fn write<S: AsyncWrite + Unpin>(stream: &mut S, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await
}

/// A record with a fatal alert in the form that it has before there are keys (RFC 8446 §5.1 and §6).
fn fatal(alert: AlertDescription) -> [u8; 7] {
    [21, 3, 3, 0, 2, 2, alert.into()]
}

fn refusal(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

/// How long a client that does not speak TLS has to read the refusal, and how much more it may send meanwhile.
const REFUSAL_TIME: Duration = Duration::from_secs(2);
const MAX_UNREAD: u64 = 64 << 10;
