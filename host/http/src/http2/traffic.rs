//! Counts what is sent and received on one HTTP/2 connection, frame by frame, in order to detect a client that floods.
//! The h2 library limits what it must hold, but answers as often as it is asked. Nothing here waits. `frames` reads the
//! heads of frames, and `sections` what the library hides in header sections.

use std::time::Duration;

use tokio::time::Instant;

use super::frames::{Event, Frames, HEAD_SIZE, Head, RST_STREAM};
use super::sections::{Malformed, Sections};

/// The traffic of one connection.
pub(crate) struct Traffic {
    received: Frames,
    sections: Sections,
    /// The malformed streams that nobody has asked about yet.
    malformed: Vec<(u32, Malformed)>,
    sent: Frames,
    /// Bytes of frames that carry nothing, less a share of those that do.
    debt: u64,
    /// Streams that the client has reset, less those that were answered completely.
    resets: u64,
    paid: Instant,
    /// Since when the client is in the middle of something for which a reader of frames must wait.
    unfinished_since: Option<Instant>,
}

/// How a client floods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flood {
    /// With frames that carry nothing.
    Frames,
    /// With streams that it resets.
    Resets,
    /// With malformed streams that nobody serves.
    Malformed,
}

impl Traffic {
    /// A connection that the client has begun. The preface comes first.
    pub(crate) fn new(now: Instant, header_table_size: u32) -> Self {
        Self {
            received: Frames::behind_preface(),
            sections: Sections::new(header_table_size),
            malformed: Vec::new(),
            sent: Frames::default(),
            debt: 0,
            resets: 0,
            paid: now,
            unfinished_since: Some(now), // of the SETTINGS that a client must send
        }
    }

    /// Counts what the client has sent.
    pub(crate) fn receive(&mut self, bytes: &[u8], now: Instant) -> Result<(), Flood> {
        self.pay(now);
        let (debt, resets, since) = (&mut self.debt, &mut self.resets, &mut self.unfinished_since);
        let (sections, malformed) = (&mut self.sections, &mut self.malformed);
        self.received.read(bytes, |event| match event {
            Event::Frame(head) => {
                if head.kind == RST_STREAM {
                    *resets += 1;
                }
                *debt = charge(*debt, &head);
                if head.is_of_section() {
                    sections.begin_frame(&head);
                }
            }
            Event::Section(bytes) => sections.read_frame(bytes),
            Event::SectionFrameEnd => malformed.extend(sections.end_frame()),
        });
        match (self.received.is_unfinished(), self.received.took_finished()) {
            (true, true) => *since = Some(now),
            (true, false) => drop(since.get_or_insert(now)),
            (false, true) => *since = None,
            (false, false) => {}
        }
        match (self.debt, self.resets) {
            (MAX_DEBT.., _) => Err(Flood::Frames),
            (_, MAX_RESETS..) => Err(Flood::Resets),
            _ if self.malformed.len() > MAX_MALFORMED => Err(Flood::Malformed),
            _ => Ok(()),
        }
    }

    /// Whether a stream is malformed in this way. Returns true once.
    pub(crate) fn take_malformed(&mut self, stream: u32, what: Malformed) -> bool {
        let found = self.malformed.iter().position(|known| *known == (stream, what));
        found.map(|at| self.malformed.swap_remove(at)).is_some()
    }

    /// Counts what the server has sent. A response that a client waits for shows that the client does real work.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let (debt, resets) = (&mut self.debt, &mut self.resets);
        self.sent.read(bytes, |event| {
            let Event::Frame(head) = event else { return };
            if head.ends_stream() {
                *resets = resets.saturating_sub(1);
            }
            *debt = charge(*debt, &head);
        });
    }

    /// Since when the client is in the middle of a frame or a header section. `None`: it is not.
    pub(crate) fn unfinished_since(&self) -> Option<Instant> {
        self.unfinished_since
    }

    /// The debt shrinks with time, so that a client that only keeps its connection alive never reaches a limit.
    fn pay(&mut self, now: Instant) {
        let seconds = now.saturating_duration_since(self.paid).as_secs();
        if seconds > 0 {
            self.paid += Duration::from_secs(seconds);
            self.debt = self.debt.saturating_sub(seconds.saturating_mul(DEBT_PAID_A_SECOND));
            self.resets = self.resets.saturating_sub(seconds.saturating_mul(RESETS_FORGOTTEN_A_SECOND));
        }
    }
}

/// The debt after this frame. As in nginx, bytes that carry something pay for eight times as many that do not.
fn charge(debt: u64, head: &Head) -> u64 {
    let carried = if head.carries() { head.size as u64 } else { 0 };
    (debt + (HEAD_SIZE + head.size) as u64).saturating_sub(8 * carried)
}

/// 15,000 PINGs at once, and 60 more a second (half of each is our answer).
const MAX_DEBT: u64 = 512 << 10;
const DEBT_PAID_A_SECOND: u64 = 2 << 10;

/// Malformed streams that nobody serves: a working client sends none.
const MAX_MALFORMED: usize = 64;

/// Twice a page with a hundred images that the user leaves before one of them has arrived.
const MAX_RESETS: u64 = 200;
const RESETS_FORGOTTEN_A_SECOND: u64 = 1;

#[cfg(test)]
mod tests {
    use super::super::frames::PREFACE_SIZE;
    use super::*;

    fn frame(kind: u8, flags: u8, size: usize) -> Vec<u8> {
        let mut frame = (size as u32).to_be_bytes()[1..].to_vec();
        frame.extend([kind, flags, 0, 0, 0, 1]);
        frame.resize(HEAD_SIZE + size, 0);
        frame
    }

    fn begun(now: Instant) -> Traffic {
        let mut traffic = Traffic::new(now, 4096);
        let begin = [&[b'x'; PREFACE_SIZE][..], &frame(4, 0, 0)].concat();
        assert_eq!(traffic.receive(&begin, now), Ok(()));
        assert_eq!(traffic.unfinished_since(), None);
        traffic
    }

    /// Counts how many can be received before the limit is reached.
    fn endure(traffic: &mut Traffic, now: Instant, bytes: &[u8], answer: &[u8]) -> Option<(usize, Flood)> {
        (0..100_000).find_map(|count| {
            traffic.send(answer);
            traffic.receive(bytes, now).err().map(|flood| (count, flood))
        })
    }

    #[test]
    fn frames_that_carry_nothing_are_too_many_at_some_time() {
        let now = Instant::now();
        for (bytes, answer) in [
            (frame(6, 0, 8), frame(6, 1, 8)),
            (frame(4, 0, 0), frame(4, 1, 0)),
            (frame(2, 0, 5), vec![]),
            (frame(0xff, 0, 0), vec![]),
            (frame(0, 0, 0), vec![]),
            (frame(8, 0, 4), vec![]),
        ] {
            let (count, flood) = endure(&mut begun(now), now, &bytes, &answer).expect("it is too much at some time");
            assert_eq!(flood, Flood::Frames);
            assert!((1_000..60_000).contains(&count), "{count}");
        }
    }

    #[test]
    fn a_client_that_works_is_never_too_much() {
        let now = Instant::now();
        for (bytes, answer) in [
            // Small requests by a client that opens both windows again each time.
            ([frame(1, 5, 12), frame(8, 0, 4), frame(8, 0, 4)].concat(), [frame(1, 4, 20), frame(0, 1, 5)].concat()),
            // A download: one window frame for each frame of content.
            ([frame(8, 0, 4), frame(8, 0, 4)].concat(), frame(0, 0, 1024)),
            // Messages of a few bytes, both ways.
            (frame(0, 0, 8), frame(0, 0, 8)),
            // gRPC measures the round-trip time with a PING for each message.
            ([frame(0, 0, 100), frame(6, 0, 8)].concat(), [frame(6, 1, 8), frame(0, 0, 20)].concat()),
        ] {
            assert_eq!(endure(&mut begun(now), now, &bytes, &answer), None);
        }
    }

    #[test]
    fn streams_that_are_reset_are_too_many_unless_most_are_answered() {
        let now = Instant::now();
        let reset = [frame(1, 5, 100), frame(3, 0, 4)].concat();
        let (count, flood) = endure(&mut begun(now), now, &reset, &[]).expect("it is too much at some time");
        assert_eq!((count + 1, flood), (200, Flood::Resets));
        let answered = [frame(1, 4, 50), frame(0, 1, 100)].concat();
        assert_eq!(endure(&mut begun(now), now, &reset, &answered), None);
    }

    #[test]
    fn the_debt_shrinks_with_time() {
        let mut now = Instant::now();
        let mut traffic = begun(now);
        for _ in 0..100_000 {
            now += Duration::from_millis(20);
            traffic.send(&frame(6, 1, 8));
            assert_eq!(traffic.receive(&frame(6, 0, 8), now), Ok(()));
        }
    }

    #[test]
    fn a_beginning_is_not_finished_before_the_first_frame_is() {
        let now = Instant::now();
        let begin = [&[b'x'; PREFACE_SIZE][..], &frame(4, 0, 6)].concat();
        for split in 0..begin.len() {
            let mut traffic = Traffic::new(now, 4096);
            traffic.receive(&begin[..split], now).expect("it is no flood");
            assert_eq!(traffic.unfinished_since(), Some(now), "{split}");
            traffic.receive(&begin[split..], now).expect("it is no flood");
            assert_eq!(traffic.unfinished_since(), None, "{split}");
        }
    }

    #[test]
    fn what_is_not_finished_is_known_however_it_comes_in_pieces() {
        let now = Instant::now();
        let section = [frame(1, 0, 20), frame(9, 4, 5)].concat();
        for split in 0..section.len() {
            let mut traffic = begun(now);
            traffic.receive(&section[..split], now).expect("it is no flood");
            assert_eq!(traffic.unfinished_since().is_some(), split > 0, "{split}");
            traffic.receive(&section[split..], now).expect("it is no flood");
            assert_eq!(traffic.unfinished_since(), None, "{split}");
        }
        // Content may come slowly.
        let mut traffic = begun(now);
        traffic.receive(&frame(0, 0, 20)[..15], now).expect("it is no flood");
        assert_eq!(traffic.unfinished_since(), None);
    }

    #[test]
    fn the_time_of_what_is_not_finished_begins_with_it() {
        let now = Instant::now();
        let later = now + Duration::from_secs(1);
        let mut traffic = begun(now);
        traffic.receive(&frame(6, 0, 8)[..5], now).expect("it is no flood");
        // The rest of the one, and the beginning of another.
        let rest = [&frame(6, 0, 8)[5..], &frame(6, 0, 8)[..5]].concat();
        traffic.receive(&rest, later).expect("it is no flood");
        assert_eq!(traffic.unfinished_since(), Some(later));
        traffic.receive(&frame(6, 0, 8)[5..9], later + Duration::from_secs(1)).expect("it is no flood");
        assert_eq!(traffic.unfinished_since(), Some(later));
    }
}
