//! From a variant of an enum to its name and its content.

use super::EventError;
use serde::Serialize;
use serde::ser::{
    Error, Impossible, SerializeMap, SerializeSeq, SerializeStructVariant, SerializeTupleVariant, Serializer,
};

type JsonError = serde_json::Error;
type Json<'a> = &'a mut serde_json::Serializer<Vec<u8>>;

/// The name of the variant, and its content as JSON text.
pub(super) fn type_and_json<T: Serialize>(event: &T) -> Result<(&'static str, Vec<u8>), EventError> {
    let mut json = serde_json::Serializer::new(Vec::new());
    let event_type = event.serialize(Variant { json: &mut json })?;
    Ok((event_type, json.into_inner()))
}

/// Takes a variant and nothing else; gives its name, and writes its content.
struct Variant<'a> {
    json: Json<'a>,
}

fn no_variant<T>() -> Result<T, JsonError> {
    Err(JsonError::custom(
        "an event is a variant of an enum, without serde's attributes tag, content and untagged: its name is the event type",
    ))
}

/// What would be written of something that is no variant is refused.
macro_rules! refuse {
    ($($method:ident($($kind:ty),*)),* $(,)?) => {
        $(fn $method(self, $(_: $kind),*) -> Result<&'static str, JsonError> {
            no_variant()
        })*
    };
}

impl<'a> Serializer for Variant<'a> {
    type Ok = &'static str;
    type Error = JsonError;
    type SerializeSeq = Impossible<&'static str, JsonError>;
    type SerializeTuple = Impossible<&'static str, JsonError>;
    type SerializeTupleStruct = Impossible<&'static str, JsonError>;
    type SerializeTupleVariant = Content<<Json<'a> as Serializer>::SerializeSeq>;
    type SerializeMap = Impossible<&'static str, JsonError>;
    type SerializeStruct = Impossible<&'static str, JsonError>;
    type SerializeStructVariant = Content<<Json<'a> as Serializer>::SerializeMap>;

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
    ) -> Result<Self::Ok, JsonError> {
        SerializeMap::end(self.json.serialize_map(Some(0))?)?;
        Ok(name)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        content: &T,
    ) -> Result<Self::Ok, JsonError> {
        content.serialize(self.json)?;
        Ok(name)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        length: usize,
    ) -> Result<Self::SerializeTupleVariant, JsonError> {
        Ok(Content { name, json: self.json.serialize_seq(Some(length))? })
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        length: usize,
    ) -> Result<Self::SerializeStructVariant, JsonError> {
        Ok(Content { name, json: self.json.serialize_map(Some(length))? })
    }

    /// Also a reference-counted or boxed enum, or one in a struct of one field.
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<Self::Ok, JsonError> {
        value.serialize(self)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<Self::Ok, JsonError> {
        no_variant()
    }

    refuse! {
        serialize_bool(bool), serialize_i8(i8), serialize_i16(i16), serialize_i32(i32), serialize_i64(i64),
        serialize_u8(u8), serialize_u16(u16), serialize_u32(u32), serialize_u64(u64), serialize_f32(f32),
        serialize_f64(f64), serialize_char(char), serialize_str(&str), serialize_bytes(&[u8]), serialize_none(),
        serialize_unit(), serialize_unit_struct(&'static str),
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, JsonError> {
        no_variant()
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, JsonError> {
        no_variant()
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, JsonError> {
        no_variant()
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, JsonError> {
        no_variant()
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeStruct, JsonError> {
        no_variant()
    }
}

/// The content of a variant on its way into the text.
struct Content<J> {
    name: &'static str,
    json: J,
}

impl<J: SerializeSeq<Ok = (), Error = JsonError>> SerializeTupleVariant for Content<J> {
    type Ok = &'static str;
    type Error = JsonError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), JsonError> {
        self.json.serialize_element(value)
    }

    fn end(self) -> Result<Self::Ok, JsonError> {
        self.json.end()?;
        Ok(self.name)
    }
}

impl<J: SerializeMap<Ok = (), Error = JsonError>> SerializeStructVariant for Content<J> {
    type Ok = &'static str;
    type Error = JsonError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), JsonError> {
        self.json.serialize_entry(key, value)
    }

    fn end(self) -> Result<Self::Ok, JsonError> {
        self.json.end()?;
        Ok(self.name)
    }
}
