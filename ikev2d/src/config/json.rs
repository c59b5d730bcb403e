//! JSON as a tree with places.
//!
//! serde_json knows lines and columns of syntax errors but not of values. A value that is kept as raw text, however,
//! is a part of the document's text, so its address says where it stands; each level of nesting is read again for
//! it, at most [`MAX_DEPTH`] times.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::source::{Source, Span};
use super::tree::{Entry, Kind, MAX_DEPTH, SyntaxError, Value};

/// Reads the whole text.
///
/// # Errors
/// The first thing that is not JSON, is a key twice in one object, or is nested too deeply.
pub(super) fn parse(source: &Source) -> Result<Value, Vec<SyntaxError>> {
    let root: &RawValue = serde_json::from_str(&source.text).map_err(|error| {
        let at = source.offset(error.line(), error.column());
        vec![SyntaxError { span: at..at, message: message(&error) }]
    })?;
    Reader { text: &source.text }.value(root, 0).map_err(|error| vec![error])
}

struct Reader<'t> {
    text: &'t str,
}

impl<'t> Reader<'t> {
    fn value(&self, raw: &'t RawValue, depth: usize) -> Result<Value, SyntaxError> {
        let span = self.span(raw);
        let text = raw.get();
        let fail = |error: serde_json::Error| SyntaxError { span: span.clone(), message: message(&error) };
        if depth > MAX_DEPTH {
            return Err(SyntaxError { span, message: format!("nested more than {MAX_DEPTH} levels deep") });
        }
        let depth = depth.saturating_add(1);
        let kind = match text.as_bytes().first() {
            Some(b'"') => Kind::String(serde_json::from_str(text).map_err(fail)?),
            Some(b'{') => self.table(serde_json::from_str(text).map_err(fail)?, depth)?,
            Some(b'[') => {
                let values: Vec<&RawValue> = serde_json::from_str(text).map_err(fail)?;
                Kind::Array(values.into_iter().map(|raw| self.value(raw, depth)).collect::<Result<_, _>>()?)
            }
            Some(b't' | b'f') => Kind::Boolean(text == "true"),
            Some(b'n') => Kind::Other("null"),
            _ => text.parse().map_or(Kind::Other("a number that is not a 64-bit integer"), Kind::Integer),
        };
        Ok(Value { kind, span })
    }

    fn table(&self, object: Object<'t>, depth: usize) -> Result<Kind, SyntaxError> {
        let mut seen = std::collections::HashSet::new();
        let mut entries = Vec::with_capacity(object.0.len());
        for (key, value) in object.0 {
            let key_span = self.span(key);
            let key: String = serde_json::from_str(key.get())
                .map_err(|error| SyntaxError { span: key_span.clone(), message: message(&error) })?;
            if !seen.insert(key.clone()) {
                return Err(SyntaxError { span: key_span, message: "duplicate key".to_owned() });
            }
            entries.push(Entry { key, key_span, value: self.value(value, depth)? });
        }
        Ok(Kind::Table(entries))
    }

    /// Where `raw`, which is borrowed from the document, stands in it.
    fn span(&self, raw: &RawValue) -> Span {
        let start = raw.get().as_ptr().addr().saturating_sub(self.text.as_ptr().addr());
        start..start.saturating_add(raw.get().len())
    }
}

/// An object with keys and values as they stand in the text.
struct Object<'t>(Vec<(&'t RawValue, &'t RawValue)>);

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Object<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Object(entries))
    }
}

/// The error without serde_json's own line and column, which count within a part of the text.
fn message(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let end = text.find(" at line ").unwrap_or(text.len());
    text.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::source::Format;
    use super::*;

    fn source(text: &str) -> Source {
        Source::new(Path::new("f.json"), Format::Json, text.to_owned())
    }

    fn error(text: &str) -> (Span, String) {
        let mut errors = parse(&source(text)).unwrap_err();
        let error = errors.remove(0);
        (error.span, error.message)
    }

    #[test]
    fn every_key_and_value_has_its_place() {
        let text = "{ \"a\\u0062\": [1, \"x\"], \"c\": {\"d\": true} }";
        let tree = parse(&source(text)).unwrap();
        let Kind::Table(entries) = &tree.kind else { panic!("{tree:?}") };
        assert_eq!(tree.span, 0..text.len());
        assert_eq!((entries[0].key.as_str(), &text[entries[0].key_span.clone()]), ("ab", "\"a\\u0062\""));
        let Kind::Array(array) = &entries[0].value.kind else { panic!("{entries:?}") };
        assert_eq!((&array[0].kind, &text[array[0].span.clone()]), (&Kind::Integer(1), "1"));
        assert_eq!((&array[1].kind, &text[array[1].span.clone()]), (&Kind::String("x".to_owned()), "\"x\""));
        assert_eq!(&text[entries[1].value.span.clone()], "{\"d\": true}");
    }

    #[test]
    fn what_no_field_takes_is_named() {
        for (text, name) in
            [("null", "null"), ("1.5", "a number that is not a 64-bit integer"), ("true", "a boolean")]
        {
            assert_eq!(parse(&source(text)).unwrap().kind.name(), name);
        }
    }

    #[test]
    fn a_syntax_error_is_where_it_is() {
        assert_eq!(error("{\n  \"a\": }"), (9..9, "expected value".to_owned()));
        assert_eq!(error(""), (0..0, "EOF while parsing a value".to_owned()));
        assert_eq!(error("{\"a\": 1} x"), (9..9, "trailing characters".to_owned()));
        assert_eq!(error("[\"\\ud800\"]").0, 1..9);
        assert_eq!(error("{\"a\": 1, \"a\": 2}"), (9..12, "duplicate key".to_owned()));
    }

    #[test]
    fn depth_is_limited() {
        let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(&source(&nested(MAX_DEPTH + 1))).is_ok());
        assert_eq!(error(&nested(MAX_DEPTH + 2)).1, "nested more than 8 levels deep");
        assert_eq!(error(&nested(10_000)).1, "nested more than 8 levels deep");
    }
}
