//! Where the frames of a WebSocket end (RFC 6455 §5.2), so that one of the gateway's own fits between two of them.

/// Follows the frames of one direction.
#[derive(Debug, Default)]
pub(super) struct Frames {
    /// The beginning of a frame that is not known whole yet.
    head: [u8; Self::LONGEST_HEAD],
    known: usize,
    /// Bytes of the payload that are still to come.
    left: u64,
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
        while let Some(rest @ [byte, ..]) = bytes.get(place..) {
            if self.left > 0 {
                let here = usize::try_from(self.left).unwrap_or(usize::MAX).min(rest.len());
                self.left = self.left.saturating_sub(u64::try_from(here).unwrap_or(u64::MAX));
                place += here;
            } else {
                self.push(*byte);
                place += 1;
            }
            if self.is_between() {
                break;
            }
        }
        place
    }

    /// Follows all of some bytes.
    pub(super) fn follow(&mut self, mut bytes: &[u8]) {
        while let Some(rest) = bytes.get(self.follow_one(bytes)..).filter(|rest| !rest.is_empty()) {
            bytes = rest;
        }
    }

    fn push(&mut self, byte: u8) {
        if let Some(place) = self.head.get_mut(self.known) {
            *place = byte;
        }
        self.known += 1;
        let [_, second, rest @ ..] = &self.head;
        let long = match second & 0x7F {
            127 => 8,
            126 => 2,
            _ => 0,
        };
        let mask = if second & 0x80 == 0 { 0 } else { 4 };
        if self.known < 2 || self.known < 2 + long + mask {
            return;
        }
        let length = rest.iter().take(long).fold(0, |length, byte| length << 8 | u64::from(*byte));
        self.left = if long == 0 { u64::from(second & 0x7F) } else { length };
        self.known = 0;
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

    #[test]
    fn masked_frames_are_followed_too() {
        let mut frames = Frames::default();
        frames.follow(&[0x81, 0x80 | 2, 1, 2, 3, 4, 9]);
        assert!(!frames.is_between());
        frames.follow(&[9]);
        assert!(frames.is_between());
    }
}
