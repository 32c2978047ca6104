//! The content of a request.

use std::fmt::{Display, Formatter};
use std::io::{self, Read};

use crate::features::request::{self, BodyError};

/// The content of a request. It is received as it is read; what is not read stays with the client.
#[derive(Debug, Default)]
pub struct Content {
    /// Whether more may come from the current exchange.
    is_of_exchange: bool,
    /// What came and was not read yet, from `at` on: left by [`Read`], or given by a test.
    here: Vec<u8>,
    at: usize,
}

impl Content {
    /// No content.
    pub fn empty() -> Self {
        Self::default()
    }

    pub(crate) fn of_exchange() -> Self {
        Self { is_of_exchange: true, ..Self::default() }
    }

    /// Waits for the next piece, at most 64 KiB. `None`: the content has ended.
    pub fn piece(&mut self) -> Result<Option<Vec<u8>>, ContentError> {
        let (here, at) = (std::mem::take(&mut self.here), std::mem::take(&mut self.at));
        if at < here.len() {
            return Ok(Some(here[at..].to_vec()));
        }
        if !self.is_of_exchange {
            return Ok(None);
        }
        let piece = request::read(0)?;
        Ok(Some(piece).filter(|piece| !piece.is_empty()))
    }

    /// Waits for the rest of the content. If it exceeds `max` bytes, the error is [`ContentError::TooLarge`].
    pub fn collect(mut self, max: u32) -> Result<Vec<u8>, ContentError> {
        let mut all = std::mem::take(&mut self.here);
        all.drain(..self.at);
        let room = (max as usize).checked_sub(all.len()).ok_or(ContentError::TooLarge)?;
        if self.is_of_exchange {
            let rest = request::read_all(u32::try_from(room).expect("it is no more than it was"))?;
            if all.is_empty() {
                return Ok(rest);
            }
            all.extend_from_slice(&rest);
        }
        Ok(all)
    }
}

impl Read for Content {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.here.len() && self.is_of_exchange && !buffer.is_empty() {
            (self.here, self.at) = (request::read(0).map_err(ContentError::from)?, 0);
        }
        let read = (&self.here[self.at..]).read(buffer)?;
        self.at += read;
        Ok(read)
    }
}

impl<T: Into<Vec<u8>>> From<T> for Content {
    /// Content in memory, for tests.
    fn from(content: T) -> Self {
        Self { is_of_exchange: false, here: content.into(), at: 0 }
    }
}

/// Why content cannot be read. A handler may return it: as a response it is an empty one with the status given here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentError {
    /// 413: the content is larger than allowed.
    TooLarge,
    /// 400: the content ended early or is malformed.
    Incomplete,
    /// 408: the client sent the content too slowly.
    TooSlow,
    /// 500: the content has another reader, such as an upgrade.
    Taken,
    /// 500, which nobody reads: the client has disconnected. Only apps that import `lifetime` get this error.
    Aborted,
}

impl From<BodyError> for ContentError {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge => Self::TooLarge,
            BodyError::Incomplete => Self::Incomplete,
            BodyError::Taken => Self::Taken,
            BodyError::TooSlow => Self::TooSlow,
            BodyError::Aborted => Self::Aborted,
        }
    }
}

impl Display for ContentError {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::TooLarge => "the content is larger than allowed",
            Self::Incomplete => "the content ended early",
            Self::TooSlow => "the client sent the content too slowly",
            Self::Taken => "the content has another reader",
            Self::Aborted => "the client has disconnected",
        })
    }
}

impl std::error::Error for ContentError {}

impl From<ContentError> for io::Error {
    fn from(error: ContentError) -> Self {
        let kind = match error {
            ContentError::TooLarge => io::ErrorKind::FileTooLarge,
            ContentError::Incomplete => io::ErrorKind::UnexpectedEof,
            ContentError::TooSlow => io::ErrorKind::TimedOut,
            ContentError::Taken => io::ErrorKind::ResourceBusy,
            ContentError::Aborted => io::ErrorKind::ConnectionAborted,
        };
        Self::new(kind, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_way_of_reading_has_left_the_other_reads() {
        let mut content = Content::from("abcdef");
        let mut two = [0; 2];
        content.read_exact(&mut two).expect("there are as many");
        assert_eq!(&two, b"ab");
        assert_eq!(content.piece(), Ok(Some(b"cdef".to_vec())));
        assert_eq!(content.piece(), Ok(None));

        let mut content = Content::from("abcdef");
        content.read_exact(&mut two).expect("there are as many");
        assert_eq!(content.collect(4), Ok(b"cdef".to_vec()));
    }

    #[test]
    fn more_than_is_wanted_is_too_large() {
        assert_eq!(Content::from("abc").collect(2), Err(ContentError::TooLarge));
        assert_eq!(Content::empty().collect(0), Ok(Vec::new()));
    }
}
