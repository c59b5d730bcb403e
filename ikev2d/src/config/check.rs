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
        let Kind::Table(entries) = &value.kind else { return self.mismatch(value, what, "a table") };
        Some(entries)
    }

    pub(super) fn array<'t>(&mut self, entry: &'t Entry) -> Option<&'t [Value]> {
        let Kind::Array(values) = &entry.value.kind else {
            return self.mismatch(&entry.value, &entry.key, "an array");
        };
        Some(values)
    }

    pub(super) fn text<'t>(&mut self, entry: &'t Entry) -> Option<&'t str> {
        self.string(&entry.value, &entry.key, "a string")
    }

    /// A string or an array of strings.
    pub(super) fn texts<'t>(&mut self, entry: &'t Entry) -> Option<Vec<At<&'t str>>> {
        let at = |value: &'t str, from: &Value| At { value, span: from.span.clone() };
        let Kind::Array(values) = &entry.value.kind else {
            let text = self.string(&entry.value, &entry.key, "a string or an array of strings")?;
            return Some(vec![at(text, &entry.value)]);
        };
        let texts: Vec<Option<At<&str>>> = values
            .iter()
            .map(|value| {
                self.string(value, &entry.key, "an array of strings alone").map(|text| at(text, value))
            })
            .collect();
        texts.into_iter().collect()
    }

    fn string<'t>(&mut self, value: &'t Value, key: &str, expected: &str) -> Option<&'t str> {
        let Kind::String(text) = &value.kind else { return self.mismatch(value, key, expected) };
        Some(text)
    }

    pub(super) fn port(&mut self, entry: &Entry) -> Option<At<u16>> {
        let Kind::Integer(number) = entry.value.kind else {
            return self.mismatch(&entry.value, &entry.key, "an integer");
        };
        let port = u16::try_from(number).ok().filter(|port| *port != 0);
        let problem = || Problem::new(format!("not a port: {number}"), Help::new("it can be 1 to 65535"));
        self.accept(&entry.value.span, port.ok_or_else(problem))
    }

    pub(super) fn count(&mut self, entry: &Entry, (least, most): (u32, u32)) -> Option<u32> {
        let Kind::Integer(number) = entry.value.kind else {
            return self.mismatch(&entry.value, &entry.key, "an integer");
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

    fn mismatch<T>(&mut self, value: &Value, key: &str, expected: &str) -> Option<T> {
        let message = format!("`{key}` must be {expected}, not {}", value.kind.name());
        self.error(&value.span, message, Help::NONE);
        None
    }
}
