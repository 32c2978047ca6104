//! One exchange over HTTP/2.

use bytes::Bytes;
use h2::client::ResponseFuture;
use h2::{Reason, RecvStream, SendStream};
use http::HeaderMap;

use super::answer::{Answer, lines};
use crate::bounded;
use crate::wire::is_date;

/// One exchange under way.
pub struct Exchange {
    stream: SendStream<Bytes>,
    coming: Coming,
}

enum Coming {
    Head(ResponseFuture),
    Content(RecvStream),
}

impl Exchange {
    pub(super) fn new(stream: SendStream<Bytes>, answer: ResponseFuture) -> Self {
        Self { stream, coming: Coming::Head(answer) }
    }

    /// Sends content as the server takes it.
    pub async fn send(&mut self, content: impl Into<Bytes>, is_last: bool) {
        self.try_send(content, is_last).await.expect("the server takes the content");
    }

    /// Sends content to a server that may reset the stream meanwhile.
    pub async fn try_send(&mut self, content: impl Into<Bytes>, is_last: bool) -> Result<(), h2::Error> {
        let mut content = content.into();
        while !content.is_empty() {
            self.stream.reserve_capacity(content.len());
            let capacity = std::future::poll_fn(|cx| self.stream.poll_capacity(cx));
            match bounded("the server to take content", capacity).await {
                Some(size) => self.stream.send_data(content.split_to(size?.min(content.len())), false)?,
                None => return Err(Reason::STREAM_CLOSED.into()),
            }
        }
        if is_last { self.stream.send_data(content, true) } else { Ok(()) }
    }

    /// Ends the content with trailers.
    pub fn send_trailers(&mut self, name: &'static str, value: &'static str) {
        let trailers = HeaderMap::from_iter([(name.parse().expect("a name"), value.parse().expect("a value"))]);
        self.stream.send_trailers(trailers).expect("the stream is open");
    }

    /// Resets the stream.
    pub fn reset(&mut self, reason: Reason) {
        self.stream.send_reset(reason);
    }

    /// The next interim response: its status, and its fields.
    pub async fn interim(&mut self) -> Answer {
        let Coming::Head(answer) = &mut self.coming else { panic!("the answer has come") };
        let interim = std::future::poll_fn(|cx| answer.poll_informational(cx));
        let interim = bounded("an interim response", interim).await.expect("one comes").expect("no reset");
        Answer::of(interim.status().as_u16(), interim.headers())
    }

    /// The head of the answer, without content. To be asked for once.
    pub async fn head(&mut self) -> Answer {
        self.try_head().await.expect("an answer comes")
    }

    async fn try_head(&mut self) -> Result<Answer, h2::Error> {
        let Coming::Head(answer) = &mut self.coming else { panic!("the answer has come") };
        let (head, content) = bounded("the head of an answer", answer).await?.into_parts();
        self.coming = Coming::Content(content);
        let mut answer = Answer::of(head.status.as_u16(), &head.headers);
        let date = answer.fields.iter().position(|field| field.starts_with("date: "));
        // What the server's library refuses by itself has none, and nothing else either.
        if answer.status == 431 && answer.fields.is_empty() {
            return Ok(answer);
        }
        let date = answer.fields.remove(date.expect("an answer has a date"));
        assert!(is_date(&date.as_bytes()["date: ".len()..]), "{date:?} is no date");
        Ok(answer)
    }

    /// The next piece of content. `None`: it has ended.
    pub async fn piece(&mut self) -> Result<Option<Bytes>, h2::Error> {
        // An end may come in a frame of its own, which carries nothing else.
        let piece = loop {
            match self.piece_kept().await? {
                None => return Ok(None),
                Some(piece) if piece.is_empty() => {}
                Some(piece) => break piece,
            }
        };
        let Coming::Content(content) = &mut self.coming else { unreachable!("a piece of it has come") };
        content.flow_control().release_capacity(piece.len())?;
        Ok(Some(piece))
    }

    /// The same, by a client that lets nothing more come for it.
    pub async fn piece_kept(&mut self) -> Result<Option<Bytes>, h2::Error> {
        let Coming::Content(content) = &mut self.coming else { panic!("the answer has not come") };
        bounded("content", content.data()).await.transpose()
    }

    /// Exactly so much content, in whatever pieces it comes.
    pub async fn content(&mut self, size: usize) -> Vec<u8> {
        let mut all = Vec::new();
        while all.len() < size {
            all.extend(self.piece().await.expect("no reset").expect("the content has not ended"));
        }
        assert_eq!(all.len(), size, "a piece goes beyond what was expected");
        all
    }

    /// The whole answer.
    pub async fn answer(mut self) -> Answer {
        self.try_answer().await.expect("a whole answer comes")
    }

    /// The whole answer, if the stream is not reset.
    pub async fn try_answer(&mut self) -> Result<Answer, h2::Error> {
        let mut answer = match self.coming {
            Coming::Head(_) => self.try_head().await?,
            Coming::Content(_) => Answer::of(0, &HeaderMap::new()),
        };
        while let Some(piece) = self.piece().await? {
            answer.content.extend(piece);
        }
        let Coming::Content(content) = &mut self.coming else { unreachable!("the head has come") };
        if let Some(trailers) = bounded("trailers or none", content.trailers()).await? {
            answer.trailers = lines(&trailers);
        }
        Ok(answer)
    }

    /// Expects that the server resets the stream instead of a whole answer. Gives its code.
    pub async fn reset_by_server(&mut self) -> Reason {
        let error = self.try_answer().await.expect_err("the stream is reset");
        assert!(error.is_remote() && error.is_reset(), "{error}");
        error.reason().expect("a reset has a code")
    }
}
