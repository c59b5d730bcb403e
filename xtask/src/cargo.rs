//! Builds and cargo's own commands.

use crate::process::{Result, output, root, run};
use std::path::PathBuf;
use std::process::Command;

/// A cargo command in the workspace, with the cargo that started us.
pub fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root()).args(arguments);
    command
}

/// Builds the daemon and its control tool; gives the paths of both.
pub fn daemon() -> Result<[PathBuf; 2]> {
    run(&mut cargo(&["build", "--quiet", "-p", "ikev2d"]))?;
    let folder = target()?.join("debug");
    Ok([folder.join("ikev2d"), folder.join("ikectl")])
}

/// Builds the test executable of one integration test and gives its path.
pub fn test_executable(package: &str, test: &str) -> Result<PathBuf> {
    let messages =
        output(&mut cargo(&["test", "-p", package, "--test", test, "--no-run", "--message-format=json"]))?;
    // One JSON object a line; the one of the test target alone names an executable.
    messages
        .lines()
        .filter(|line| line.contains(&format!(r#""name":"{test}""#)))
        .find_map(|line| string_field(line, "executable"))
        .map(PathBuf::from)
        .ok_or_else(|| format!("cargo named no executable for test `{test}` of package {package}"))
}

/// `cargo xtask bench [NAME]`.
pub fn bench(arguments: &[String]) -> Result<u8> {
    let name = arguments.first().map_or("handshake", String::as_str);
    run(&mut cargo(&["bench", "-p", "ikev2d-benches", "--bench", name]))?;
    Ok(0)
}

/// `cargo xtask fuzz [SECONDS]`: every target, one after the other.
pub fn fuzz(arguments: &[String]) -> Result<u8> {
    let seconds: u32 = match arguments.first() {
        None => 60,
        Some(text) => text.parse().map_err(|_| format!("fuzz: `{text}` is not a number of seconds"))?,
    };
    // `cargo` in a rustup proxy's child is pinned to one toolchain: ask rustup for the nightly by name.
    let nightly = |arguments: &[&str]| {
        let mut command = Command::new("rustup");
        command.current_dir(root()).args(["run", "nightly", "cargo"]).args(arguments);
        command
    };
    output(&mut nightly(&["--version"])).map_err(|why| {
        format!("{why}\nfuzzing needs a nightly compiler: rustup toolchain install nightly --profile minimal")
    })?;
    if output(&mut nightly(&["fuzz", "--version"])).is_err() {
        println!("xtask: installing cargo-fuzz");
        run(&mut nightly(&["install", "--quiet", "--locked", "cargo-fuzz"]))?;
    }
    let targets = output(&mut nightly(&["fuzz", "list"]))?;
    for target in targets.lines() {
        println!("xtask: fuzzing {target} for {seconds} s");
        let limit = format!("-max_total_time={seconds}");
        run(&mut nightly(&["fuzz", "run", target, "--", &limit, "-verbosity=0", "-print_final_stats=1"]))
            .map_err(|why| format!("fuzz target {target}: {why}\nits input is in fuzz/artifacts/{target}"))?;
    }
    Ok(0)
}

/// The target folder, wherever the environment or a configuration file puts it.
pub fn target() -> Result<PathBuf> {
    let metadata = output(&mut cargo(&["metadata", "--format-version=1", "--no-deps"]))?;
    string_field(&metadata, "target_directory")
        .map(PathBuf::from)
        .ok_or_else(|| "cargo metadata names no target_directory".into())
}

/// The value of a string field in cargo's JSON (which has no spaces). Escapes do not occur in paths that build.
fn string_field(json: &str, name: &str) -> Option<String> {
    let (_, rest) = json.split_once(&format!(r#""{name}":""#))?;
    let (value, _) = rest.split_once('"')?;
    Some(value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::string_field;

    #[test]
    fn a_field_is_found_and_null_is_not_a_string() {
        assert_eq!(string_field(r#"{"a":1,"executable":"/t/x"}"#, "executable").as_deref(), Some("/t/x"));
        assert_eq!(string_field(r#"{"executable":null}"#, "executable"), None);
    }
}
