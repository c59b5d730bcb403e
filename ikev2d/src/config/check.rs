//! Values out of a document's tree, each with its place, and an error for each that has the wrong type.

use std::net::IpAddr;
use std::path::PathBuf;

use ike_proto::policy::Identity;

use super::report::{Help, Problem, Report};
use super::source::{Source, Span};
use super::tree::{Entry, Kind, Value};
use super::{address, identity};

/// One file that is being checked, and what was found.
pub(super) struct Check<'a> {
    pub(super) source: &'a Source,
    pub(super) report: &'a mut Report,
}

/// A checked value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) span: Span,
}

impl Check<'_> {
    pub(super) fn error(&mut self, span: &Span, message: impl Into<String>, help: Help) {
        self.report.error(self.source, span, message, help);
    }

    /// A key that does not exist.
    pub(super) fn unknown(&mut self, entry: &Entry, known: &[&str]) {
        let help = match entry.key.as_str() {
            "psk" | "secret" | "key" | "password" if known.contains(&"psk-file") => {
                Help::new("keys stand in files of their own: name one by `psk-file`")
            }
            key => Help::did_you_mean(key, known),
        };
        let message = format!("unknown field `{}`", entry.key.escape_debug());
        self.error(&entry.key_span, message, help);
    }

    /// The required key that `table` has not.
    pub(super) fn missing(&mut self, table: &Span, key: &str, help: Help) {
        self.error(table, format!("missing field `{key}`"), help);
    }

    /// The value, or its problem in the report.
    pub(super) fn accept<T>(&mut self, span: &Span, result: Result<T, Problem>) -> Option<At<T>> {
        match result {
            Ok(value) => Some(At { value, span: span.clone() }),
            Err(problem) => {
                self.report.problem(self.source, span, problem);
                None
            }
        }
    }

    pub(super) fn table<'t>(&mut self, value: &'t Value, what: &str) -> Option<&'t [Entry]> {
        match &value.kind {
            Kind::Table(entries) => Some(entries),
            other => self.mismatch(&value.span, what, "a table", other),
        }
    }

    pub(super) fn array<'t>(&mut self, entry: &'t Entry) -> Option<&'t [Value]> {
        match &entry.value.kind {
            Kind::Array(values) => Some(values),
            other => self.mismatch(&entry.value.span, &entry.key, "an array", other),
        }
    }

    pub(super) fn text<'t>(&mut self, entry: &'t Entry) -> Option<&'t str> {
        match &entry.value.kind {
            Kind::String(text) => Some(text),
            other => self.mismatch(&entry.value.span, &entry.key, "a string", other),
        }
    }

    /// A string or an array of strings.
    pub(super) fn texts<'t>(&mut self, entry: &'t Entry) -> Option<Vec<At<&'t str>>> {
        let at = |text: &'t String, span: &Span| At { value: text.as_str(), span: span.clone() };
        let values = match &entry.value.kind {
            Kind::String(text) => return Some(vec![at(text, &entry.value.span)]),
            Kind::Array(values) => values,
            other => {
                return self.mismatch(
                    &entry.value.span,
                    &entry.key,
                    "a string or an array of strings",
                    other,
                );
            }
        };
        let mut texts = Some(Vec::with_capacity(values.len()));
        for value in values {
            match &value.kind {
                Kind::String(text) => texts.iter_mut().for_each(|texts| texts.push(at(text, &value.span))),
                other => texts = self.mismatch(&value.span, &entry.key, "strings", other),
            }
        }
        texts
    }

    pub(super) fn port(&mut self, entry: &Entry) -> Option<At<u16>> {
        let Kind::Integer(number) = entry.value.kind else {
            return self.mismatch(&entry.value.span, &entry.key, "an integer", &entry.value.kind);
        };
        let port = u16::try_from(number).ok().filter(|port| *port != 0);
        let problem = || Problem::new(format!("not a port: {number}"), Help::new("it can be 1 to 65535"));
        self.accept(&entry.value.span, port.ok_or_else(problem))
    }

    pub(super) fn count(&mut self, entry: &Entry, (least, most): (u32, u32)) -> Option<u32> {
        let Kind::Integer(number) = entry.value.kind else {
            return self.mismatch(&entry.value.span, &entry.key, "an integer", &entry.value.kind);
        };
        let count = u32::try_from(number).ok().filter(|count| (least..=most).contains(count));
        let help = || Help::new(format!("it can be {least} to {most}"));
        let problem = || Problem::new(format!("`{}` out of range: {number}", entry.key), help());
        self.accept(&entry.value.span, count.ok_or_else(problem)).map(|count| count.value)
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&mut self, entry: &Entry, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text(entry)?;
        if let Some((_, value)) = choices.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let message = format!("`{}` cannot be `{}`", entry.key, text.escape_debug());
        self.error(&entry.value.span, message, Help::did_you_mean(text, &words));
        None
    }

    pub(super) fn address(&mut self, entry: &Entry) -> Option<At<IpAddr>> {
        let text = self.text(entry)?;
        self.accept(&entry.value.span, address::parse(text))
    }

    pub(super) fn identity(&mut self, entry: &Entry) -> Option<At<Identity>> {
        let text = self.text(entry)?;
        self.accept(&entry.value.span, identity::parse(text))
    }

    /// A path, relative to the file that it stands in.
    pub(super) fn path(&mut self, entry: &Entry) -> Option<At<PathBuf>> {
        let text = self.text(entry)?;
        self.resolve(&At { value: text, span: entry.value.span.clone() })
    }

    /// `text` as a path, relative to the file that it stands in.
    pub(super) fn resolve(&mut self, text: &At<&str>) -> Option<At<PathBuf>> {
        let path = match text.value {
            "" => Err(Problem::new("an empty path", Help::NONE)),
            path if path.contains('\0') => Err(Problem::new("a path with a NUL character", Help::NONE)),
            path => Ok(self.source.directory().join(path)),
        };
        self.accept(&text.span, path)
    }

    fn mismatch<T>(&mut self, span: &Span, key: &str, expected: &str, found: &Kind) -> Option<T> {
        self.error(span, format!("`{key}` must be {expected}, not {}", found.name()), Help::NONE);
        None
    }
}
