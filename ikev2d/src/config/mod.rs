//! Configuration: files in, a checked [`Config`] or everything that is wrong with them out.

mod diagnostic;
mod model;

use std::path::Path;

pub use diagnostic::{Diagnostic, Errors, Location, MAX_DIAGNOSTICS, Severity, Snippet};
pub use model::{
    Config, DEFAULT_CONTROL, DEFAULT_IKE_PORT, DEFAULT_NAT_PORT, Loaded, LogFormat, Node, Peer,
};

/// Reads the node file and every peer file and key file that it leads to, and checks them.
///
/// Paths in a file are relative to the directory of that file. The time is linear in the number of peers.
///
/// # Errors
/// Everything that is wrong, not only the first thing.
pub fn load(node_file: &Path) -> Result<Loaded, Errors> {
    load::load(node_file)
}
