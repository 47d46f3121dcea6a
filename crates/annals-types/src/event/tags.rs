//! The tags of a stored event, walked where they lie.

use std::fmt;

/// The tags of a stored event: a sequence of strings, each with its length (`u16`, little-endian) in front.
///
/// The bytes were checked when the record was parsed, so walking them cannot fail.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Tags<'a>(&'a [u8]);

impl<'a> Tags<'a> {
    /// Takes the encoded form if it is whole: lengths that fit, and UTF-8.
    #[inline]
    #[must_use]
    pub fn from_encoded(bytes: &'a [u8]) -> Option<Self> {
        if bytes.is_empty() { Some(Tags(bytes)) } else { Tags::check(bytes) }
    }

    fn check(bytes: &'a [u8]) -> Option<Self> {
        let mut rest = bytes;
        while let Some((length, after)) = rest.split_first_chunk::<2>() {
            let (tag, after) = after.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
            std::str::from_utf8(tag).ok()?;
            rest = after;
        }
        rest.is_empty().then_some(Tags(bytes))
    }

    /// The tags, in the order given.
    pub fn iter(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let (length, after) = rest.split_first_chunk::<2>()?;
            let (tag, after) = after.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
            rest = after;
            std::str::from_utf8(tag).ok()
        })
    }

    /// Whether `tag` is among them.
    #[must_use]
    pub fn contains(&self, tag: &str) -> bool {
        self.iter().any(|own| own == tag)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Tags<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_walked_in_order_and_broken_lengths_are_refused() {
        let encoded = b"\x01\x00a\x03\x00b:c";
        let tags = Tags::from_encoded(encoded).unwrap();
        assert_eq!(tags.iter().collect::<Vec<_>>(), ["a", "b:c"]);
        assert!(tags.contains("b:c") && !tags.contains("b"));
        assert!(Tags::from_encoded(&encoded[..6]).is_none());
        assert!(Tags::from_encoded(b"\x01\x00\xff").is_none());
        assert!(Tags::from_encoded(b"\x05").is_none());
    }
}
