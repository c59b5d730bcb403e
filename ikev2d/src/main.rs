//! `ikev2d`, the daemon. See `--help` and `docs/`.
//!
//! Exit status: 0 after a signal stopped it, or when `--check` found nothing wrong; 1 when it could not start, run or
//! clean up; 2 when the command line or the configuration is wrong.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use ikev2d::config::{self, DataPlaneChoice, LogFormat};
use ikev2d::daemon::{self, Failure, Options, Plane};

/// Could not start, run or clean up.
const FAILED: u8 = 1;
/// The command line or the configuration is wrong; clap exits with it too.
const USAGE: u8 = 2;

/// Keeps this host connected to its peers by IPsec, as its configuration says.
#[derive(Debug, Parser)]
#[command(
    name = "ikev2d",
    version,
    after_help = "Exit status: 0 stopped or checked, 1 failed, 2 wrong usage or configuration."
)]
struct Arguments {
    /// The node file.
    #[arg(long, value_name = "FILE", default_value = "/etc/ikev2d/ikev2d.toml")]
    config: PathBuf,
    /// Check the configuration, the peers' files and keys, and exit; nothing else is touched.
    #[arg(long)]
    check: bool,
    /// How a log line looks (instead of `log-format` in the node file).
    #[arg(long, value_enum, value_name = "FORMAT")]
    log_format: Option<LogFormatArgument>,
    /// What carries the traffic: `null` encrypts NOTHING and is for tests.
    #[arg(long, value_enum, hide = true)]
    data_plane: Option<PlaneArgument>,
}

#[derive(Copy, Clone, Debug, ValueEnum)]
enum LogFormatArgument {
    Text,
    Json,
}

#[derive(Copy, Clone, Debug, ValueEnum)]
enum PlaneArgument {
    Auto,
    Kernel,
    Userspace,
    Null,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.check {
        return check(&arguments.config);
    }
    let options = Options {
        config: arguments.config,
        log_format: arguments.log_format.map(|format| match format {
            LogFormatArgument::Text => LogFormat::Text,
            LogFormatArgument::Json => LogFormat::Json,
        }),
        plane: arguments.data_plane.map(|plane| match plane {
            PlaneArgument::Auto => Plane::Choice(DataPlaneChoice::Auto),
            PlaneArgument::Kernel => Plane::Choice(DataPlaneChoice::Kernel),
            PlaneArgument::Userspace => Plane::Choice(DataPlaneChoice::Userspace),
            PlaneArgument::Null => Plane::Null,
        }),
    };
    match daemon::run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("ikev2d: {failure}");
            ExitCode::from(match failure {
                Failure::Config(_) => USAGE,
                Failure::Runtime(_) => FAILED,
            })
        }
    }
}

fn check(path: &std::path::Path) -> ExitCode {
    match config::load(path) {
        Ok(loaded) => {
            for warning in &loaded.warnings {
                eprintln!("{warning}");
            }
            let peers = loaded.config.peers.len();
            let told =
                writeln!(std::io::stdout(), "{}: the configuration is valid, {peers} peers", path.display());
            if told.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) }
        }
        Err(errors) => {
            eprintln!("{errors}");
            ExitCode::from(USAGE)
        }
    }
}
