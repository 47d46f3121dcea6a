//! The keys of an event as JSON, and what is said of others.

use serde::de::{self, Deserialize, Deserializer, Visitor};
use std::fmt;

/// The keys that an event may have.
#[derive(Clone, Copy)]
pub(super) enum Key {
    Stream,
    Type,
    Time,
    Id,
    Tags,
    SchemaVersion,
    Data,
    DataBase64,
    Metadata,
    MetadataBase64,
    Position,
    Version,
    Recorded,
    Erased,
    Unreadable,
}

const KEYS: [(&str, Key); 15] = [
    ("stream", Key::Stream),
    ("type", Key::Type),
    ("time", Key::Time),
    ("id", Key::Id),
    ("tags", Key::Tags),
    ("schema_version", Key::SchemaVersion),
    ("data", Key::Data),
    ("data_base64", Key::DataBase64),
    ("metadata", Key::Metadata),
    ("metadata_base64", Key::MetadataBase64),
    ("position", Key::Position),
    ("version", Key::Version),
    ("recorded", Key::Recorded),
    ("erased", Key::Erased),
    ("unreadable", Key::Unreadable),
];

impl Key {
    pub(super) fn name(self) -> &'static str {
        KEYS[self as usize].0
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl Visitor<'_> for KeyVisitor {
            type Value = Key;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key of an event")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Key, E> {
                KEYS.iter().find(|(known, _)| *known == name).map(|(_, key)| *key).ok_or_else(|| {
                    E::custom(format_args!(
                        "unknown key {name:?}: an event has stream, type, time, id, tags, schema_version, data and metadata"
                    ))
                })
            }
        }
        deserializer.deserialize_identifier(KeyVisitor)
    }
}
