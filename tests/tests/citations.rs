//! What a comment quotes from an RFC stands there word for word.
//!
//! The rule, for the comments of the product crates:
//!
//! - A text of two words or more between double quotes, outside of `code spans` and code fences, is a quotation.
//!   One word is a name or a term. What is no quotation is written without quotes, or `as code`.
//! - It must stand in one of the texts in `tests/rfc`. White space, line and page breaks, quotation marks, the case
//!   of the first letter and punctuation at both ends do not count.
//! - `...` leaves something out: the parts must follow each other in one RFC, in order and near to each other.
//! - `[...]` around a word would change the text, and is not known.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test of the workspace's own files stops at what it does not expect"
)]

mod source;

use std::fs;

/// Whose comments are read.
const FOLDERS: [&str; 5] = ["crypto/src", "ike-proto/src", "esp/src", "xfrm/src", "ikev2d/src"];

/// Words that make a quotation.
const FEWEST_WORDS: usize = 2;

/// Octets that `...` may leave out at most: some sentences, not a section.
const LONGEST_GAP: usize = 600;

#[test]
fn quotations_are_word_for_word() {
    let rfcs = rfcs();
    let mut cited = vec![false; rfcs.len()];
    let mut wrong = Vec::new();
    for file in FOLDERS.into_iter().flat_map(source::rust_files) {
        for (line, quotation) in quotations(&source::read(&file)) {
            let found: Vec<bool> = rfcs.iter().map(|rfc| occurs(&quotation, &rfc.text)).collect();
            if !found.contains(&true) {
                wrong.push(format!("{}:{line}: in no RFC of tests/rfc: \"{quotation}\"", file.display()));
            }
            cited.iter_mut().zip(found).for_each(|(cited, found)| *cited |= found);
        }
    }
    let unused = rfcs.iter().zip(cited).filter(|(_, cited)| !cited);
    wrong.extend(unused.map(|(rfc, _)| format!("tests/rfc/{}: nothing is quoted from it", rfc.name)));
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn a_quotation_with_one_other_word_is_not_found() {
    let rfcs = rfcs();
    let anywhere = |text: &str| rfcs.iter().any(|rfc| occurs(text, &rfc.text));
    // RFC 7296 section 2.3, over several lines.
    assert!(anywhere("An IKE endpoint MUST wait for a response to each of its messages"));
    assert!(anywhere("an IKE endpoint MUST ... before sending a subsequent message"), "some words left out");
    assert!(!anywhere("An IKE endpoint SHOULD wait for a response to each of its messages"));
    assert!(!anywhere("IKE endpoint MUST wait for a response to each of its message"), "half a word");
    assert!(!anywhere("before sending a subsequent message ... An IKE endpoint MUST wait"), "wrong order");
}

#[test]
fn quotations_are_told_from_code_terms_and_strings() {
    let text = "\
/// It says: \"one two
/// three four\", and a \"term\", and `\"not at all a quotation\"`.
/// ```text
/// \"also not at all one\"
/// ```
let a = \"a string is no comment\"; // \"but this one is one\"
// An unrelated \" mark.

// \"Five ... six seven eight.\"
";
    let found: Vec<(usize, String)> = quotations(text);
    let found: Vec<(usize, &str)> = found.iter().map(|(line, text)| (*line, text.as_str())).collect();
    assert_eq!(
        found,
        [(1, "one two three four"), (6, "but this one is one"), (9, "Five ... six seven eight.")]
    );
}

/// One vendored text, in one line.
struct Rfc {
    name: String,
    text: String,
}

fn rfcs() -> Vec<Rfc> {
    let folder = source::root().join("tests/rfc");
    let entries = fs::read_dir(&folder).expect("tests/rfc");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("rfc"))
        .collect();
    names.sort();
    assert!(!names.is_empty(), "no texts in tests/rfc");
    let read = |name: String| {
        let text = fs::read_to_string(folder.join(&name)).expect("a text");
        Rfc { text: one_line(&without_page_breaks(&text)), name }
    };
    names.into_iter().map(read).collect()
}

/// Leaves out the last line of a page, the form feed and the first line of the next page.
fn without_page_breaks(text: &str) -> String {
    let mut pages = text.split('\u{c}').map(|page| page.trim_end().to_owned());
    let mut whole = pages.next().unwrap_or_default();
    for page in pages {
        cut_footer(&mut whole);
        let body = page.trim_start().split_once('\n').map_or("", |(_header, body)| body);
        whole.push('\n');
        whole.push_str(body.trim_end());
    }
    cut_footer(&mut whole);
    whole
}

fn cut_footer(text: &mut String) {
    let last = text.trim_end().rfind('\n').unwrap_or(0);
    if text[last..].contains("[Page ") {
        text.truncate(last);
        text.truncate(text.trim_end().len());
    }
}

/// One space for any white space, none after a hyphen at the end of a line, no quotation marks.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for row in text.lines().map(str::trim).filter(|row| !row.is_empty()) {
        if !line.is_empty() && !line.ends_with('-') {
            line.push(' ');
        }
        line.push_str(&row.split_whitespace().collect::<Vec<_>>().join(" "));
    }
    line.replace('"', "")
}

/// Whether all parts of a quotation stand in the text, in order and near to each other.
fn occurs(quotation: &str, text: &str) -> bool {
    let parts: Vec<&str> = quotation.split("...").map(|part| part.trim_matches(is_margin)).collect();
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    let Some((first, others)) = parts.split_first() else { return false };
    places(first, text).any(|start| follow(others, &text[start + first.len()..]))
}

fn follow(parts: &[&str], text: &str) -> bool {
    let Some((first, others)) = parts.split_first() else { return true };
    let near = places(first, text).take_while(|start| *start <= LONGEST_GAP);
    near.into_iter().any(|start| follow(others, &text[start + first.len()..]))
}

/// White space and punctuation, which do not count at the ends of a part.
fn is_margin(c: char) -> bool {
    c.is_whitespace() || ".,;:()".contains(c)
}

/// Where whole words of the text are those of the part, but for the case of its first letter.
fn places<'a>(part: &'a str, text: &'a str) -> impl Iterator<Item = usize> + 'a {
    let rest = &part[part.chars().next().map_or(0, char::len_utf8)..];
    let first = part.len() - rest.len();
    text.match_indices(rest)
        .map(move |(start, _)| start)
        .filter(move |start| {
            let Some(begin) = start.checked_sub(first).filter(|begin| text.is_char_boundary(*begin)) else {
                return false;
            };
            let whole = |c: Option<char>| !c.is_some_and(char::is_alphanumeric);
            let (before, after) = (&text[..begin], &text[start + rest.len()..]);
            text[begin..*start].eq_ignore_ascii_case(&part[..first])
                && whole(before.chars().next_back())
                && whole(after.chars().next())
        })
        .map(move |start| start - first)
}

/// The quotations in the comments of a source text, each with the line on which it begins.
fn quotations(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    // Between quotes: where it began, and the words so far.
    let mut open: Option<(usize, String)> = None;
    let mut fenced = false;
    for (number, line) in (1..).zip(source::lines(text)) {
        // A comment goes on over lines without code; what is open at its end was no quotation.
        if line.comment.is_empty() || !line.code.trim().is_empty() {
            open = None;
        }
        if line.comment.starts_with("```") {
            fenced = !fenced;
            continue;
        }
        let code_spans = line.comment.split('`').enumerate();
        for (_, prose) in code_spans.filter(|(index, _)| index % 2 == 0 && !fenced) {
            let mut pieces = prose.split('"');
            if let (Some((_, words)), Some(piece)) = (&mut open, pieces.next()) {
                words.push_str(piece);
            }
            for piece in pieces {
                match open.take() {
                    Some(quotation) => found.push(quotation),
                    None => open = Some((number, piece.to_owned())),
                }
            }
        }
        if let Some((_, words)) = &mut open {
            words.push('\n');
        }
    }
    let long = |text: &String| text.split_whitespace().filter(|word| *word != "...").count() >= FEWEST_WORDS;
    found.into_iter().map(|(line, text)| (line, one_line(&text))).filter(|(_, text)| long(text)).collect()
}
