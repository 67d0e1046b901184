//! Where the frames of a WebSocket end (RFC 6455 §5.2), so that one of the gateway's own fits between two of them, and how
//! large the messages are that they make (§5.4).

/// Follows the frames of one direction.
#[derive(Debug, Default)]
pub(super) struct Frames {
    /// The beginning of a frame that is not known whole yet.
    head: [u8; Self::LONGEST_HEAD],
    known: usize,
    /// Bytes of the payload that are still to come.
    left: u64,
}

/// What the head of a frame says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Head {
    is_final: bool,
    /// Ping, Pong and Close come between the fragments of a message.
    is_control: bool,
    length: u64,
}

impl Frames {
    /// Two bytes, eight of a length, four of a mask.
    const LONGEST_HEAD: usize = 14;

    /// Whether the last frame is whole and the next one has not begun.
    pub(super) fn is_between(&self) -> bool {
        self.known == 0 && self.left == 0
    }

    /// Follows bytes up to the end of a frame, or all of them; how many.
    pub(super) fn follow_one(&mut self, bytes: &[u8]) -> usize {
        let mut place = 0;
        while let Some(rest) = bytes.get(place..).filter(|rest| !rest.is_empty()) {
            place += self.step(rest).0;
            if self.is_between() {
                break;
            }
        }
        place
    }

    /// Follows some bytes of a payload, or one of a head; how many, and the head that is now known.
    fn step(&mut self, bytes: &[u8]) -> (usize, Option<Head>) {
        if self.left == 0 {
            return bytes.first().map_or((0, None), |byte| (1, self.push(*byte)));
        }
        let here = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
        self.left = self.left.saturating_sub(u64::try_from(here).unwrap_or(u64::MAX));
        (here, None)
    }

    /// Follows all of some bytes.
    pub(super) fn follow(&mut self, mut bytes: &[u8]) {
        while let Some(rest) = bytes.get(self.follow_one(bytes)..).filter(|rest| !rest.is_empty()) {
            bytes = rest;
        }
    }

    fn push(&mut self, byte: u8) -> Option<Head> {
        if let Some(place) = self.head.get_mut(self.known) {
            *place = byte;
        }
        self.known += 1;
        let [first, second, rest @ ..] = &self.head;
        let long = match second & 0x7F {
            127 => 8,
            126 => 2,
            _ => 0,
        };
        let mask = if second & 0x80 == 0 { 0 } else { 4 };
        if self.known < 2 || self.known < 2 + long + mask {
            return None;
        }
        let length = rest.iter().take(long).fold(0, |length, byte| length << 8 | u64::from(*byte));
        let length = if long == 0 { u64::from(second & 0x7F) } else { length };
        (self.left, self.known) = (length, 0);
        Some(Head { is_final: first & 0x80 != 0, is_control: first & 0x08 != 0, length })
    }
}

/// Follows the messages of one direction.
#[derive(Debug)]
pub(super) struct Messages {
    frames: Frames,
    /// Bytes of a message, at most.
    largest: u64,
    size: u64,
    fragments: u32,
}

/// A message is larger than whoever receives it has to take.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooBig;

impl Messages {
    /// Fragments of one message. Each costs its receiver far more than its bytes, and one without bytes costs its sender
    /// next to nothing.
    const MOST_FRAGMENTS: u32 = 4_096;

    pub(super) fn new(largest: u64) -> Self {
        Self { frames: Frames::default(), largest, size: 0, fragments: 0 }
    }

    /// Follows all of some bytes. A frame with which a message becomes too big is found by its head.
    pub(super) fn follow(&mut self, bytes: &[u8]) -> Result<(), TooBig> {
        let mut place = 0;
        while let Some(rest) = bytes.get(place..).filter(|rest| !rest.is_empty()) {
            let (count, head) = self.frames.step(rest);
            place += count;
            if let Some(head) = head.filter(|head| !head.is_control) {
                self.count(head)?;
            }
        }
        Ok(())
    }

    fn count(&mut self, head: Head) -> Result<(), TooBig> {
        self.size = self.size.saturating_add(head.length);
        self.fragments = self.fragments.saturating_add(1);
        if self.size > self.largest || self.fragments > Self::MOST_FRAGMENTS {
            return Err(TooBig);
        }
        if head.is_final {
            (self.size, self.fragments) = (0, 0);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(length: usize) -> Vec<u8> {
        let mut frame = vec![0x82];
        match length {
            0..126 => frame.push(u8::try_from(length).unwrap_or_default()),
            126..65_536 => {
                frame.push(126);
                frame.extend(u16::try_from(length).unwrap_or_default().to_be_bytes());
            }
            _ => {
                frame.push(127);
                frame.extend(u64::try_from(length).unwrap_or_default().to_be_bytes());
            }
        }
        frame.resize(frame.len() + length, 7);
        frame
    }

    #[test]
    fn frames_end_where_their_lengths_say_however_they_come() {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            let bytes = frame(length);
            for piece in [1, 2, 3, 9, 1_000, bytes.len()] {
                let mut frames = Frames::default();
                let pieces: Vec<_> = bytes.chunks(piece).collect();
                for (number, piece) in pieces.iter().enumerate() {
                    assert_eq!(frames.follow_one(piece), piece.len());
                    assert_eq!(frames.is_between(), number + 1 == pieces.len(), "{length}");
                }
            }
        }
    }

    #[test]
    fn the_end_of_a_frame_is_found_among_others() {
        let (one, other) = (frame(5), frame(300));
        let mut frames = Frames::default();
        let both = [one.as_slice(), &other].concat();
        assert_eq!(frames.follow_one(&both), one.len());
        assert_eq!(frames.follow_one(&both[one.len()..]), other.len());
        frames.follow(&[both.as_slice(), &one[..3]].concat());
        assert!(!frames.is_between());
        frames.follow(&one[3..]);
        assert!(frames.is_between());
    }

    /// A fragment of a message, or its end.
    fn fragment(is_final: bool, length: usize) -> Vec<u8> {
        let mut bytes = frame(length);
        bytes[0] = if is_final { 0x80 } else { 0 };
        bytes
    }

    #[test]
    fn a_message_is_as_large_as_its_fragments_together_and_pings_between_them_are_none() {
        let mut messages = Messages::new(300);
        for _ in 0..3 {
            let ping = [0x89, 0];
            let message = [fragment(false, 150), ping.to_vec(), fragment(true, 150)].concat();
            for piece in message.chunks(7) {
                assert_eq!(messages.follow(piece), Ok(()));
            }
        }
        assert_eq!(messages.follow(&fragment(false, 300)), Ok(()));
        assert_eq!(messages.follow(&fragment(false, 1)), Err(TooBig));
    }

    #[test]
    fn a_frame_is_too_big_by_its_head_alone() {
        let head = [0x82, 127, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];
        assert_eq!(Messages::new(1 << 30).follow(&head), Err(TooBig));
    }

    #[test]
    fn fragments_are_counted_by_message() {
        let mut messages = Messages::new(1 << 20);
        let most = usize::try_from(Messages::MOST_FRAGMENTS).unwrap_or_default();
        let all = [fragment(false, 0).repeat(most - 1), fragment(true, 1)].concat();
        assert_eq!(messages.follow(&all.repeat(3)), Ok(()));
        assert_eq!(messages.follow(&fragment(false, 0).repeat(most + 1)), Err(TooBig));
    }

    #[test]
    fn masked_frames_are_followed_too() {
        let mut frames = Frames::default();
        frames.follow(&[0x81, 0x80 | 2, 1, 2, 3, 4, 9]);
        assert!(!frames.is_between());
        frames.follow(&[9]);
        assert!(frames.is_between());
    }
}
