//! What is wrong with a configuration: where, what, and what to do about it.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// A place in a configuration file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    /// The file, as it was named.
    pub file: Arc<Path>,
    /// The line, from 1; 0 if the file as a whole is meant.
    pub line: usize,
    /// The column in characters, from 1; 0 if the file as a whole is meant.
    pub column: usize,
}

impl Location {
    /// A file as a whole.
    pub fn file(file: &Path) -> Location {
        Location { file: Arc::from(file), line: 0, column: 0 }
    }
}

impl fmt::Display for Location {
    /// `file:line:column`, or `file` alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}", self.file.display()),
            line => write!(f, "{}:{line}:{}", self.file.display(), self.column),
        }
    }
}

/// Whether the configuration can be used in spite of it.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Severity {
    /// It cannot.
    Error,
    /// It can.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        })
    }
}

/// A piece of a line with a part of it marked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snippet {
    /// The piece, without control characters.
    pub text: String,
    /// How many characters stand before the marked part.
    pub before: usize,
    /// How many characters are marked, at least one.
    pub marked: usize,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether it is fatal.
    pub severity: Severity,
    /// Where.
    pub location: Location,
    /// What: one line, no full stop.
    pub message: String,
    /// The line in question; `None` for a file as a whole, and for a line that may hold a key.
    pub snippet: Option<Snippet>,
    /// What to do about it, if that is clear.
    pub help: Option<String>,
}

impl fmt::Display for Diagnostic {
    /// Several lines without a newline at the end:
    ///
    /// ```text
    /// error: unknown field `adress`
    ///   --> peers.d/db-1.toml:3:1
    ///    |
    ///  3 | adress = "192.0.2.20"
    ///    | ^^^^^^
    ///    = help: did you mean `address`?
    /// ```
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.location.line.to_string();
        let margin = line.len();
        write!(f, "{}: {}\n{:margin$} --> {}", self.severity, self.message, "", self.location)?;
        if let Some(Snippet { text, before, marked }) = &self.snippet {
            write!(f, "\n {:margin$} |\n {line} | {text}", "")?;
            write!(f, "\n {:margin$} | {:before$}{:^<marked$}", "", "", "")?;
        }
        match &self.help {
            Some(help) => write!(f, "\n {:margin$} = help: {help}", ""),
            None => Ok(()),
        }
    }
}

/// Everything that is wrong with a configuration, at least one [`Severity::Error`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Errors {
    /// Errors and warnings in the order in which they were found.
    pub diagnostics: Vec<Diagnostic>,
    /// How many more there were than [`MAX_DIAGNOSTICS`].
    pub omitted: usize,
}

impl fmt::Display for Errors {
    /// The diagnostics with an empty line between two of them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, diagnostic) in self.diagnostics.iter().enumerate() {
            f.write_str(if number == 0 { "" } else { "\n\n" })?;
            write!(f, "{diagnostic}")?;
        }
        match self.omitted {
            0 => Ok(()),
            omitted => write!(f, "\n\n... and {omitted} more"),
        }
    }
}

impl std::error::Error for Errors {}

/// Most diagnostics that are kept: a generator's mistake repeated in 10,000 peers needs no 10,000 lines.
pub const MAX_DIAGNOSTICS: usize = 100;
