//! From the name of a variant and its content to the enum.

use super::EventError;
use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error, IntoDeserializer, VariantAccess,
    Visitor,
};
use serde::forward_to_deserialize_any;

type JsonError = serde_json::Error;
type Json<'a> = serde_json::Deserializer<serde_json::de::SliceRead<'a>>;

/// The variant of this name with this content.
pub(super) fn from_type_and_json<T: DeserializeOwned>(
    event_type: &str,
    json: &[u8],
) -> Result<T, EventError> {
    Ok(T::deserialize(Variant { event_type, json })?)
}

/// Gives a variant and nothing else.
struct Variant<'a> {
    event_type: &'a str,
    json: &'a [u8],
}

impl<'de> Deserializer<'de> for Variant<'de> {
    type Error = JsonError;

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, JsonError> {
        visitor.visit_enum(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, JsonError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, JsonError> {
        Err(JsonError::custom(
            "an event is read into an enum, without serde's attributes tag, content and untagged: its type is the name of the variant",
        ))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = JsonError;
    type Variant = Content<'de>;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Content<'de>), JsonError> {
        let name: StrDeserializer<'_, JsonError> = self.event_type.into_deserializer();
        Ok((seed.deserialize(name)?, Content(self.json)))
    }
}

/// The content of a variant. Empty data are those of an event that had nothing to say.
struct Content<'a>(&'a [u8]);

impl<'a> Content<'a> {
    fn json(&self) -> &'a [u8] {
        if self.0.is_empty() { b"null" } else { self.0 }
    }
}

impl<'de> VariantAccess<'de> for Content<'de> {
    type Error = JsonError;

    /// Whatever the data are: an event may have been given some since, or the variant stands for all types that it does not
    /// know.
    fn unit_variant(self) -> Result<(), JsonError> {
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, JsonError> {
        whole(self.json(), |json| seed.deserialize(json))
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, JsonError> {
        whole(self.json(), |json| json.deserialize_tuple(length, visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, JsonError> {
        // A variant whose fields all have defaults may have been stored without any.
        let json = if self.0.is_empty() { b"{}" } else { self.0 };
        whole(json, |json| json.deserialize_struct("", fields, visitor))
    }
}

/// Reads one value, behind which there is nothing.
fn whole<'a, T>(
    json: &'a [u8],
    read: impl FnOnce(&mut Json<'a>) -> Result<T, JsonError>,
) -> Result<T, JsonError> {
    let mut json = serde_json::Deserializer::from_slice(json);
    let value = read(&mut json)?;
    json.end()?;
    Ok(value)
}
