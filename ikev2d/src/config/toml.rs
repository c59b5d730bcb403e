//! TOML as a tree with places.

use ::toml::Spanned;
use ::toml::de::{DeTable, DeValue};

use super::source::Source;
use super::tree::{Entry, Kind, SyntaxError, Value};

/// Reads the whole text.
///
/// # Errors
/// Everything that is not TOML, or is a key twice in one table. The parser limits nesting itself.
pub(super) fn parse(source: &Source) -> Result<Value, Vec<SyntaxError>> {
    let (table, errors) = DeTable::parse_recoverable(&source.text);
    if errors.is_empty() {
        let span = table.span();
        return Ok(Value { kind: tabulate(table.into_inner()), span });
    }
    let end = source.text.len();
    let syntax_error = |error: &::toml::de::Error| SyntaxError {
        span: error.span().unwrap_or(end..end),
        message: error.message().to_owned(),
    };
    Err(errors.iter().map(syntax_error).collect())
}

fn tabulate(table: DeTable<'_>) -> Kind {
    let mut entries: Vec<Entry> = table
        .into_iter()
        .map(|(key, value)| {
            let key_span = key.span();
            Entry { key: key.into_inner().into_owned(), key_span, value: convert(value) }
        })
        .collect();
    entries.sort_by_key(|entry| entry.key_span.start);
    Kind::Table(entries)
}

fn convert(value: Spanned<DeValue<'_>>) -> Value {
    let span = value.span();
    let kind = match value.into_inner() {
        DeValue::String(text) => Kind::String(text.into_owned()),
        DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix())
            .map_or(Kind::Other("an integer of more than 64 bits"), Kind::Integer),
        DeValue::Float(_) => Kind::Other("a float"),
        DeValue::Boolean(value) => Kind::Boolean(value),
        DeValue::Datetime(_) => Kind::Other("a date"),
        DeValue::Array(array) => Kind::Array(array.into_iter().map(convert).collect()),
        DeValue::Table(table) => tabulate(table),
    };
    Value { kind, span }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::source::{Format, Span};
    use super::*;

    fn source(text: &str) -> Source {
        Source::new(Path::new("f.toml"), Format::Toml, text.to_owned())
    }

    fn errors(text: &str) -> Vec<(Span, String)> {
        parse(&source(text)).unwrap_err().into_iter().map(|error| (error.span, error.message)).collect()
    }

    #[test]
    fn every_key_and_value_has_its_place_in_the_order_of_the_file() {
        let text = "z = 1\n[[peer]]\nname = \"x\"\na = [true]\n";
        let tree = parse(&source(text)).unwrap();
        let Kind::Table(entries) = &tree.kind else { panic!("{tree:?}") };
        let keys: Vec<&str> = entries.iter().map(|entry| entry.key.as_str()).collect();
        assert_eq!(keys, ["z", "peer"]);
        let Kind::Array(peers) = &entries[1].value.kind else { panic!("{entries:?}") };
        let Kind::Table(peer) = &peers[0].kind else { panic!("{peers:?}") };
        assert_eq!(&text[peer[0].key_span.clone()], "name");
        assert_eq!(&text[peer[0].value.span.clone()], "\"x\"");
        assert_eq!(&text[peers[0].span.clone()], "[[peer]]");
    }

    #[test]
    fn a_syntax_error_is_where_it_is() {
        assert_eq!(
            errors("a = 1\nb = \n"),
            [(10..10, "string values must be quoted, expected literal string".to_owned())]
        );
        assert_eq!(errors("a = 1\na = 2\n"), [(6..7, "duplicate key".to_owned())]);
    }

    #[test]
    fn deep_nesting_is_an_error() {
        assert!(parse(&source(&format!("a = {}{}", "[".repeat(10_000), "]".repeat(10_000)))).is_err());
    }
}
