//! What kind of bytes an event's data are.

use std::fmt;

/// The kind of bytes in an event's data, so that a reader never has to guess.
///
/// ```
/// use annals_types::ContentType;
/// assert_eq!(ContentType::from_code(1), ContentType::JSON);
/// assert_eq!(ContentType::JSON.to_string(), "application/json");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ContentType(u8);

impl ContentType {
    /// Bytes of no stated kind.
    pub const BINARY: ContentType = ContentType(0);
    /// JSON text.
    pub const JSON: ContentType = ContentType(1);
    /// Plain UTF-8 text.
    pub const TEXT: ContentType = ContentType(2);
    /// CBOR (RFC 8949).
    pub const CBOR: ContentType = ContentType(3);
    /// MessagePack.
    pub const MESSAGE_PACK: ContentType = ContentType(4);
    /// Protocol buffers.
    pub const PROTOBUF: ContentType = ContentType(5);
    /// Avro.
    pub const AVRO: ContentType = ContentType(6);

    /// The kind with this code. Codes from 128 are the application's own; those below that have no name
    /// here are kept for later versions.
    #[must_use]
    pub const fn from_code(code: u8) -> Self {
        ContentType(code)
    }

    /// The code as stored.
    #[must_use]
    pub const fn code(self) -> u8 {
        self.0
    }
}

impl fmt::Display for ContentType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match *self {
            ContentType::BINARY => "application/octet-stream",
            ContentType::JSON => "application/json",
            ContentType::TEXT => "text/plain",
            ContentType::CBOR => "application/cbor",
            ContentType::MESSAGE_PACK => "application/vnd.msgpack",
            ContentType::PROTOBUF => "application/protobuf",
            ContentType::AVRO => "application/avro",
            ContentType(code) => return write!(f, "application/x-annals-{code}"),
        };
        f.write_str(name)
    }
}
