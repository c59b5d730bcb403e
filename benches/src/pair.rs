//! Two endpoints in one process: datagrams are passed on in memory, work is done at once.

use std::net::IpAddr;
use std::sync::Arc;

use crypto::{Encryption, Integrity, KeGroup, Prf, Secret, SystemEntropy, auth_equal, psk_auth};
use ike_proto::endpoint::{Endpoint, EndpointConfig};
use ike_proto::output::{Command, Completion, Output, Path, Work};
use ike_proto::policy::{
    Authentication, ChildPolicy, Connect, Esn, EspProposal, Identity, IkeProposal, Mode, PeerId, PeerPolicy,
    Selector, Timing,
};
use ike_proto::status::PeerState;
use ike_proto::time::Time;

/// The key that both ends have in common.
pub const PSK: &[u8] = b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// What both ends are called.
pub const IDENTITIES: [&str; 2] = ["web-1.example.net", "db-1.example.net"];

const ADDRESSES: [[u8; 4]; 2] = [[192, 0, 2, 10], [192, 0, 2, 20]];
const PEER: PeerId = PeerId(1);
const IKE_PORT: u16 = 500;

/// Two nodes that know each other and have not spoken yet.
pub struct Pair {
    ends: [Endpoint; 2],
    psk: Secret,
}

impl Pair {
    /// Configures both ends as the daemon does by default.
    pub fn new() -> Pair {
        Pair { ends: [0, 1].map(end), psk: Secret::copy_from(PSK) }
    }

    /// The first end connects to the second, until neither has anything left to do. Gives the datagrams.
    pub fn connect(&mut self) -> Vec<Vec<u8>> {
        let mut datagrams = Vec::with_capacity(4);
        self.ends[0].handle_command(Time::ZERO, Command::Connect(PEER));
        let (mut at, mut silent) = (0_usize, 0_u32);
        while silent < 2 {
            silent = if self.drain(at, &mut datagrams) { 0 } else { silent.saturating_add(1) };
            at ^= 1;
        }
        datagrams
    }

    /// Carries out what one end asks for; whether it asked for anything.
    fn drain(&mut self, at: usize, datagrams: &mut Vec<Vec<u8>>) -> bool {
        let mut any = false;
        while let Some(output) = self.ends[at].poll_output() {
            any = true;
            match output {
                Output::Transmit(transmit) => {
                    let Path { local, remote, socket } = transmit.path;
                    let mut octets = transmit.octets;
                    datagrams.push(octets.clone());
                    let path = Path { local: remote, remote: local, socket };
                    self.ends[at ^ 1].handle_datagram(Time::ZERO, path, &mut octets);
                }
                Output::Work(id, work) => {
                    let done = self.work(work);
                    self.ends[at].handle_completion(Time::ZERO, id, done);
                }
                Output::Event(_) => {}
            }
        }
        any
    }

    /// What the daemon's keeper and data plane do, without a kernel.
    fn work(&self, work: Work) -> Completion {
        match work {
            Work::Sign { prf, octets, .. } => {
                Completion::Signed(Ok(psk_auth(prf, &self.psk, &[&octets]).expose().to_vec()))
            }
            Work::Verify { prf, octets, auth, .. } => {
                Completion::Verified(auth_equal(psk_auth(prf, &self.psk, &[&octets]).expose(), &auth))
            }
            Work::InstallChild(_) => Completion::Installed(Ok(())),
            Work::UseChild(_) => Completion::Used(Ok(())),
            Work::RemoveChild(_) => Completion::Removed,
            Work::Route { .. } => Completion::Routed(Err("both local addresses are configured".into())),
        }
    }

    /// Stops the bench unless both ends have an IKE SA with a Child SA.
    pub fn assert_connected(&self) {
        for end in &self.ends {
            let state = end.peer_status(PEER).map(|status| status.state);
            assert_eq!(state, Some(PeerState::Up), "the handshake failed");
        }
    }
}

impl Default for Pair {
    fn default() -> Pair {
        Pair::new()
    }
}

fn end(at: usize) -> Endpoint {
    let mut endpoint = Endpoint::new(EndpointConfig::default(), Box::new(SystemEntropy));
    endpoint.handle_command(Time::ZERO, Command::Configure(PEER, Arc::new(policy(at, at ^ 1))));
    endpoint
}

fn policy(local: usize, remote: usize) -> PeerPolicy {
    PeerPolicy {
        local: Some(IpAddr::from(ADDRESSES[local])),
        remote: IpAddr::from(ADDRESSES[remote]),
        port: IKE_PORT,
        local_identity: Identity::fqdn(IDENTITIES[local]),
        remote_identity: Identity::fqdn(IDENTITIES[remote]),
        local_authentication: Authentication::Psk,
        remote_authentication: Authentication::Psk,
        proposals: ike_proposals().into(),
        child: ChildPolicy {
            mode: Mode::Transport,
            local: vec![Selector::HOST],
            remote: vec![Selector::HOST],
            proposals: esp_proposals().into(),
        },
        connect: Connect::Passive,
        timing: Arc::new(Timing::default()),
    }
}

const AEAD: [Encryption; 3] =
    [Encryption::AesGcm16_128, Encryption::AesGcm16_256, Encryption::ChaCha20Poly1305];
const CBC: [Encryption; 2] = [Encryption::AesCbc128, Encryption::AesCbc256];
const INTEGRITY: [Integrity; 3] =
    [Integrity::HmacSha2_256_128, Integrity::HmacSha2_384_192, Integrity::HmacSha2_512_256];

/// The daemon's default offer, of which AES-GCM-16-128, HMAC-SHA2-256 and X25519 are chosen.
fn ike_proposals() -> Vec<IkeProposal> {
    let proposal = |encryption: &[Encryption], integrity: &[Integrity]| IkeProposal {
        encryption: encryption.to_vec(),
        integrity: integrity.to_vec(),
        prf: vec![Prf::HmacSha2_256, Prf::HmacSha2_384, Prf::HmacSha2_512],
        groups: vec![
            KeGroup::X25519,
            KeGroup::P256,
            KeGroup::P384,
            KeGroup::Modp3072,
            KeGroup::Modp4096,
            KeGroup::Modp2048,
        ],
    };
    vec![proposal(&AEAD, &[]), proposal(&CBC, &INTEGRITY)]
}

/// The daemon's default offer, of which AES-GCM-16-128 with 64-bit sequence numbers is chosen.
fn esp_proposals() -> Vec<EspProposal> {
    let proposal = |encryption: &[Encryption], integrity: &[Integrity]| EspProposal {
        encryption: encryption.to_vec(),
        integrity: integrity.to_vec(),
        groups: Vec::new(),
        esn: vec![Esn::Yes, Esn::No],
    };
    vec![proposal(&AEAD, &[]), proposal(&CBC, &INTEGRITY)]
}
