//! How states become the bytes of snapshots: the only place that knows the libraries for it.

use annals_format::payload::STATE_ENCRYPTED;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::error::Error;
use std::fmt;

type Reason = Box<dyn Error + Send + Sync>;

/// How a state is written into a snapshot. Each snapshot says which codec it was written with, so a store may have several.
///
/// The codecs other than JSON are features of this crate with their names. A snapshot whose codec is not in the program is
/// not used: the state is folded from the events instead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Codec {
    /// JSON: the default. Text to look at; a field may be added to the state later if serde knows its default.
    #[default]
    Json,
    /// bincode: small and fast. A state whose fields change needs a new schema tag.
    #[cfg(feature = "bincode")]
    Bincode,
    /// postcard: the smallest. A state whose fields change needs a new schema tag.
    #[cfg(feature = "postcard")]
    Postcard,
}

impl Codec {
    /// The name of the codec with a number, as [`SnapshotInfo::codec`](crate::SnapshotInfo::codec) tells it, also of one that is
    /// not in this program; the number itself, if none has it.
    ///
    /// ```
    /// assert_eq!((annals::Codec::name_of(1), annals::Codec::name_of(77)), ("json".to_owned(), "77".to_owned()));
    /// ```
    #[must_use]
    pub fn name_of(id: u8) -> String {
        if id & STATE_ENCRYPTED != 0 {
            return format!("{}, encrypted", Codec::name_of(id & !STATE_ENCRYPTED));
        }
        match id {
            1 => "json".to_owned(),
            2 => "bincode".to_owned(),
            3 => "postcard".to_owned(),
            _ => id.to_string(),
        }
    }

    /// The number of the codec in a snapshot. Never given to another one.
    pub(crate) fn id(self) -> u8 {
        match self {
            Codec::Json => 1,
            #[cfg(feature = "bincode")]
            Codec::Bincode => 2,
            #[cfg(feature = "postcard")]
            Codec::Postcard => 3,
        }
    }

    pub(crate) fn of_id(id: u8) -> Result<Self, Reason> {
        match id {
            1 => Ok(Codec::Json),
            #[cfg(feature = "bincode")]
            2 => Ok(Codec::Bincode),
            #[cfg(not(feature = "bincode"))]
            2 => Err("it was written with bincode: build with the feature `bincode` to use it".into()),
            #[cfg(feature = "postcard")]
            3 => Ok(Codec::Postcard),
            #[cfg(not(feature = "postcard"))]
            3 => Err("it was written with postcard: build with the feature `postcard` to use it".into()),
            _ => Err(format!("its codec {id} is not known: a newer program has written it").into()),
        }
    }

    pub(crate) fn encode<T: Serialize>(self, state: &T) -> Result<Vec<u8>, Reason> {
        Ok(match self {
            Codec::Json => serde_json::to_vec(state)?,
            #[cfg(feature = "bincode")]
            Codec::Bincode => bincode::serde::encode_to_vec(state, bincode::config::standard())?,
            #[cfg(feature = "postcard")]
            Codec::Postcard => postcard::to_stdvec(state)?,
        })
    }

    /// The state in these bytes, and nothing behind it.
    pub(crate) fn decode<T: DeserializeOwned>(self, bytes: &[u8]) -> Result<T, Reason> {
        match self {
            Codec::Json => Ok(serde_json::from_slice(bytes)?),
            #[cfg(feature = "bincode")]
            Codec::Bincode => {
                let limits = bincode::config::standard().with_limit::<{ bincode_limit() }>();
                let (state, read) = bincode::serde::decode_from_slice(bytes, limits)?;
                if read == bytes.len() { Ok(state) } else { Err("there is more behind the state".into()) }
            }
            #[cfg(feature = "postcard")]
            Codec::Postcard => match postcard::take_from_bytes(bytes)? {
                (state, []) => Ok(state),
                _ => Err("there is more behind the state".into()),
            },
        }
    }
}

/// What a claimed length may make the decoder ask for: a state in memory takes more than its bytes, but not without a bound.
#[cfg(feature = "bincode")]
const fn bincode_limit() -> usize {
    1 << 30
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Codec::name_of(self.id()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct State {
        name: String,
        sums: Vec<f64>,
        last: Option<u64>,
    }

    fn codecs() -> Vec<Codec> {
        (0..=u8::MAX).filter_map(|id| Codec::of_id(id).ok()).collect()
    }

    #[test]
    fn what_a_codec_has_written_it_reads_to_the_last_bit() {
        let state = State {
            name: "Ada".into(),
            sums: vec![
                0.1 + 0.2,
                f64::MIN_POSITIVE,
                1.797_693_134_862_315_7e308,
                -0.0,
                2.225_073_858_507_201e-308,
            ],
            last: Some(u64::MAX),
        };
        for codec in codecs() {
            let bytes = codec.encode(&state).unwrap();
            assert_eq!(codec.decode::<State>(&bytes).unwrap(), state, "{codec}");
            assert_eq!(Codec::of_id(codec.id()).unwrap(), codec);
        }
    }

    #[test]
    fn bytes_that_are_no_state_are_refused() {
        let bytes =
            |codec: Codec| codec.encode(&State { name: "x".into(), sums: vec![1.0], last: None }).unwrap();
        for codec in codecs() {
            let whole = bytes(codec);
            let more = [whole.as_slice(), b"1"].concat();
            for bad in [&whole[..whole.len() - 1], b"", &more, &[0xFF; 40]] {
                assert!(codec.decode::<State>(bad).is_err(), "{codec} {bad:?}");
            }
        }
        assert!(Codec::of_id(0).is_err() && Codec::of_id(200).is_err());
    }
}
