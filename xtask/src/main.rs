//! What the README's commands call: `cargo xtask lab|demo|daemon|rekey|interop|test|bench|fuzz`.
#![allow(clippy::print_stdout, reason = "a command-line tool for developers: its output is its product")]

mod cargo;
mod checks;
mod cpio;
mod guest;
mod host;
mod lab;
mod process;
mod qemu;
mod stages;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  lab [OPTIONS] -- SCRIPT [ARGS]   run a bash script as root in a guest with its own Debian kernel
      --files SRC[:NAME]           copy a file or folder of this machine to /job/NAME (may be repeated)
      --env K=V                    set a variable for the script (may be repeated)
      --out DIR                    where the guest's $OUT and the console log go (default: target/lab/SCRIPT)
      --timeout SECS               kill the guest after that (default 300; exit status 124)
      --memory MiB                 the guest's memory (default 1024)
      --no-build                   do not build and ship ikev2d and ikectl
  demo                             three nodes, all pairs encrypted, shown by a capture between them
  interop [strongswan-VERSION..]   the interoperation matrix (all versions unless named: 6.1 6.0 5.9)
  daemon                           what the daemon promises; tunnels through a NAT; ESP in userspace with kernel peers
  rekey                            strongSwan rekeys its SAs with us under a running ping
  test                             every test: format, clippy, cargo test, then in the guest: kernel tests, demo, NAT,
                                   rekeying, daemon, interoperation
  bench [NAME]                     cargo bench of the benches package (default: handshake)
  fuzz [SECONDS]                   every fuzz target for SECONDS each (default 60)
  ci                               the same as test

environment
  IKEV2D_LAB_DIR    where the guest and its packages are cached (default: $XDG_CACHE_HOME/ikev2d-lab or ~/.cache/ikev2d-lab).
                    Deleting it is always safe: the next run makes it again.
  IKEV2D_LAB_ACCEL  QEMU's accelerator, `kvm` or `tcg` (default: kvm where it works, else tcg)
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(code) => ExitCode::from(code),
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the command and gives its exit status.
fn dispatch(arguments: &[String]) -> process::Result<u8> {
    let Some((command, rest)) = arguments.split_first() else {
        return Err(format!("no command\n{USAGE}"));
    };
    match command.as_str() {
        "lab" => lab::command(rest),
        "demo" => checks::demo(),
        "interop" => checks::interop(rest),
        "daemon" => checks::daemon(),
        "rekey" => checks::rekey(),
        "test" | "ci" => stages::test(),
        "bench" => cargo::bench(rest),
        "fuzz" => cargo::fuzz(rest),
        "help" | "--help" | "-h" => {
            print!("{USAGE}");
            Ok(0)
        }
        other => Err(format!("no command `{other}`\n{USAGE}")),
    }
}
