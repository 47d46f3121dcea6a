//! How events lie in key-value stores: `events[position]` has the event, `streams[name, 0, version]` its position.

use crate::Outcome;
use crate::engine::{Event, Seen};

/// The highest version: the end of a stream's keys.
pub const VERSION_MAX: u64 = u64::MAX;

/// The key of a version of a stream. Keys of a stream follow one another, in the order of versions.
#[must_use]
pub fn stream_key(stream: &str, version: u64) -> Vec<u8> {
    let mut key = Vec::with_capacity(stream.len() + 9);
    key.extend_from_slice(stream.as_bytes());
    key.push(0);
    key.extend_from_slice(&version.to_be_bytes());
    key
}

/// The version at the end of a stream's key, if the key is one of that stream.
#[must_use]
pub fn version_of(key: &[u8], stream: &str) -> Option<u64> {
    let (name, version) = key.split_last_chunk::<8>()?;
    (name.strip_suffix(&[0])? == stream.as_bytes()).then_some(u64::from_be_bytes(*version))
}

/// The bytes of an event: its version, the name of its stream, its payload.
#[must_use]
pub fn value(event: &Event<'_>, version: u64) -> Vec<u8> {
    let mut value = Vec::with_capacity(10 + event.stream.len() + event.data.len());
    value.extend_from_slice(&version.to_le_bytes());
    value.extend_from_slice(&u16::try_from(event.stream.len()).unwrap_or(u16::MAX).to_le_bytes());
    value.extend_from_slice(event.stream.as_bytes());
    value.extend_from_slice(event.data);
    value
}

/// An event out of its bytes.
///
/// # Errors
/// If there are too few.
pub fn seen(value: &[u8]) -> Outcome<Seen<'_>> {
    let parts = || {
        let (version, rest) = value.split_first_chunk::<8>()?;
        let (length, rest) = rest.split_first_chunk::<2>()?;
        let (stream, data) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
        Some(Seen { stream, version: u64::from_le_bytes(*version), data })
    };
    Ok(parts().ok_or("an event is too short")?)
}

/// A number out of the bytes that it is stored as.
///
/// # Errors
/// If they are not eight.
pub fn number(bytes: &[u8]) -> Outcome<u64> {
    Ok(u64::from_be_bytes(bytes.try_into()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_and_its_key_come_back() {
        let event = Event { number: 1, stream: "account-000001", data: b"data" };
        let bytes = value(&event, 7);
        let back = seen(&bytes).unwrap();
        assert_eq!((back.stream, back.version, back.data), (event.stream.as_bytes(), 7, event.data));
        assert!(seen(&bytes[..9]).is_err());
        let key = stream_key(event.stream, 7);
        assert_eq!(version_of(&key, event.stream), Some(7));
        assert_eq!(version_of(&key, "account-00000"), None);
        assert!(stream_key(event.stream, 7) < stream_key(event.stream, 300));
    }
}
