//! An answer as values, of which no more is kept than fits: a few bytes of JSON can be a hundred times as much in memory.

use serde_core::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::cell::Cell;
use std::fmt;

/// What values of an answer may have in memory, bytes.
const ROOM: usize = 192 << 20;
/// A text is cut there, characters.
const LONGEST: usize = 400;
/// What is guessed of a value in a list that has grown, and of an object, bytes.
const VALUE: usize = 2 * size_of::<Value>();
const OBJECT: usize = 700;

/// The values of this text; `None`: it is none of JSON, or too much.
pub fn parse(bytes: &[u8]) -> Option<Value> {
    let room = Cell::new(ROOM);
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = Any(&room).deserialize(&mut reader).ok()?;
    reader.end().ok()?;
    Some(value)
}

/// A value, for which there is so much room.
#[derive(Clone, Copy)]
struct Any<'a>(&'a Cell<usize>);

impl Any<'_> {
    fn take<E: Error>(self, size: usize) -> Result<(), E> {
        let rest = self.0.get().checked_sub(size).ok_or_else(|| E::custom("too much"))?;
        self.0.set(rest);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Any<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        self.take(VALUE)?;
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Any<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        let text: String = text.chars().take(LONGEST).collect();
        self.take(text.capacity())?;
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        // The least that it grows to.
        self.take(4 * VALUE)?;
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(self)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Value, A::Error> {
        self.take(OBJECT)?;
        let mut values = Map::new();
        while let Some(name) = pairs.next_key::<String>()? {
            // A part of another object's size is left in each.
            self.take(name.capacity() + VALUE)?;
            values.insert(name, pairs.next_value_seed(self)?);
        }
        Ok(Value::Object(values))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_what_they_were() {
        let text = r#"{"a": [1, -2, 3.5, null, true], "b": {"c": "é"}}"#;
        assert_eq!(parse(text.as_bytes()), serde_json::from_str(text).ok());
        assert!(parse(b"{}x").is_none() && parse(b"").is_none() && parse(b"[1").is_none());
        let long = parse(format!("\"{}\"", "é".repeat(500)).as_bytes()).expect("a text");
        assert_eq!(long.as_str().map(|text| text.chars().count()), Some(LONGEST));
    }

    #[test]
    fn no_more_is_kept_than_fits() {
        let list =
            |piece: &str| format!("[{}0]", format!("{piece},").repeat((8 << 20) / (piece.len() + 1) - 1));
        for piece in ["{}", "{\"\":0}", "0", "[]", "[0]"] {
            let text = list(piece);
            assert!(parse(text.as_bytes()).is_none(), "{piece}");
        }
        assert!(parse(list("1234567").as_bytes()).is_some());
    }
}
