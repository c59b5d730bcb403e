//! The checks that run in the guest, and `cargo xtask test`, which runs every check there is.

use crate::cargo::{cargo, test_executable};
use crate::lab::{self, Job};
use crate::process::{Result, root, run};
use std::fs;
use std::path::Path;

/// Test executables that need a kernel with ESP: package and name of the integration test.
const KERNEL_TESTS: &[(&str, &str)] = &[("ike-xfrm", "kernel"), ("ike-xfrm", "policies")];

/// strongSwan's versions, and the root in the guest that has each.
const STRONGSWAN: &[(&str, &str)] = &[("6.1", "forky"), ("6.0", "trixie"), ("5.9", "bookworm")];

/// Seconds after which a guest is taken for stuck. Emulated on two cores, the whole matrix takes three minutes.
const DEMO_TIMEOUT: u32 = 300;
const INTEROP_TIMEOUT: u32 = 1200;
const KERNEL_TIMEOUT: u32 = 600;

/// How many checks of a script passed and failed.
#[derive(Clone, Copy, Default)]
struct Counts {
    passed: u32,
    failed: u32,
}

/// `cargo xtask demo`.
pub fn demo() -> Result<u8> {
    lab::run(demo_job()?).map(|done| done.status)
}

/// `cargo xtask interop [VERSION..]`.
pub fn interop(versions: &[String]) -> Result<u8> {
    lab::run(interop_job(versions)?).map(|done| done.status)
}

/// `cargo xtask test`. Goes on after a failure, so that one run shows all of them.
pub fn test() -> Result<u8> {
    let mut failures = Vec::new();
    let stages: &[&[&str]] = &[
        &["fmt", "--all", "--check"],
        &["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"],
        &["test", "--workspace"],
    ];
    for stage in stages {
        println!("xtask: cargo {}", stage.join(" "));
        failures.extend(run(&mut cargo(stage)).err());
    }
    let mut counts = Counts::default();
    let jobs: [(&str, Result<Job>); 3] =
        [("kernel tests", kernel_job()), ("demo", demo_job()), ("interoperation", interop_job(&[]))];
    for (name, job) in jobs {
        println!("xtask: {name}, in the guest");
        let counted = job.and_then(|job| counts_of(name, job));
        match counted {
            Ok(Counts { passed, failed }) => {
                counts.passed = counts.passed.saturating_add(passed);
                counts.failed = counts.failed.saturating_add(failed);
            }
            Err(why) => {
                counts.failed = counts.failed.saturating_add(1);
                failures.push(why);
            }
        }
    }
    failures.iter().for_each(|why| println!("xtask: {why}"));
    println!("checks in the guest:\n{} passed, {} failed", counts.passed, counts.failed);
    Ok(u8::from(counts.failed > 0 || !failures.is_empty()))
}

/// Runs the job and reads what `finish` of tests/lab/nodes.sh counted.
fn counts_of(name: &str, job: Job) -> Result<Counts> {
    let done = lab::run(job)?;
    let text = fs::read_to_string(done.out.join(".counts")).unwrap_or_default();
    let mut numbers = text.split_whitespace().map(str::parse);
    match (numbers.next(), numbers.next(), done.status) {
        (Some(Ok(passed)), Some(Ok(failed)), 0 | 1) if (passed, failed) != (0, 0) => {
            Ok(Counts { passed, failed })
        }
        (_, _, status) => Err(format!(
            "{name}: ended before its checks were counted (exit status {status}); its logs are in {}",
            done.out.display()
        )),
    }
}

fn demo_job() -> Result<Job> {
    let job = Job { timeout: DEMO_TIMEOUT, ..Job::new(script("demo.sh")) };
    job.with_daemon()
}

fn interop_job(versions: &[String]) -> Result<Job> {
    let roots = versions.iter().map(|version| root_of(version)).collect::<Result<_>>()?;
    let job = Job { timeout: INTEROP_TIMEOUT, arguments: roots, ..Job::new(script("interop.sh")) };
    job.with_daemon()
}

fn root_of(version: &str) -> Result<String> {
    let known = STRONGSWAN
        .iter()
        .find(|(prefix, _)| version == *prefix || version.starts_with(&format!("{prefix}.")));
    known.map(|(_, root)| (*root).to_owned()).ok_or_else(|| {
        let all: Vec<&str> = STRONGSWAN.iter().map(|(prefix, _)| *prefix).collect();
        format!("interop: no strongSwan {version} in the guest; there are {}", all.join(", "))
    })
}

fn kernel_job() -> Result<Job> {
    let mut job = Job { timeout: KERNEL_TIMEOUT, ..Job::new(script("kernel.sh")) };
    for (package, test) in KERNEL_TESTS {
        let name = format!("{package}-{test}");
        job.files.push((test_executable(package, test)?, format!("tests/{name}")));
        job.arguments.push(name);
    }
    Ok(job)
}

fn script(name: &str) -> std::path::PathBuf {
    root().join(Path::new("tests/lab")).join(name)
}
