//! A document as a tree with the place of every key and value: the same for TOML and JSON.

use super::source::Span;

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Value {
    pub(super) kind: Kind,
    pub(super) span: Span,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    String(String),
    Integer(i64),
    Boolean(bool),
    Array(Vec<Value>),
    /// In the order of the file, without a key twice.
    Table(Vec<Entry>),
    /// What no field takes, by its name: a float, a date, null.
    Other(&'static str),
}

/// A key with its value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_span: Span,
    pub(super) value: Value,
}

impl Kind {
    /// What the value is, with its article.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Kind::String(_) => "a string",
            Kind::Integer(_) => "an integer",
            Kind::Boolean(_) => "a boolean",
            Kind::Array(_) => "an array",
            Kind::Table(_) => "a table",
            Kind::Other(name) => name,
        }
    }
}

/// Something that keeps a text from being a tree.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SyntaxError {
    pub(super) span: Span,
    pub(super) message: String,
}

/// Deepest nesting of tables and arrays; the configuration needs four levels (document, peers, peer, list).
pub(super) const MAX_DEPTH: usize = 8;
