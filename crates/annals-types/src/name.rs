//! Names from outside: stream names, event types, tags. They are checked once, at the door.

use crate::event::Invalid;
use crate::limits::{EVENT_TYPE_BYTES_MAX, STREAM_NAME_BYTES_MAX, TAG_BYTES_MAX};
use std::fmt;

/// The name of a stream: any UTF-8 of 1 to 1024 bytes.
///
/// Names are compared byte by byte: names that differ only in case or in Unicode normalisation are
/// different streams. A name never becomes part of a file path.
///
/// ```
/// use annals_types::StreamName;
/// let name = StreamName::new("account-7")?;
/// assert_eq!(name.category(), "account");
/// assert!(StreamName::new("").is_err());
/// # Ok::<(), annals_types::Invalid>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamName(Box<str>);

impl StreamName {
    /// Checks and takes a name.
    ///
    /// # Errors
    /// [`Invalid::StreamName`] if the name is empty or longer than 1024 bytes.
    pub fn new(name: impl Into<Box<str>>) -> Result<Self, Invalid> {
        let name = name.into();
        check_stream_name(&name)?;
        Ok(StreamName(name))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the first `-`, or the whole name if there is none.
    #[must_use]
    pub fn category(&self) -> &str {
        category_of(&self.0)
    }
}

/// The category of a stream name: the part before the first `-`, or the whole name if there is none.
///
/// ```
/// assert_eq!(annals_types::category_of("order-2024-11"), "order");
/// assert_eq!(annals_types::category_of("ledger"), "ledger");
/// ```
#[must_use]
pub fn category_of(stream: &str) -> &str {
    stream.split_once('-').map_or(stream, |(category, _)| category)
}

/// Checks a stream name without taking it.
///
/// # Errors
/// [`Invalid::StreamName`] if it is empty or longer than 1024 bytes.
pub fn check_stream_name(name: &str) -> Result<(), Invalid> {
    if name.is_empty() || name.len() > STREAM_NAME_BYTES_MAX {
        return Err(Invalid::StreamName { bytes: name.len() });
    }
    Ok(())
}

/// Checks an event type.
///
/// # Errors
/// [`Invalid::EventType`] if it is empty or longer than 512 bytes.
pub fn check_event_type(event_type: &str) -> Result<(), Invalid> {
    if event_type.is_empty() || event_type.len() > EVENT_TYPE_BYTES_MAX {
        return Err(Invalid::EventType { bytes: event_type.len() });
    }
    Ok(())
}

/// Checks a tag.
///
/// # Errors
/// [`Invalid::Tag`] if it is empty or longer than 512 bytes.
pub fn check_tag(tag: &str) -> Result<(), Invalid> {
    if tag.is_empty() || tag.len() > TAG_BYTES_MAX {
        return Err(Invalid::Tag { bytes: tag.len() });
    }
    Ok(())
}

impl AsRef<str> for StreamName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_1_to_1024_bytes_are_taken_as_they_are() {
        for name in ["x", "../x", "a\0b", "🦀", "É", "E\u{301}", &"n".repeat(1024)] {
            assert_eq!(StreamName::new(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn empty_and_over_long_names_are_refused() {
        assert_eq!(StreamName::new(""), Err(Invalid::StreamName { bytes: 0 }));
        assert_eq!(StreamName::new("é".repeat(513)), Err(Invalid::StreamName { bytes: 1026 }));
        assert!(check_event_type(&"t".repeat(513)).is_err());
        assert!(check_tag("").is_err());
    }
}
