//! The workspace's own source as the other tests read it: files, and their lines cut into code and comment.

use std::fs;
use std::path::{Path, PathBuf};

/// The workspace's root folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this package lies in the workspace").to_path_buf()
}

/// Every `.rs` file under a folder of the workspace, in name order, by its path from the root. None if there is no
/// such folder.
pub fn rust_files(folder: &str) -> Vec<PathBuf> {
    let root = root();
    let mut files = Vec::new();
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.expect("a folder that can be listed").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path.strip_prefix(&root).expect("under the root").to_path_buf());
            }
        }
    }
    files.sort();
    files
}

/// A file's text, by its path from the root.
pub fn read(path: &Path) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// One line of Rust.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// What the compiler sees, without what stands inside string and character literals.
    pub code: String,
    /// What stands after `//`, `///` or `//!`; empty without a comment.
    pub comment: String,
}

/// Where a scan of Rust stands.
#[derive(Clone, Copy)]
enum Place {
    Code,
    Comment,
    /// In a string literal; a raw one ends with this many `#`.
    Text(Option<usize>),
}

/// Cuts Rust into lines of code and comment. Block comments are not known: rustfmt's house style has none.
pub fn lines(text: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut line = Line::default();
    let mut place = Place::Code;
    let text = format!("{}\n", text.trim_end());
    let mut rest = text.as_str();
    while let Some(next) = rest.chars().next() {
        let mut taken = next.len_utf8();
        if next == '\n' {
            line.comment = line.comment.trim_start_matches(['/', '!']).trim().to_owned();
            lines.push(std::mem::take(&mut line));
            if let Place::Comment = place {
                place = Place::Code;
            }
        } else {
            match place {
                Place::Comment => line.comment.push(next),
                Place::Text(None) if next == '\\' => {
                    // An escaped line break must still end the line.
                    let escaped = rest[1..].chars().next().filter(|escaped| *escaped != '\n');
                    taken += escaped.map_or(0, char::len_utf8);
                }
                Place::Text(hashes) => {
                    let end = format!("\"{}", "#".repeat(hashes.unwrap_or(0)));
                    if rest.starts_with(&end) {
                        taken = end.len();
                        place = Place::Code;
                        line.code.push('"');
                    }
                }
                Place::Code if rest.starts_with("//") => place = Place::Comment,
                Place::Code => {
                    (place, taken) = code(rest, next, &line.code);
                    line.code.push_str(if next == '\'' { "'" } else { &rest[..taken] });
                }
            }
        }
        rest = &rest[taken..];
    }
    lines
}

/// What begins at `rest` in code, and how much of it is to be taken at once.
fn code(rest: &str, next: char, before: &str) -> (Place, usize) {
    let in_name =
        before.ends_with(|c: char| c.is_alphanumeric() || c == '_') && !before.ends_with(['b', 'r']);
    let raw = rest.trim_start_matches('r');
    let hashes = raw.len() - raw.trim_start_matches('#').len();
    if next == 'r' && !in_name && rest.len() - raw.len() == 1 && raw[hashes..].starts_with('"') {
        return (Place::Text(Some(hashes)), hashes + 2);
    }
    match next {
        '"' => (Place::Text(None), 1),
        '\'' => (Place::Code, character(rest)),
        _ => (Place::Code, next.len_utf8()),
    }
}

/// The length of a character literal, or of the quote that begins a lifetime.
fn character(rest: &str) -> usize {
    let mut inside = rest[1..].chars();
    match inside.next() {
        Some('\\') => rest[3..].find('\'').map_or(1, |end| end + 4),
        Some(one) if inside.next() == Some('\'') => one.len_utf8() + 2,
        _ => 1,
    }
}

#[test]
fn code_and_comments_are_told_apart() {
    let text = "let a = \"// no\"; // yes\n/// doc 'x'\nlet b = r#\"\"//\"#; let c = '\"'; // so <'a>\n\"a\\\n\\\"//\" '\\''\n";
    let cut: Vec<(String, String)> = lines(text).into_iter().map(|line| (line.code, line.comment)).collect();
    let expected = [
        ("let a = \"\"; ", "yes"),
        ("", "doc 'x'"),
        ("let b = r#\"\"; let c = '; ", "so <'a>"),
        ("\"", ""),
        ("\" '", ""),
    ];
    assert_eq!(cut, expected.map(|(code, comment)| (code.to_owned(), comment.to_owned())));
}
