//! Collects what is wrong with a configuration while it is checked.

use std::fmt;
use std::path::Path;

use super::diagnostic::{Diagnostic, Errors, Location, MAX_DIAGNOSTICS, Severity, Snippet};
use super::source::{Source, Span};

/// The diagnostics so far.
#[derive(Default)]
pub(super) struct Report {
    diagnostics: Vec<Diagnostic>,
    omitted: usize,
    failed: bool,
}

impl Report {
    /// An error at a place in a file.
    pub(super) fn error(&mut self, source: &Source, span: &Span, message: impl Into<String>, help: Help) {
        self.problem(source, span, Problem::new(message, help));
    }

    /// A warning at a place in a file.
    pub(super) fn warning(&mut self, source: &Source, span: &Span, message: impl Into<String>, help: Help) {
        self.add(Severity::Warning, source, span, Problem::new(message, help));
    }

    /// A value's problem at the value's place.
    pub(super) fn problem(&mut self, source: &Source, span: &Span, problem: Problem) {
        self.add(Severity::Error, source, span, problem);
    }

    /// A problem of a file as a whole.
    pub(super) fn file_problem(&mut self, file: &Path, problem: Problem) {
        self.push(Severity::Error, Location::file(file), None, problem);
    }

    /// A warning about a file as a whole.
    pub(super) fn file_warning(&mut self, file: &Path, message: impl Into<String>, help: Help) {
        self.push(Severity::Warning, Location::file(file), None, Problem::new(message, help));
    }

    fn add(&mut self, severity: Severity, source: &Source, span: &Span, problem: Problem) {
        self.push(severity, source.location(span.start), source.snippet(span), problem);
    }

    fn push(&mut self, severity: Severity, location: Location, snippet: Option<Snippet>, problem: Problem) {
        self.failed |= severity == Severity::Error;
        if self.diagnostics.len() < MAX_DIAGNOSTICS {
            let Problem { message, help } = problem;
            self.diagnostics.push(Diagnostic { severity, location, message, snippet, help: help.0 });
        } else {
            self.omitted = self.omitted.saturating_add(1);
        }
    }

    /// The value with the warnings, if there was no error.
    ///
    /// # Errors
    /// All diagnostics, if one of them is an error or there is no value.
    pub(super) fn finish<T>(self, value: Option<T>) -> Result<(T, Vec<Diagnostic>), Errors> {
        match value {
            Some(value) if !self.failed => Ok((value, self.diagnostics)),
            _ => Err(Errors { diagnostics: self.diagnostics, omitted: self.omitted }),
        }
    }
}

/// What is wrong with one value, without its place.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Problem {
    message: String,
    help: Help,
}

impl Problem {
    pub(super) fn new(message: impl Into<String>, help: Help) -> Problem {
        Problem { message: message.into(), help }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.help.0 {
            Some(help) => write!(f, "{}; {help}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// What to do about an error.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Help(Option<String>);

impl Help {
    /// Nothing that the message does not say.
    pub(super) const NONE: Help = Help(None);

    /// This.
    pub(super) fn new(help: impl Into<String>) -> Help {
        Help(Some(help.into()))
    }

    /// A word that was probably meant, or else what is allowed: the closest of `known` to `word`, or all of them.
    pub(super) fn did_you_mean(word: &str, known: &[&str]) -> Help {
        let closest = known.iter().map(|known| (distance(word, known), known)).min();
        match closest {
            Some((distance, closest)) if distance <= word.len().div_ceil(3) => {
                Help::new(format!("did you mean `{closest}`?"))
            }
            _ => Help::new(format!("expected {}", one_of(known))),
        }
    }
}

/// "`a`, `b` or `c`".
pub(super) fn one_of(words: &[&str]) -> String {
    match words {
        [] => "nothing".to_owned(),
        [only] => format!("`{only}`"),
        [first @ .., last] => format!("`{}` or `{last}`", first.join("`, `")),
    }
}

/// How many letters must be added, taken away or replaced to make `b` out of `a` (Levenshtein's distance); words of
/// more than [`LONGEST_WORD`] octets are far from everything.
fn distance(a: &str, b: &str) -> usize {
    if a.len() > LONGEST_WORD || b.len() > LONGEST_WORD {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i.saturating_add(1);
        row.first_mut().into_iter().for_each(|first| *first = left);
        for (cell, other) in row.iter_mut().skip(1).zip(b.bytes()) {
            let replaced = diagonal.saturating_add(usize::from(letter != other));
            diagonal = *cell;
            left = replaced.min(diagonal.saturating_add(1)).min(left.saturating_add(1));
            *cell = left;
        }
    }
    row.last().copied().unwrap_or(a.len())
}

/// No name in the configuration is longer.
const LONGEST_WORD: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_levenshteins() {
        for (a, b, expected) in
            [("", "", 0), ("", "abc", 3), ("abc", "", 3), ("kitten", "sitting", 3), ("adress", "address", 1)]
        {
            assert_eq!(distance(a, b), expected, "{a} {b}");
            assert_eq!(distance(b, a), expected, "{b} {a}");
        }
        assert_eq!(distance(&"x".repeat(33), "x"), usize::MAX);
    }

    #[test]
    fn only_a_close_word_is_suggested() {
        let known = ["address", "name"];
        assert_eq!(Help::did_you_mean("adress", &known).0.unwrap(), "did you mean `address`?");
        assert_eq!(Help::did_you_mean("nam", &known).0.unwrap(), "did you mean `name`?");
        assert_eq!(Help::did_you_mean("colour", &known).0.unwrap(), "expected `address` or `name`");
    }

    #[test]
    fn beyond_the_limit_diagnostics_are_counted() {
        let mut report = Report::default();
        for _ in 0..MAX_DIAGNOSTICS + 3 {
            report.file_problem(Path::new("f"), Problem::new("wrong", Help::NONE));
        }
        let errors = report.finish(Some(())).unwrap_err();
        assert_eq!((errors.diagnostics.len(), errors.omitted), (MAX_DIAGNOSTICS, 3));
        assert!(errors.to_string().ends_with("error: wrong\n  --> f\n\n... and 3 more"));
    }
}
