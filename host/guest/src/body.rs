//! The content of a response.

use std::borrow::Cow;
use std::fmt::{Debug, Formatter};
use std::io::{self, Write};

use crate::features::response::{self, Error};
use crate::{Content, HeaderMap};

/// The content of a response: in memory, or written while the server sends it.
pub struct Body(Kind);

enum Kind {
    Whole(Cow<'static, [u8]>),
    Stream(Make),
}

type Make = Box<dyn FnOnce(&mut Out) -> io::Result<()>>;

impl Body {
    /// No content.
    pub fn empty() -> Self {
        Self(Kind::Whole(Cow::Borrowed(&[])))
    }

    /// Content that `make` writes piece by piece. Writing waits while the client is slow. An error breaks off the
    /// response, so that the client cannot take a part for the whole.
    pub fn stream(make: impl FnOnce(&mut Out) -> io::Result<()> + 'static) -> Self {
        Self(Kind::Stream(Box::new(make)))
    }

    /// Returns the whole content, for tests. Runs the function of [`Body::stream`], and returns its error.
    pub fn collect(self) -> io::Result<Vec<u8>> {
        match self.0 {
            Kind::Whole(content) => Ok(content.into_owned()),
            Kind::Stream(make) => {
                let mut out = Out { memory: Some(Vec::new()) };
                make(&mut out)?;
                Ok(out.memory.unwrap_or_default())
            }
        }
    }

    pub(crate) fn send(self, status: u16, fields: &[(&str, &[u8])]) -> Result<(), Error> {
        match self.0 {
            Kind::Whole(content) => response::send(status, fields, &content),
            Kind::Stream(make) => {
                response::start(status, fields)?;
                if let Err(error) = make(&mut Out { memory: None }) {
                    panic!("the response breaks off: {error}");
                }
                Ok(())
            }
        }
    }
}

impl From<&'static str> for Body {
    fn from(content: &'static str) -> Self {
        content.as_bytes().into()
    }
}

impl From<&'static [u8]> for Body {
    fn from(content: &'static [u8]) -> Self {
        Self(Kind::Whole(Cow::Borrowed(content)))
    }
}

impl From<String> for Body {
    fn from(content: String) -> Self {
        content.into_bytes().into()
    }
}

impl From<Vec<u8>> for Body {
    fn from(content: Vec<u8>) -> Self {
        Self(Kind::Whole(Cow::Owned(content)))
    }
}

impl From<Content> for Body {
    /// Sends each piece back as it comes. If the request breaks off, the response does too.
    fn from(mut content: Content) -> Self {
        Self::stream(move |out| {
            while let Some(piece) = content.piece()? {
                out.write_all(&piece)?;
            }
            Ok(())
        })
    }
}

impl Debug for Body {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Kind::Whole(content) => f.debug_tuple("Body").field(&String::from_utf8_lossy(content)).finish(),
            Kind::Stream(_) => f.write_str("Body(..)"),
        }
    }
}

/// Takes the content that [`Body::stream`] writes. Each write is a piece that the server sends, so combine small ones
/// first, for example with [`std::io::BufWriter`].
#[derive(Debug)]
pub struct Out {
    /// Takes the content in tests, in place of the current exchange.
    memory: Option<Vec<u8>>,
}

impl Out {
    /// Sets the trailer fields, which the server sends after the content. The `trailer` field of the response must name
    /// each of them. `response.set-trailers` in the WIT says which clients get them. [`Body::collect`] ignores them.
    pub fn set_trailers(&mut self, trailers: &HeaderMap) -> io::Result<()> {
        if self.memory.is_some() {
            return Ok(());
        }
        let fields: Vec<_> = trailers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        response::set_trailers(&fields).map_err(refused)
    }
}

impl Write for Out {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        match &mut self.memory {
            Some(memory) => memory.extend_from_slice(piece),
            None => response::write(piece).map_err(refused)?,
        }
        Ok(piece.len())
    }

    /// Waits until the server has taken everything that was written and is about to send it.
    fn flush(&mut self) -> io::Result<()> {
        match self.memory {
            Some(_) => Ok(()),
            None => response::flush().map_err(refused),
        }
    }
}

fn refused(error: Error) -> io::Error {
    match error {
        Error::Aborted => io::Error::new(io::ErrorKind::ConnectionAborted, "the client has disconnected"),
        error => io::Error::other(format!("the server refuses the call: {error:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_that_streams_can_be_collected() {
        let body = Body::stream(|out| {
            out.write_all(b"one, ")?;
            out.write_all(b"two")
        });
        assert_eq!(body.collect().expect("nothing fails"), b"one, two");
        assert_eq!(Body::from(Content::from("echo")).collect().expect("nothing fails"), b"echo");
    }

    #[test]
    fn an_error_of_what_streams_is_that_of_collecting() {
        let body = Body::stream(|_| Err(io::ErrorKind::NotFound.into()));
        assert_eq!(body.collect().expect_err("it fails").kind(), io::ErrorKind::NotFound);
    }
}
