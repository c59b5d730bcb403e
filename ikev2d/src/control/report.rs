//! The status, field by field. Durations are whole seconds; a field that does not apply is left out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The whole node, or the part of it that was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StatusReport {
    /// The daemon's version.
    pub daemon: String,
    /// Who this node says it is.
    pub node: String,
    /// `xfrm` (the kernel), `userspace` or `null`.
    pub data_plane: String,
    /// Why this one.
    pub data_plane_reason: String,
    /// What the operator should know about the data plane.
    pub warnings: Vec<String>,
    /// Since the start.
    pub uptime_seconds: u64,
    /// Addresses and ports.
    pub listen: Vec<String>,
    /// Half-open IKE SAs of peers that have not said yet who they are.
    pub half_open: usize,
    /// Datagrams dropped without an answer, by cause.
    pub drops: BTreeMap<String, u64>,
    /// Packets that the userspace data plane dropped, by cause.
    pub packet_drops: BTreeMap<String, u64>,
    /// Datagrams that could not be sent, by the system's reason.
    pub send_errors: BTreeMap<String, u64>,
    /// The peers in the order of their IDs, or the one asked for.
    pub peers: Vec<PeerReport>,
}

/// One peer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PeerReport {
    /// Its name in the configuration.
    pub name: String,
    /// Who it must prove to be.
    pub id: String,
    /// Its configured address.
    pub address: String,
    /// `transport` or `tunnel`.
    pub mode: String,
    /// `always` or `passive`.
    pub connect: String,
    /// The reqid of its policies and SAs, as `ip xfrm` prints it.
    pub reqid: u32,
    /// `up`, `connecting`, `down` or `idle`.
    pub state: String,
    /// How long it has been so.
    pub since_seconds: u64,
    /// Failed attempts since it was last up.
    pub attempts: u32,
    /// Until the next attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_seconds: Option<u64>,
    /// The last failure of either side, until the peer is up again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<FailureReport>,
    /// Why its policies are not (all) in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_error: Option<String>,
    /// Its IKE SAs.
    pub ike_sas: Vec<IkeReport>,
}

/// A failure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FailureReport {
    /// Why.
    pub reason: String,
    /// How long ago.
    pub seconds_ago: u64,
    /// When, in seconds since 1970.
    pub time: u64,
}

/// One IKE SA.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IkeReport {
    /// Our SPI, 16 hexadecimal digits.
    pub local_spi: String,
    /// The peer's SPI, zeros while unknown.
    pub remote_spi: String,
    /// `initiator` or `responder`.
    pub role: String,
    /// `init-sent`, `half-open`, `authenticating`, `established` or `closing`.
    pub phase: String,
    /// Our address and port.
    pub local: String,
    /// The peer's address and port.
    pub remote: String,
    /// Negotiated algorithms by strongSwan's names for them, joined by hyphens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithms: Option<String>,
    /// A NAT stands before us.
    pub nat_local: bool,
    /// A NAT stands before the peer.
    pub nat_remote: bool,
    /// How long it has been established.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub established_seconds: Option<u64>,
    /// Its Child SAs.
    pub children: Vec<ChildReport>,
}

/// One Child SA.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChildReport {
    /// The SPI of packets to us, as `ip xfrm state` prints it.
    pub inbound_spi: String,
    /// The SPI of packets from us.
    pub outbound_spi: String,
    /// `transport` or `tunnel`.
    pub mode: String,
    /// Negotiated algorithms.
    pub algorithms: String,
    /// 64-bit sequence numbers.
    pub esn: bool,
    /// ESP travels in UDP.
    pub encapsulated: bool,
    /// Our side's traffic.
    pub local: Vec<String>,
    /// The peer's side's traffic.
    pub remote: Vec<String>,
    /// How long it has been installed.
    pub age_seconds: u64,
    /// Octets received.
    pub bytes_in: u64,
    /// Packets received.
    pub packets_in: u64,
    /// Octets sent.
    pub bytes_out: u64,
    /// Packets sent.
    pub packets_out: u64,
}
