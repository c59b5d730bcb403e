//! The text of one configuration file, with the way from an offset back to line, column and snippet.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::diagnostic::{Location, Snippet};

/// Offsets of octets in a [`Source`]'s text.
pub(super) type Span = Range<usize>;

/// What language a file is in.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// TOML 1.1.
    Toml,
    /// JSON (RFC 8259).
    Json,
}

impl Format {
    /// The format by the file name's extension.
    pub(super) fn of(path: &Path) -> Option<Format> {
        match path.extension()?.to_str()? {
            "toml" => Some(Format::Toml),
            "json" => Some(Format::Json),
            _ => None,
        }
    }
}

/// One file's text.
pub(super) struct Source {
    /// The file, as it was named.
    pub(super) path: Arc<Path>,
    /// Its language.
    pub(super) format: Format,
    /// Its whole text.
    pub(super) text: String,
    /// The offset at which each line starts.
    lines: Vec<usize>,
}

impl Source {
    pub(super) fn new(path: &Path, format: Format, text: String) -> Source {
        let after_newlines = text.match_indices('\n').map(|(at, _)| at.saturating_add(1));
        let lines = std::iter::once(0).chain(after_newlines).collect();
        Source { path: Arc::from(path), format, text, lines }
    }

    /// The directory that paths in this file are relative to.
    pub(super) fn directory(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    /// The offset of the `line`th line, from 1, and of the `column`th octet in it, from 1.
    pub(super) fn offset(&self, line: usize, column: usize) -> usize {
        let start = self.lines.get(line.saturating_sub(1)).copied().unwrap_or(self.text.len());
        start.saturating_add(column.saturating_sub(1)).min(self.text.len())
    }

    /// Where the octet at `offset` is.
    pub(super) fn location(&self, offset: usize) -> Location {
        let line = self.lines.partition_point(|start| *start <= offset);
        let start = self.line_start(offset);
        // A whole mesh may stand on one line of JSON: counting its characters from the start for each peer would be
        // quadratic.
        let counted = offset.saturating_sub(COUNTED_COLUMNS).max(start);
        let before = self.piece(counted..offset).chars().count();
        let column = counted.saturating_sub(start).saturating_add(before).saturating_add(1);
        Location { file: Arc::clone(&self.path), line, column }
    }

    /// The part of the line around `span` with its first line marked; `None` if a key may be written there.
    pub(super) fn snippet(&self, span: &Span) -> Option<Snippet> {
        let start = self.line_start(span.start);
        let from = span.start.saturating_sub(SNIPPET_BEFORE).max(start);
        let rest = self.piece(from..span.start.saturating_add(SNIPPET_AFTER));
        let line = rest.split('\n').next().unwrap_or_default().trim_end();
        let seen = self.piece(span.start.saturating_sub(SECRET_DISTANCE).max(start)..from);
        if may_hold_a_key(seen) || may_hold_a_key(line) {
            return None;
        }
        let before = self.piece(from..span.start).chars().count();
        let marked = self.piece(span.clone()).chars().take_while(|c| *c != '\n').count();
        let room = line.chars().count().saturating_sub(before);
        let text = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        Some(Snippet { text, before, marked: marked.min(room).max(1) })
    }

    fn line_start(&self, offset: usize) -> usize {
        let line = self.lines.partition_point(|start| *start <= offset);
        self.lines.get(line.saturating_sub(1)).copied().unwrap_or(0)
    }

    /// The text of `span`, as much of it as there is, from and to whole characters.
    fn piece(&self, span: Span) -> &str {
        let end = char_boundary(&self.text, span.end);
        let start = char_boundary(&self.text, span.start.min(end));
        self.text.get(start..end).unwrap_or_default()
    }
}

/// Whether `text` looks as if somebody wrote a key into it; keys belong into files of their own, but a mistake must
/// not put one into a log.
fn may_hold_a_key(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    SECRET_WORDS.iter().any(|word| {
        text.split(word)
            .skip(1)
            .any(|after| after.trim_start_matches(QUOTES_AND_SPACE).starts_with(['=', ':']))
    })
}

/// `at`, or the start of the character that it is inside of.
fn char_boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// Columns are counted in characters as far as this many octets to the left, and in octets beyond.
const COUNTED_COLUMNS: usize = 4096;

/// Octets of a line shown before and after the place in question: a line of a terminal or two.
const SNIPPET_BEFORE: usize = 60;
const SNIPPET_AFTER: usize = 80;

/// Octets to the left that are searched for a word that announces a key; longer than any key is allowed to be.
const SECRET_DISTANCE: usize = 8192;

/// Words that announce a key.
const SECRET_WORDS: [&str; 4] = ["psk", "secret", "password", "passphrase"];

/// What may stand between such a word and the sign that assigns the key to it.
const QUOTES_AND_SPACE: [char; 4] = ['"', '\'', ' ', '\t'];

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source::new(Path::new("file.toml"), Format::Toml, text.to_owned())
    }

    #[test]
    fn lines_and_columns_count_from_one_and_in_characters() {
        let source = source("a = 1\nümlaut = 2\n");
        let at = |offset| source.location(offset).to_string();
        assert_eq!(at(0), "file.toml:1:1");
        assert_eq!(at(5), "file.toml:1:6");
        assert_eq!(at(6), "file.toml:2:1");
        assert_eq!(at(8), "file.toml:2:2");
        assert_eq!(at(18), "file.toml:3:1");
        assert_eq!(at(99), "file.toml:3:1");
        assert_eq!(source.offset(2, 3), 8);
        assert_eq!(source.offset(9, 9), 18);
    }

    #[test]
    fn a_snippet_marks_the_place_in_its_line() {
        let source = source("a = 1\n\tb = \"x\ny\"\n");
        let snippet = source.snippet(&(11..16)).unwrap();
        assert_eq!(snippet, Snippet { text: " b = \"x".to_owned(), before: 5, marked: 2 });
        let end = source.snippet(&(18..18)).unwrap();
        assert_eq!(end, Snippet { text: String::new(), before: 0, marked: 1 });
    }

    #[test]
    fn a_long_line_is_cut_on_both_sides() {
        let source = source(&format!("{}X{}", "é".repeat(5000), "é".repeat(5000)));
        let snippet = source.snippet(&(10_000..10_001)).unwrap();
        assert_eq!((snippet.before, snippet.marked), (30, 1));
        assert_eq!(snippet.text.chars().count(), 30 + 1 + 39);
        assert_eq!(source.location(10_000).column, 10_001 - 4096 / 2);
    }

    #[test]
    fn a_line_that_may_hold_a_key_is_not_shown() {
        for text in ["psk = x", "Secret: x", "psk-file = 'x', psk = 'y'", "my_password=x", "{\"psk\": \"x\"}"]
        {
            assert_eq!(source(text).snippet(&(0..1)), None, "{text}");
        }
        assert_eq!(source(&format!("psk = {}", "x".repeat(1000))).snippet(&(900..901)), None);
        for text in ["psk-file = \"db-1.psk\"", "{\"psk-file\": \"a.psk\", \"mode\": \"tunnel\"}"] {
            assert!(source(text).snippet(&(0..1)).is_some(), "{text}");
        }
    }
}
