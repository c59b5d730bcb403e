//! House rules that no lint knows: short files, nothing left for later, no test that is not run.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test of the workspace's own files stops at what it does not expect"
)]
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "as above")]

mod source;

/// Lines after which a file is more than one idea.
const MOST_LINES: usize = 600;

/// What says that something is not done. In two halves, so that this file does not say it.
const UNFINISHED: [&str; 6] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("#[ig", "nore"),
    concat!("unimpl", "emented!"),
    concat!("cfg(any", "())"),
];

#[test]
fn files_are_short_and_finished() {
    let folders = ["crypto", "ike-proto", "esp", "xfrm", "ikev2d", "xtask", "tests", "benches", "fuzz"];
    let files: Vec<_> = folders.into_iter().flat_map(source::rust_files).collect();
    assert!(files.len() > 100, "only {} files", files.len());
    let wrong: Vec<String> = files
        .iter()
        .flat_map(|file| {
            faults(&source::read(file)).into_iter().map(|fault| format!("{}: {fault}", file.display()))
        })
        .collect();
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn a_long_or_an_unfinished_file_is_found() {
    assert!(faults("fn done() {}\n").is_empty());
    assert_eq!(faults(&"\n".repeat(MOST_LINES + 1)), ["601 lines, at most 600"]);
    assert_eq!(faults(&format!("\n// {} later", UNFINISHED[0])).len(), 1);
}

fn faults(text: &str) -> Vec<String> {
    let count = text.lines().count();
    let long = (count > MOST_LINES).then(|| format!("{count} lines, at most {MOST_LINES}"));
    let unfinished = (1..).zip(text.lines()).filter_map(|(number, line)| {
        let word = UNFINISHED.iter().find(|word| line.contains(**word))?;
        Some(format!("line {number} has {word}"))
    });
    long.into_iter().chain(unfinished).collect()
}
