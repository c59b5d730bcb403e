//! `cargo xtask test`: every check there is, the cheapest first, and a table at the end.

use crate::cargo::cargo;
use crate::checks::{
    counts_of, daemon_job, demo_job, interop_job, kernel_job, nat_job, rekey_job, userspace_job,
};
use crate::lab::Job;
use crate::process::{Result, run, shown};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

/// The stages of `cargo xtask test` that run on this machine, in order: what fails soonest goes first.
const CARGO_STAGES: &[&[&str]] = &[
    &["fmt", "--all", "--check"],
    &["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"],
    &["test", "--workspace"],
];

/// Builds what a stage needs, and says how it is run.
type MakeJob = fn() -> Result<Job>;

/// The stages that run in the guest, in order.
const GUEST_STAGES: &[(&str, MakeJob)] = &[
    ("kernel", kernel_job),
    ("demo", demo_job),
    ("nat", nat_job),
    ("userspace", userspace_job),
    ("rekey", rekey_job),
    ("daemon", daemon_job),
    ("interop", || interop_job(&[])),
];

/// How many checks passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Checks that passed.
    pub passed: u32,
    /// Checks that failed.
    pub failed: u32,
}

impl Counts {
    fn plus(self, other: Self) -> Self {
        Self {
            passed: self.passed.saturating_add(other.passed),
            failed: self.failed.saturating_add(other.failed),
        }
    }
}

/// `cargo xtask test`. Goes on after a failure, so that one run shows all of them. The last line is
/// `N passed, M failed`: checks in the guest, each test of `cargo test`, and each other stage as one.
pub fn test() -> Result<u8> {
    crate::host::install_missing()?;
    let mut table = Vec::new();
    for stage in CARGO_STAGES {
        table.push(Row::of(format!("cargo {}", stage.join(" ")), || cargo_stage(stage)));
    }
    for (name, job) in GUEST_STAGES {
        table.push(Row::of(format!("{name}, in the guest"), || counts_of(name, job()?)));
    }
    println!("\n  seconds passed failed stage");
    for Row { name, seconds, counts, .. } in &table {
        println!("{seconds:>9} {:>6} {:>6} {name}", counts.passed, counts.failed);
    }
    table.iter().filter_map(|row| row.why.as_ref()).for_each(|why| println!("xtask: {why}"));
    let sum =
        |part: fn(&Counts) -> u32| table.iter().map(|row| part(&row.counts)).fold(0, u32::saturating_add);
    let (passed, failed) = (sum(|counts| counts.passed), sum(|counts| counts.failed));
    println!("{passed} passed, {failed} failed");
    Ok(u8::from(failed > 0))
}

/// A stage's line in the table at the end.
struct Row {
    name: String,
    seconds: u64,
    counts: Counts,
    why: Option<String>,
}

impl Row {
    /// Runs the stage. One that ended without counts is one failure.
    fn of(name: String, stage: impl FnOnce() -> Result<Counts>) -> Self {
        println!("xtask: {name}");
        let start = Instant::now();
        let (counts, why) = match stage() {
            Ok(counts) => (counts, None),
            Err(why) => (Counts { passed: 0, failed: 1 }, Some(why)),
        };
        Self { name, seconds: start.elapsed().as_secs(), counts, why }
    }
}

/// Runs a cargo command; `cargo test` counts its tests, any other command is one check.
fn cargo_stage(arguments: &[&str]) -> Result<Counts> {
    let mut command = cargo(arguments);
    if arguments.first() == Some(&"test") {
        return count_tests(command.arg("--no-fail-fast").stdout(Stdio::piped()));
    }
    run(&mut command).map(|()| Counts { passed: 1, failed: 0 })
}

/// Runs `cargo test` to its end and adds up what its executables say of themselves.
fn count_tests(command: &mut Command) -> Result<Counts> {
    let name = shown(command);
    let broken = |error| format!("`{name}`: {error}");
    let mut child = command.spawn().map_err(broken)?;
    let mut counts = Counts::default();
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).lines() {
            let line = line.map_err(broken)?;
            println!("{line}");
            counts = counts.plus(test_result(&line));
        }
    }
    let status = child.wait().map_err(broken)?;
    // Without a test that failed: it did not compile, or an executable died.
    if status.success() || counts.failed > 0 { Ok(counts) } else { Err(format!("`{name}` failed: {status}")) }
}

/// What a line of a test executable counts: `test result: ok. 3 passed; 1 failed; 0 ignored; ...`.
fn test_result(line: &str) -> Counts {
    let Some(result) = line.strip_prefix("test result: ") else { return Counts::default() };
    let number = |what| {
        let parts = result.split(['.', ';']).map(str::trim);
        parts.filter_map(|part| part.strip_suffix(what)).find_map(|n| n.trim().parse().ok()).unwrap_or(0)
    };
    Counts { passed: number("passed"), failed: number("failed") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_executable_is_counted_by_its_last_line() {
        let line = "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.10s";
        assert_eq!(test_result(line), Counts { passed: 12, failed: 3 });
        assert_eq!(test_result("test result_is_kept ... ok"), Counts::default());
    }
}
