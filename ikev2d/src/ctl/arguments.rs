//! The command line of `ikectl`.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::config::DEFAULT_CONTROL;

/// Controls ikev2d.
#[derive(Debug, Parser)]
#[command(
    name = "ikectl",
    version,
    after_help = "Exit status: 0 done, 1 refused or failed, 2 wrong usage, 3 the daemon is not running."
)]
pub struct Arguments {
    /// The daemon's control socket.
    #[arg(long, global = true, value_name = "PATH", default_value = DEFAULT_CONTROL)]
    pub socket: PathBuf,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the peers: those that are down first, and why. The exit status is 0 whatever their state.
    Status {
        /// Only this peer, with all its SAs.
        peer: Option<String>,
        /// As JSON, one object.
        #[arg(long)]
        json: bool,
    },
    /// Connect to a peer and wait until it is up or the attempt has failed.
    Up {
        /// Its name in the configuration.
        peer: String,
        /// Seconds to wait.
        #[arg(long, value_name = "SECONDS", default_value_t = 60)]
        timeout: u64,
    },
    /// Delete a peer's SAs and stay disconnected until told otherwise. The peer may still connect.
    Down {
        /// Its name in the configuration.
        peer: String,
    },
    /// Read the configuration again. A broken one changes nothing.
    Reload,
    /// Show what happens, until interrupted.
    Monitor {
        /// As JSON, one object a line.
        #[arg(long)]
        json: bool,
    },
}
