//! The checked configuration: what every other part of the daemon works from, without file syntax.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use crypto::Secret;
use ike_proto::policy::{Identity, IkeProposal, PeerPolicy};

use super::diagnostic::{Diagnostic, Location};

/// A whole configuration in which every value has been checked, alone and against the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// This node.
    pub node: Node,
    /// The peers: those of the node file, then those of each peer file, in the files' order. No two have the same
    /// name, identity or address. May be empty.
    pub peers: Vec<Peer>,
}

/// What concerns the node itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Who we say we are, unless a peer has a `local-id`.
    pub id: Identity,
    /// Addresses that IKE is spoken on; empty: all that the host has.
    pub listen: Vec<IpAddr>,
    /// UDP port for IKE ([`DEFAULT_IKE_PORT`]).
    pub ike_port: u16,
    /// UDP port for IKE behind a non-ESP marker and for encapsulated ESP ([`DEFAULT_NAT_PORT`]); never the same as
    /// `ike_port`.
    pub nat_port: u16,
    /// The control socket ([`DEFAULT_CONTROL`]); absolute if the path of the node file is.
    pub control: PathBuf,
    /// What carries the traffic.
    pub data_plane: DataPlaneChoice,
    /// The least severe level that is logged.
    pub log: tracing::Level,
    /// How a log line looks.
    pub log_format: LogFormat,
    /// The IKE proposals of `[defaults]`: those of a peer without its own, and the answer to an unknown address.
    pub proposals: Arc<[IkeProposal]>,
}

/// What carries the traffic.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum DataPlaneChoice {
    /// The kernel if it has ESP, a TUN device otherwise.
    Auto,
    /// The kernel.
    Kernel,
    /// A TUN device, and ESP in UDP by the daemon itself.
    Userspace,
}

/// How a log line looks.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// One peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The operator's name for it, unique: 1 to 255 ASCII letters, digits and `-_.:@`, safe in a log line or a shell.
    pub name: String,
    /// What the protocol needs to know.
    pub policy: Arc<PeerPolicy>,
    /// The pre-shared key, read from its file; for [`crate::keeper::Keeper`] alone.
    pub psk: Arc<Secret>,
    /// Where the peer is defined.
    pub source: Location,
}

impl Peer {
    /// Whether `other` is the same peer with the same policy and key, wherever it is defined: its SAs stay as they
    /// are when the configuration is read again.
    pub fn is_unchanged(&self, other: &Peer) -> bool {
        self.name == other.name && self.policy == other.policy && self.psk == other.psk
    }
}

/// A configuration with what is odd, but not wrong, in it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// Warnings, for the log.
    pub warnings: Vec<Diagnostic>,
}

/// The IKE port (RFC 7296 section 2).
pub const DEFAULT_IKE_PORT: u16 = 500;

/// The port for IKE and ESP through a NAT (RFC 7296 section 2.23, RFC 3948).
pub const DEFAULT_NAT_PORT: u16 = 4500;

/// Where the control socket is unless `control` says otherwise.
pub const DEFAULT_CONTROL: &str = "/run/ikev2d/control.sock";
