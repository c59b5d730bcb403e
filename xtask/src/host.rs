//! The few programs that tests on this machine need: installed when missing, by root and by nobody else.

use crate::process::{Result, output, run};
use std::process::Command;

/// A program and the Debian package that has it.
const NEEDED: &[(&str, &str)] = &[("ip", "iproute2"), ("nft", "nftables")];

/// Installs what is missing. Without root nothing is installed, and the tests that need root say that they are skipped.
pub fn install_missing() -> Result<()> {
    let missing: Vec<&str> =
        NEEDED.iter().filter(|(program, _)| !is_there(program)).map(|(_, package)| *package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    if output(Command::new("id").arg("-u"))?.trim() != "0" {
        println!(
            "xtask: not installed, and this is not root: {}; the tests that need root are skipped",
            missing.join(", ")
        );
        return Ok(());
    }
    println!("xtask: installing {} with apt-get, for the tests that run on this machine", missing.join(", "));
    run(Command::new("apt-get").args(["-q", "update"]))?;
    let mut install = Command::new("apt-get");
    install.args(["-q", "install", "-y", "--no-install-recommends"]).args(&missing);
    run(install.env("DEBIAN_FRONTEND", "noninteractive"))
}

/// Whether a program can be started, from where a shell of root's would find it.
fn is_there(program: &str) -> bool {
    let path = std::env::var("PATH").unwrap_or_default();
    let folders = path.split(':').chain(["/usr/sbin", "/sbin"]);
    folders.into_iter().any(|folder| std::path::Path::new(folder).join(program).is_file())
}
