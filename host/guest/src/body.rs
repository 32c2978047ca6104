//! The content of an answer.

use std::borrow::Cow;
use std::fmt::{Debug, Formatter};
use std::io::{self, Write};

use crate::features::response::{self, Error};
use crate::{Content, HeaderMap};

/// The content of an answer: all of it, or what makes it while it is sent.
pub struct Body(Kind);

enum Kind {
    Whole(Cow<'static, [u8]>),
    Stream(Make),
}

type Make = Box<dyn FnOnce(&mut Out) -> io::Result<()>>;

impl Body {
    /// None.
    pub fn empty() -> Self {
        Self(Kind::Whole(Cow::Borrowed(&[])))
    }

    /// Content that `make` writes, piece by piece, while the client takes it; where the client is slow, writing waits.
    /// An error breaks the answer off, so that the client cannot take a part for the whole.
    pub fn stream(make: impl FnOnce(&mut Out) -> io::Result<()> + 'static) -> Self {
        Self(Kind::Stream(Box::new(make)))
    }

    /// All of it, for tests.
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
                    panic!("the answer is broken off: {error}");
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
    /// Each piece goes back as it comes. A request that breaks off breaks the answer off.
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

/// Where content that streams is written to. Each write is a piece that goes to the client, so small ones are better
/// gathered first, by [`std::io::BufWriter`] for example.
#[derive(Debug)]
pub struct Out {
    /// In place of the current exchange.
    memory: Option<Vec<u8>>,
}

impl Out {
    /// Sets the fields that are sent behind the content, each of which is named in the `trailer` field of the head; see
    /// `response.set-trailers` for who gets them.
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

    /// Waits until the server has taken all that was written and is about to send it.
    fn flush(&mut self) -> io::Result<()> {
        match self.memory {
            Some(_) => Ok(()),
            None => response::flush().map_err(refused),
        }
    }
}

fn refused(error: Error) -> io::Error {
    match error {
        Error::Aborted => io::Error::new(io::ErrorKind::ConnectionAborted, "the client has left"),
        error => io::Error::other(format!("the server does not take it: {error:?}")),
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
