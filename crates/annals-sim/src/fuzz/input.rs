//! What a fuzzer gives: a byte that says how it is meant, and the bytes.

/// Whether the checksums are taken as they come or made right first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Bytes as they are: mostly checks that checksums are looked at.
    Raw,
    /// Checksums made right, so that everything behind them is reached.
    Resealed,
}

impl Mode {
    /// The first byte that stands for the mode.
    pub(super) const fn byte(self) -> u8 {
        match self {
            Mode::Raw => 0,
            Mode::Resealed => 1,
        }
    }
}

/// The mode and the bytes of an input; `None` for one without any bytes.
pub(super) fn split(input: &[u8]) -> Option<(Mode, Vec<u8>)> {
    let (first, bytes) = input.split_first()?;
    let mode = if first % 2 == 0 { Mode::Raw } else { Mode::Resealed };
    Some((mode, bytes.to_vec()))
}

/// Takes numbers off the front of an input; behind its end everything is zero.
#[derive(Clone, Debug)]
pub(super) struct Feed<'a>(&'a [u8]);

impl<'a> Feed<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Feed(bytes)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// A number of so many bytes, at most 8, low bytes first.
    pub(super) fn number(&mut self, bytes: usize) -> u64 {
        (0..bytes).fold(0, |number, index| number | u64::from(self.byte()) << (8 * index))
    }

    /// An index into something of this length, 0 if it is empty.
    pub(super) fn index(&mut self, length: usize) -> usize {
        let number = usize::try_from(self.number(3)).unwrap_or(0);
        number.checked_rem(length).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behind_the_end_of_an_input_everything_is_zero() {
        let mut feed = Feed::new(&[1, 2, 3]);
        assert_eq!((feed.number(2), feed.is_empty()), (0x0201, false));
        assert_eq!((feed.number(8), feed.is_empty(), feed.byte()), (3, true, 0));
        assert_eq!(feed.index(0), 0);
    }

    #[test]
    fn the_first_byte_says_the_mode() {
        for mode in [Mode::Raw, Mode::Resealed] {
            assert_eq!(split(&[mode.byte(), 7]), Some((mode, vec![7])));
        }
        assert_eq!(split(&[]), None);
    }
}
