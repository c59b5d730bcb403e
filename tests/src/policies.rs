//! Policies for simulated nodes: sensible defaults, each field open to change.

use std::net::IpAddr;
use std::sync::Arc;

use crypto::{Encryption, Integrity, KeGroup, Prf};
use ike_proto::policy::{
    Authentication, ChildPolicy, Connect, Esn, EspProposal, Identity, IkeProposal, Mode, PeerPolicy,
    Selector, Timing,
};

/// The address of node `index`: 10.0.0.1 and on.
pub fn address(index: usize) -> IpAddr {
    let [high, low] = u16::try_from(index + 1).expect("few nodes").to_be_bytes();
    IpAddr::from([10, 0, high, low])
}

/// The identity of node `index`: `node-000.example.net` and on.
pub fn identity(index: usize) -> Identity {
    Identity::fqdn(&format!("node-{index:03}.example.net"))
}

/// AES-128-GCM, HMAC-SHA2-256, X25519: one proposal with one transform of each type.
pub fn ike_proposal() -> IkeProposal {
    IkeProposal {
        encryption: vec![Encryption::AesGcm16_128],
        integrity: vec![],
        prf: vec![Prf::HmacSha2_256],
        groups: vec![KeGroup::X25519],
    }
}

/// AES-128-GCM.
pub fn esp_proposal() -> EspProposal {
    EspProposal {
        encryption: vec![Encryption::AesGcm16_128],
        integrity: vec![],
        groups: vec![],
        esn: vec![Esn::No],
    }
}

/// AES-256-CBC with HMAC-SHA2-256-128, HMAC-SHA2-512, P-256.
pub fn cbc_proposal() -> IkeProposal {
    IkeProposal {
        encryption: vec![Encryption::AesCbc256],
        integrity: vec![Integrity::HmacSha2_256_128],
        prf: vec![Prf::HmacSha2_512],
        groups: vec![KeGroup::P256],
    }
}

/// Node `local`'s policy towards node `remote`: PSK, transport mode, always connected.
pub fn policy(local: usize, remote: usize) -> PeerPolicy {
    PeerPolicy {
        local: Some(address(local)),
        remote: address(remote),
        port: 500,
        local_identity: identity(local),
        remote_identity: identity(remote),
        local_authentication: Authentication::Psk,
        remote_authentication: Authentication::Psk,
        proposals: Arc::from([ike_proposal()]),
        child: ChildPolicy {
            mode: Mode::Transport,
            local: vec![Selector::HOST],
            remote: vec![Selector::HOST],
            proposals: Arc::from([esp_proposal()]),
        },
        connect: Connect::Always,
        timing: Arc::new(Timing::default()),
    }
}

/// How a pair is made: node 0 connects, node 1 only answers, both by [`policy`].
pub struct Setup {
    /// Node 0's policy towards node 1.
    pub initiator: PeerPolicy,
    /// Node 1's policy towards node 0.
    pub responder: PeerPolicy,
}

impl Default for Setup {
    fn default() -> Setup {
        let responder = PeerPolicy { connect: Connect::Passive, ..policy(1, 0) };
        Setup { initiator: policy(0, 1), responder }
    }
}

impl Setup {
    /// Changes both ends alike.
    pub fn both(mut self, change: impl Fn(&mut PeerPolicy)) -> Setup {
        change(&mut self.initiator);
        change(&mut self.responder);
        self
    }
}
