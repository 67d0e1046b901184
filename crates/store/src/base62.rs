//! Fixed-width base62 (digits, capitals, small letters; most significant digit first) of big-endian numbers.
//!
//! With a fixed width every number has exactly one text, and a text that stands for a larger number is refused, so no
//! two texts mean the same key.

use zeroize::Zeroizing;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Why a text is not a number of the wanted size.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NotBase62 {
    /// A byte outside the alphabet.
    Alphabet,
    /// The number does not fit.
    Overflow,
}

/// Appends exactly `width` digits, which must be enough for the number.
pub(crate) fn encode(number: &[u8], width: usize, out: &mut String) {
    let mut rest = Zeroizing::new(number.to_vec());
    let mut digits = Zeroizing::new(vec![0_u8; width]);
    for place in digits.iter_mut().rev() {
        *place = digit(divide_by_62(&mut rest));
    }
    out.extend(digits.iter().copied().map(char::from));
}

/// The number that `text` stands for, in `N` bytes.
pub(crate) fn decode<const N: usize>(text: &[u8]) -> Result<Zeroizing<[u8; N]>, NotBase62> {
    let mut number = Zeroizing::new([0_u8; N]);
    for &byte in text {
        let mut carry = u16::from(value(byte).ok_or(NotBase62::Alphabet)?);
        for place in number.iter_mut().rev() {
            let [high, low] = (u16::from(*place) * 62 + carry).to_be_bytes();
            *place = low;
            carry = u16::from(high);
        }
        if carry != 0 {
            return Err(NotBase62::Overflow);
        }
    }
    Ok(number)
}

/// Divides in place and returns the remainder.
fn divide_by_62(number: &mut [u8]) -> u8 {
    let mut remainder = 0_u16;
    for place in number {
        let dividend = (remainder << 8) | u16::from(*place);
        let [_, quotient] = (dividend / 62).to_be_bytes();
        *place = quotient;
        remainder = dividend % 62;
    }
    remainder.to_be_bytes()[1]
}

/// Remainders are below 62 by construction; anything else would still give a character of the alphabet.
fn digit(remainder: u8) -> u8 {
    ALPHABET.get(usize::from(remainder)).copied().unwrap_or(b'0')
}

fn value(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'A'..=b'Z' => Some(byte - b'A' + 10),
        b'a'..=b'z' => Some(byte - b'a' + 36),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use proptest::prelude::*;

    use super::*;

    fn text(number: &[u8], width: usize) -> String {
        let mut out = String::new();
        encode(number, width, &mut out);
        out
    }

    #[test]
    fn the_largest_number_fits_and_its_successor_overflows() {
        let largest = text(&[0xFF; 4], 6);
        assert_eq!(largest, "4gfFC3");
        assert_eq!(*decode::<4>(largest.as_bytes()).unwrap(), [0xFF; 4]);
        assert_eq!(decode::<4>(b"4gfFC4"), Err(NotBase62::Overflow));
        assert_eq!(decode::<4>(b"zzzzzz"), Err(NotBase62::Overflow));
    }

    proptest! {
        #[test]
        fn a_number_comes_back_from_its_text(number: [u8; 32]) {
            let text = text(&number, 43);
            prop_assert_eq!(text.len(), 43);
            prop_assert_eq!(*decode::<32>(text.as_bytes()).unwrap(), number);
        }
    }
}
