//! `ikectl`, the control tool. See `--help` and `docs/control-protocol.md`.
//!
//! Exit status: 0 done; 1 refused or failed; 2 wrong usage; 3 the daemon is not running.

use std::process::ExitCode;

use clap::Parser;
use ikev2d::ctl::{Arguments, Exit, run};

fn main() -> ExitCode {
    match run(&Arguments::parse(), &mut std::io::stdout()) {
        Exit::Done => ExitCode::SUCCESS,
        Exit::Failed => ExitCode::from(1),
        Exit::NotRunning => ExitCode::from(3),
    }
}
