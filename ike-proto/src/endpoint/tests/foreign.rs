//! A peer that is written by hand, message by message, so that it can do what our own initiator never does.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crypto::{
    Encryption, IkeContext, IkeSuite, KeGroup, Prf, Secret, SeededEntropy, auth_equal, ike_keys, psk_auth,
    skeyseed_rekeyed,
};

use crate::endpoint::{Endpoint, EndpointConfig};
use crate::exchange::auth::{self, Contact, Proof};
use crate::exchange::child;
use crate::exchange::init::{Agreed, Answered, Conclusion, Initiation};
use crate::ids::{EspSpi, IkeSpi, MessageId, Role};
use crate::message::auth::{AuthResponse, ChildPart};
use crate::message::init::InitResponse;
use crate::message::{Kind, Label, Spis};
use crate::natd::Encapsulation;
use crate::octets::{id_payload, signed_octets};
use crate::output::{ChildEnd, ChildSa, Command, Completion, Event, Output, Path, RequestId, Socket, Work};
use crate::policy::{
    Authentication, ChildPolicy, Connect, Esn, EspProposal, Identity, IkeProposal, Mode, PeerId, PeerPolicy,
    Selector, Timing,
};
use crate::seal::{Channel, SaSecrets};
use crate::time::Time;
use crate::wire::{ExchangeType, Header, KePayload, NoncePayload, Payload, Spi, parse_chain};

const PSK: &[u8] = b"a secret of both";

/// Both ends: our endpoint, and the peer by hand.
pub(super) struct Foreign {
    pub endpoint: Endpoint,
    pub now: Time,
    /// The Child SAs that our kernel has, in the order of installation; the flag: whether we send on it.
    pub kernel: Vec<(ChildSa, bool)>,
    pub events: Vec<Event>,
    /// The IKE SA as the peer has it.
    pub channel: Channel,
    pub secrets: SaSecrets,
    pub suite: IkeSuite,
    pub next: MessageId,
    /// The peer's inbound SPI of the first Child SA.
    pub spi: EspSpi,
    /// Installations fail with this text.
    pub kernel_refuses: Option<String>,
    entropy: SeededEntropy,
    sent: Vec<Vec<u8>>,
}

/// Where our endpoint sees the peer.
pub(super) fn path() -> Path {
    let local = SocketAddr::from(([10, 0, 0, 2], 500));
    Path { local, remote: SocketAddr::from(([10, 0, 0, 1], 500)), socket: Socket::Ike }
}

fn proposals() -> Arc<[IkeProposal]> {
    Arc::from([IkeProposal {
        encryption: vec![Encryption::AesGcm16_128],
        integrity: vec![],
        prf: vec![Prf::HmacSha2_256],
        groups: vec![KeGroup::X25519, KeGroup::P256],
    }])
}

/// Our endpoint's policy towards the peer.
pub(super) fn policy() -> PeerPolicy {
    let esp = EspProposal {
        encryption: vec![Encryption::AesGcm16_128],
        integrity: vec![],
        groups: vec![],
        esn: vec![Esn::No],
    };
    PeerPolicy {
        local: Some([10, 0, 0, 2].into()),
        remote: [10, 0, 0, 1].into(),
        port: 500,
        local_identity: Identity::fqdn("us"),
        remote_identity: Identity::fqdn("foreign"),
        local_authentication: Authentication::Psk,
        remote_authentication: Authentication::Psk,
        proposals: proposals(),
        child: ChildPolicy {
            mode: Mode::Transport,
            local: vec![Selector::HOST],
            remote: vec![Selector::HOST],
            proposals: Arc::from([esp]),
        },
        connect: Connect::Passive,
        timing: Arc::new(Timing::default()),
    }
}

fn label(exchange: ExchangeType, id: MessageId) -> Label {
    Label { exchange, kind: Kind::Request, id }
}

impl Foreign {
    /// Connects: IKE SA and first Child SA are there at both ends.
    pub fn connect() -> Foreign {
        let mut entropy = SeededEntropy::new(77);
        let config = EndpointConfig { default_proposals: proposals(), ..EndpointConfig::default() };
        let mut endpoint = Endpoint::new(config, Box::new(SeededEntropy::new(78)));
        endpoint.handle_command(Time::ZERO, Command::Configure(PeerId(1), Arc::new(policy())));
        let spi = IkeSpi::from_bytes([1; 8]);
        let theirs = Path { local: path().remote, remote: path().local, socket: Socket::Ike };
        let initiation = Initiation::start(spi, proposals(), Encapsulation::default(), &mut entropy).unwrap();
        let request = initiation.request(theirs).unwrap();
        let mut setup = Setup { endpoint, sent: Vec::new() };
        let response = setup.ask(&request);
        let header = Header::parse(&response).unwrap();
        let payloads = parse_chain(header.next_payload, &response[Header::LEN..]).unwrap();
        let answered = Answered {
            responder: header.responder_spi,
            request: &request,
            response: &response,
            path: theirs,
        };
        let conclusion = initiation.conclude(InitResponse::read(payloads).unwrap(), answered, &mut entropy);
        let Conclusion::Agreed(agreed) = conclusion else { panic!("no agreement") };
        Foreign::authenticate(setup, *agreed, entropy)
    }

    fn authenticate(setup: Setup, agreed: Agreed, entropy: SeededEntropy) -> Foreign {
        let ours = Identity::fqdn("foreign");
        let octets = signed_octets(
            &agreed.local_message,
            &agreed.remote_nonce,
            agreed.suite.prf,
            &agreed.secrets.sk_p_local,
            &id_payload(&ours).body(),
        );
        let auth = psk_auth(agreed.suite.prf, &Secret::copy_from(PSK), &[&octets]);
        let Setup { endpoint, sent } = setup;
        let mut foreign = Foreign {
            endpoint,
            now: Time::ZERO,
            kernel: Vec::new(),
            events: Vec::new(),
            channel: agreed.channel,
            secrets: agreed.secrets,
            suite: agreed.suite,
            next: MessageId(1),
            spi: EspSpi(0x1001),
            kernel_refuses: None,
            entropy,
            sent,
        };
        let offer = foreign.offer(foreign.spi);
        let proof = Proof { identity: &ours, authentication: Authentication::Psk, auth: auth.expose() };
        let wanted = Identity::fqdn("us");
        let payloads = auth::request(proof, &wanted, Contact::Initial, &offer);
        let mut response = foreign.ask_raw(ExchangeType::IKE_AUTH, &payloads);
        let header = Header::parse(&response).unwrap();
        let payloads = foreign.channel.open(&header, &mut response).unwrap();
        let AuthResponse::Accept(accept) = AuthResponse::read(payloads).unwrap() else { panic!("refused") };
        assert!(accept.child.unwrap().is_some());
        foreign
    }

    /// An offer of transport mode between the hosts, with this SPI.
    pub fn offer(&self, spi: EspSpi) -> ChildPart {
        let hosts = child::Hosts { local: path().remote.ip(), remote: path().local.ip() };
        child::offer(&policy().child, hosts, spi)
    }

    /// Sends a request under the IKE SA's keys and gives back what its response holds, named.
    pub fn ask(&mut self, exchange: ExchangeType, payloads: &[Payload<'_>]) -> Vec<String> {
        let mut response = self.ask_raw(exchange, payloads);
        self.names(&mut response)
    }

    /// What a message for the peer holds: payload types, and notifies by name.
    pub fn names(&self, response: &mut [u8]) -> Vec<String> {
        let header = Header::parse(response).unwrap();
        let payloads = self.channel.open(&header, response).unwrap();
        let name = |payload: &Payload<'_>| match payload {
            Payload::Notify(notify) => notify.kind.to_string(),
            other => other.payload_type().to_string(),
        };
        payloads.iter().map(name).collect()
    }

    /// The same, as it came.
    pub fn ask_raw(&mut self, exchange: ExchangeType, payloads: &[Payload<'_>]) -> Vec<u8> {
        let request = self.request(exchange, payloads);
        self.deliver(&request);
        self.sent.pop().expect("a response")
    }

    /// A sealed request; its message ID is used up.
    pub fn request(&mut self, exchange: ExchangeType, payloads: &[Payload<'_>]) -> Vec<u8> {
        let id = self.next;
        self.next = id.next().unwrap();
        self.channel.seal(label(exchange, id), payloads, &mut self.entropy).unwrap()
    }

    /// Puts octets into our endpoint.
    pub fn deliver(&mut self, message: &[u8]) {
        self.endpoint.handle_datagram(self.now, path(), &mut message.to_vec());
        self.drain();
    }

    /// Lets time pass.
    pub fn wait(&mut self, seconds: u64) {
        let end = self.now + Duration::from_secs(seconds);
        while let Some(due) = self.endpoint.poll_timeout().filter(|due| *due <= end) {
            self.now = due;
            self.endpoint.handle_timeout(due);
            self.drain();
        }
        self.now = end;
    }

    fn drain(&mut self) {
        while let Some(output) = self.endpoint.poll_output() {
            match output {
                Output::Transmit(transmit) => self.sent.push(transmit.octets),
                Output::Event(event) => self.events.push(event),
                Output::Work(id, work) => self.work(id, work),
            }
        }
    }

    fn work(&mut self, id: RequestId, work: Work) {
        let done = match work {
            Work::InstallChild(child) => Completion::Installed(match &self.kernel_refuses {
                Some(why) => Err(why.clone()),
                None => {
                    let sends = child.sending == crate::output::Sending::AtOnce;
                    self.kernel.push((*child, sends));
                    Ok(())
                }
            }),
            Work::UseChild(end) => {
                let child = self.kernel.iter_mut().find(|(child, _)| child.end() == end).unwrap();
                child.1 = true;
                Completion::Used(Ok(()))
            }
            Work::RemoveChild(end) => {
                self.kernel.retain(|(child, _)| child.end() != end);
                Completion::Removed
            }
            other => keeper(other),
        };
        self.endpoint.handle_completion(self.now, id, done);
    }

    /// What our kernel has: the peer's SPI, and whether we send on it.
    pub fn installed(&self) -> Vec<(EspSpi, bool)> {
        self.kernel.iter().map(|(child, sends)| (child.outbound_spi, *sends)).collect()
    }

    /// The end of our kernel's n-th Child SA.
    pub fn end(&self, n: usize) -> ChildEnd {
        self.kernel[n].0.end()
    }

    /// Rekeys the IKE SA: from here on the peer uses the new one. Gives back the old channel.
    pub fn rekey_ike(&mut self) -> (Channel, MessageId) {
        let group = KeGroup::X25519;
        let secret = group.generate(&mut self.entropy).unwrap();
        let public = secret.public().to_vec();
        let ours = IkeSpi::from_bytes([9; 8]);
        let mut sa = crate::exchange::propose::ike_offer(&proposals());
        sa.proposals.iter_mut().for_each(|proposal| proposal.spi = Spi::Ike(ours));
        let payloads = [
            Payload::Sa(sa),
            Payload::Nonce(NoncePayload { data: &[5; 32] }),
            Payload::Ke(KePayload { group: crate::wire::ke::X25519, data: &public }),
        ];
        let mut response = self.ask_raw(ExchangeType::CREATE_CHILD_SA, &payloads);
        let header = Header::parse(&response).unwrap();
        let payloads = self.channel.open(&header, &mut response).unwrap();
        let (mut spi, mut nonce, mut shared) = (None, Vec::new(), None);
        let mut secret = Some(secret);
        for payload in payloads {
            match payload {
                Payload::Sa(sa) => spi = Some(sa.proposals[0].spi.clone()),
                Payload::Nonce(theirs) => nonce = theirs.data.to_vec(),
                Payload::Ke(ke) => shared = Some(secret.take().unwrap().agree(ke.data).unwrap()),
                other => panic!("{other:?}"),
            }
        }
        let Some(Spi::Ike(theirs)) = spi else { panic!("{spi:?}") };
        let spis = Spis { initiator: ours, responder: theirs };
        let context =
            IkeContext { ni: &[5; 32], nr: &nonce, spi_i: ours.to_bytes(), spi_r: theirs.to_bytes() };
        let prf = self.suite.prf;
        let seed = skeyseed_rekeyed(prf, &self.secrets.sk_d, &shared.unwrap(), &[5; 32], &nonce);
        let keys = ike_keys(self.suite, &seed, &context).unwrap();
        let (channel, secrets) = Channel::new(keys, spis, Role::Initiator);
        self.secrets = secrets;
        (std::mem::replace(&mut self.channel, channel), std::mem::replace(&mut self.next, MessageId::ZERO))
    }
}

/// The endpoint before there are keys.
struct Setup {
    endpoint: Endpoint,
    sent: Vec<Vec<u8>>,
}

impl Setup {
    fn ask(&mut self, request: &[u8]) -> Vec<u8> {
        self.endpoint.handle_datagram(Time::ZERO, path(), &mut request.to_vec());
        while let Some(output) = self.endpoint.poll_output() {
            if let Output::Transmit(transmit) = output {
                self.sent.push(transmit.octets);
            }
        }
        self.sent.pop().expect("a response")
    }
}

fn keeper(work: Work) -> Completion {
    match work {
        Work::Sign { prf, octets, .. } => {
            Completion::Signed(Ok(psk_auth(prf, &Secret::copy_from(PSK), &[&octets]).expose().to_vec()))
        }
        Work::Verify { prf, octets, auth, .. } => {
            let expected = psk_auth(prf, &Secret::copy_from(PSK), &[&octets]);
            Completion::Verified(auth_equal(expected.expose(), &auth))
        }
        other => panic!("{other:?}"),
    }
}
