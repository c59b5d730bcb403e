//! The checks that run in the guest.

use crate::cargo::test_executable;
use crate::lab::{self, Job};
use crate::process::{Result, root};
use crate::stages::Counts;
use std::fs;
use std::path::Path;

/// Test executables that need a kernel with ESP: package and name of the integration test.
const KERNEL_TESTS: &[(&str, &str)] = &[("ike-xfrm", "kernel"), ("ike-xfrm", "policies")];

/// strongSwan's versions, and the root in the guest that has each.
const STRONGSWAN: &[(&str, &str)] = &[("6.1", "forky"), ("6.0", "trixie"), ("5.9", "bookworm")];

/// Seconds after which a guest is taken for stuck: several times what it takes when emulated on two cores.
const DEMO_TIMEOUT: u32 = 300;
const DAEMON_TIMEOUT: u32 = 600;
const NAT_TIMEOUT: u32 = 300;
const REKEY_TIMEOUT: u32 = 600;
const INTEROP_TIMEOUT: u32 = 1200;
const KERNEL_TIMEOUT: u32 = 600;

/// `cargo xtask demo`.
pub fn demo() -> Result<u8> {
    lab::run(demo_job()?).map(|done| done.status)
}

/// `cargo xtask interop [VERSION..]`.
pub fn interop(versions: &[String]) -> Result<u8> {
    lab::run(interop_job(versions)?).map(|done| done.status)
}

/// `cargo xtask daemon`: what one daemon promises, the tunnels through a NAT, and ESP in userspace.
pub fn daemon() -> Result<u8> {
    let promises = lab::run(daemon_job()?)?.status;
    let nat = lab::run(nat_job()?)?.status;
    let userspace = lab::run(userspace_job()?)?.status;
    Ok(promises.max(nat).max(userspace))
}

/// `cargo xtask rekey`.
pub fn rekey() -> Result<u8> {
    lab::run(rekey_job()?).map(|done| done.status)
}

/// Runs the job and reads what `finish` of tests/lab/nodes.sh counted.
pub fn counts_of(name: &str, job: Job) -> Result<Counts> {
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

/// The main job, shown.
pub fn demo_job() -> Result<Job> {
    Job { timeout: DEMO_TIMEOUT, ..Job::new(script("demo.sh")) }.with_daemon()
}

/// The matrix with strongSwan's versions, all unless named.
pub fn interop_job(versions: &[String]) -> Result<Job> {
    let roots = versions.iter().map(|version| root_of(version)).collect::<Result<_>>()?;
    let job = Job { timeout: INTEROP_TIMEOUT, arguments: roots, ..Job::new(script("interop.sh")) };
    job.with_daemon()
}

/// What the daemon promises its operator.
pub fn daemon_job() -> Result<Job> {
    Job { timeout: DAEMON_TIMEOUT, ..Job::new(script("daemon.sh")) }.with_daemon()
}

/// Tunnels through a NAT.
pub fn nat_job() -> Result<Job> {
    Job { timeout: NAT_TIMEOUT, ..Job::new(script("nat.sh")) }.with_daemon()
}

/// A daemon that carries ESP itself, with peers whose kernels do.
pub fn userspace_job() -> Result<Job> {
    Job::new(script("userspace.sh")).with_daemon()
}

/// Rekeying by strongSwan.
pub fn rekey_job() -> Result<Job> {
    Job { timeout: REKEY_TIMEOUT, ..Job::new(script("rekey.sh")) }.with_daemon()
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

/// The tests of the crates that need a kernel with ESP.
pub fn kernel_job() -> Result<Job> {
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
