//! Configuration: files in, a checked [`Config`] or everything that is wrong with them out.
//!
//! ```text
//! files ── source ─┬─ toml ─┬─ tree ── check ─┬─ node ─────┬─ load
//!                  └─ json ─┘                 ├─ settings ─┤
//!                                             └─ peer ─────┴─ unique, psk
//! ```
//!
//! Both languages become the same tree of values with their places, so that an error in JSON is as exact as one in
//! TOML. What a field's text means has a file for each kind: `address`, `identity`, `duration`, `selector`,
//! `proposal` with `algorithm`. Nothing stops at the first error: what is wrong goes into a report and reading goes on.

mod address;
mod algorithm;
mod check;
mod diagnostic;
mod duration;
mod files;
mod identity;
mod json;
mod load;
mod model;
mod node;
mod peer;
mod proposal;
mod psk;
mod report;
mod selector;
mod settings;
mod source;
mod toml;
mod tree;
mod unique;

#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::path::Path;

pub use diagnostic::{Diagnostic, Errors, Location, MAX_DIAGNOSTICS, Severity, Snippet};
pub use model::{
    Config, DEFAULT_CONTROL, DEFAULT_IKE_PORT, DEFAULT_NAT_PORT, DataPlaneChoice, Loaded, LogFormat, Node,
    Peer,
};
pub use source::Format;

/// Reads the node file and every peer file and key file that it leads to, and checks them.
///
/// Paths in a file are relative to the directory of that file. Without `listen`, no peer may have an address that this
/// host has now. The time is linear in the number of peers.
///
/// # Errors
/// Everything that is wrong, not only the first thing.
pub fn load(node_file: &Path) -> Result<Loaded, Errors> {
    load::load(node_file, &host_addresses())
}

/// Checks a node file's text, peers included, without looking at any file that it names; returns the number of peers.
///
/// # Errors
/// Everything that is wrong.
pub fn check_text(text: &str, format: Format) -> Result<usize, Errors> {
    load::check_text(text, format)
}

/// The addresses of all interfaces; none if the system does not tell, which costs a check and nothing else.
fn host_addresses() -> Vec<IpAddr> {
    let interfaces = nix::ifaddrs::getifaddrs().into_iter().flatten();
    let sockets = interfaces.filter_map(|interface| interface.address);
    sockets
        .filter_map(|socket| {
            let v4 = socket.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
            v4.or_else(|| socket.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
        })
        .collect()
}
