//! IKE_SA_INIT (RFC 7296 section 1.2) as two values: what the initiator holds until the answer comes, and what
//! the responder says at once.

use std::sync::Arc;

use crypto::{Entropy, IkeContext, IkeSuite, KeError, KeGroup, KeSecret, Secret, ike_keys, skeyseed};

use super::Refusal;
use super::propose::{IkeChoice, accept_ike, choose_ike, ike_offer};
use crate::ids::{IkeSpi, MessageId, Role};
use crate::keys::group_number;
use crate::message::init::{InitAccept, InitRequest, InitResponse};
use crate::message::{Kind, Label, Spis, emit_plain, header, notify};
use crate::natd::{self, Encapsulation, Nat};
use crate::output::Path;
use crate::policy::IkeProposal;
use crate::seal::{Channel, SaSecrets};
use crate::wire::{ExchangeType, KePayload, NoncePayload, NotifyType, Payload, TransformId, WireError};

/// Octets of our nonces: at least half the key size of every PRF that we have (RFC 7296 section 2.10).
pub(crate) const NONCE_LEN: usize = 32;

/// Most times that one attempt answers COOKIE and INVALID_KE_PAYLOAD: a cookie, a group, a fresh cookie for it,
/// and one more of each for a responder that restarts meanwhile.
const MAX_ROUNDS: u32 = 5;

/// What the two ends of a new IKE SA have agreed on, and know.
pub(crate) struct Agreed {
    pub channel: Channel,
    pub secrets: SaSecrets,
    pub suite: IkeSuite,
    pub group: KeGroup,
    /// Ni or Nr: ours.
    pub local_nonce: Vec<u8>,
    /// Nr or Ni: the peer's.
    pub remote_nonce: Vec<u8>,
    /// Our IKE_SA_INIT message, whole: AUTH signs it.
    pub local_message: Vec<u8>,
    /// The peer's.
    pub remote_message: Vec<u8>,
    pub nat: Nat,
}

/// The initiator's half of an unfinished IKE_SA_INIT.
pub(crate) struct Initiation {
    spi: IkeSpi,
    nonce: Vec<u8>,
    secret: KeSecret,
    proposals: Arc<[IkeProposal]>,
    cookie: Option<Vec<u8>>,
    rounds: u32,
    encapsulation: Encapsulation,
}

/// What a response makes of an [`Initiation`].
pub(crate) enum Conclusion {
    /// Both ends have keys.
    Agreed(Box<Agreed>),
    /// Ask again, with what the responder wants to see.
    Again(Initiation),
    /// The responder, or somebody else, says no: nothing in it is authenticated.
    Refused(Initiation, NotifyType),
    /// It makes no sense: as if it had not come.
    Rejected(Initiation),
    /// It agrees to something that we did not offer, or its key exchange value is invalid.
    Failed(&'static str),
}

impl Initiation {
    /// Starts with the first group of the first proposal.
    pub fn start(
        spi: IkeSpi,
        proposals: Arc<[IkeProposal]>,
        encapsulation: Encapsulation,
        entropy: &mut dyn Entropy,
    ) -> Result<Initiation, KeError> {
        let group = proposals.iter().find_map(|proposal| proposal.groups.first().copied());
        let secret = group.ok_or(KeError::Failed)?.generate(entropy)?;
        let nonce = nonce(entropy);
        Ok(Initiation { spi, nonce, secret, proposals, cookie: None, rounds: 0, encapsulation })
    }

    fn spis(&self) -> Spis {
        Spis { initiator: self.spi, responder: IkeSpi::ZERO }
    }

    /// The request as it stands: `[N(COOKIE)], SA, KE, Ni, N(NATD source), N(NATD destination)`.
    pub fn request(&self, path: Path) -> Result<Vec<u8>, WireError> {
        let label = Label { exchange: ExchangeType::IKE_SA_INIT, kind: Kind::Request, id: MessageId::ZERO };
        let mut payloads = Vec::new();
        // "the COOKIE notification ... as the first payload" (2.6).
        payloads.extend(self.cookie.as_ref().map(|cookie| notify(NotifyType::COOKIE, cookie)));
        let group = group_number(self.secret.group());
        let hashes = nat_hashes(self.spis(), path, self.encapsulation);
        payloads.extend(opening(ike_offer(&self.proposals), (group, self.secret.public()), &self.nonce));
        payloads.extend(nat_notifies(&hashes));
        emit_plain(header(self.spis(), Role::Initiator, label), &payloads)
    }

    /// Takes the response in. `responder` is the SPI in its header, `ours` the request that it answers.
    pub fn conclude(
        self,
        response: InitResponse<'_>,
        exchange: Answered<'_>,
        entropy: &mut dyn Entropy,
    ) -> Conclusion {
        match response {
            InitResponse::Accept(accept) => self.agree(accept, exchange),
            InitResponse::Error(kind) => Conclusion::Refused(self, kind),
            InitResponse::Cookie(_) | InitResponse::InvalidKe(_) if self.rounds >= MAX_ROUNDS => {
                Conclusion::Rejected(self)
            }
            InitResponse::Cookie(cookie) => {
                let rounds = self.rounds.saturating_add(1);
                Conclusion::Again(Initiation { cookie: Some(cookie.to_vec()), rounds, ..self })
            }
            InitResponse::InvalidKe(wanted) => self.change_group(wanted, entropy),
        }
    }

    /// "the initiator MUST retry the IKE_SA_INIT with the corrected Diffie-Hellman group ... MUST again propose its
    /// full set of acceptable cryptographic suites" (1.2); a cookie that we have stays good (2.6.1).
    fn change_group(self, wanted: TransformId, entropy: &mut dyn Entropy) -> Conclusion {
        let offered = self.proposals.iter().flat_map(|proposal| proposal.groups.iter().copied());
        let group = offered.into_iter().find(|group| group_number(*group) == wanted);
        match group {
            Some(group) if group != self.secret.group() => match group.generate(entropy) {
                Ok(secret) => {
                    let rounds = self.rounds.saturating_add(1);
                    Conclusion::Again(Initiation { secret, rounds, ..self })
                }
                Err(_) => Conclusion::Failed("no key exchange secret could be made"),
            },
            Some(_) => Conclusion::Rejected(self),
            None => Conclusion::Rejected(self),
        }
    }

    fn agree(self, accept: InitAccept<'_>, exchange: Answered<'_>) -> Conclusion {
        if exchange.responder.is_zero() {
            return Conclusion::Rejected(self);
        }
        let Some(choice) = accept_ike(&self.proposals, &accept.sa) else {
            return Conclusion::Failed("it chose a proposal that was not offered");
        };
        if accept.ke.group != group_number(choice.group) || choice.group != self.secret.group() {
            return Conclusion::Failed("its key exchange value is of another group than it chose");
        }
        let Ok(shared) = self.secret.agree(accept.ke.data) else {
            return Conclusion::Failed("its key exchange value is invalid");
        };
        let spis = Spis { initiator: self.spi, responder: exchange.responder };
        let nonces = Nonces { initiator: &self.nonce, responder: accept.nonce };
        let Some((channel, secrets)) = derive(choice, &shared, nonces, spis, Role::Initiator) else {
            return Conclusion::Failed("no keys could be derived");
        };
        Conclusion::Agreed(Box::new(Agreed {
            channel,
            secrets,
            suite: choice.suite,
            group: choice.group,
            remote_nonce: accept.nonce.to_vec(),
            local_nonce: self.nonce,
            local_message: exchange.request.to_vec(),
            remote_message: exchange.response.to_vec(),
            nat: natd::detect(&accept.nat, spis, exchange.path).or_feigned(self.encapsulation),
        }))
    }
}

/// The octets and addresses of one finished IKE_SA_INIT.
#[derive(Copy, Clone)]
pub(crate) struct Answered<'a> {
    pub responder: IkeSpi,
    pub request: &'a [u8],
    pub response: &'a [u8],
    pub path: Path,
}

/// Why a responder does not agree.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum NotAgreed {
    /// Say so.
    Refuse(Refusal),
    /// "the recipient MUST drop the message that contains an invalid KE payload" (RFC 6989 section 2.5).
    InvalidKeyExchange,
}

/// The responder's whole part: keys, and the response to send.
pub(crate) fn respond(
    request: &InitRequest<'_>,
    asked: Asked<'_>,
    proposals: &[IkeProposal],
    entropy: &mut dyn Entropy,
) -> Result<Agreed, NotAgreed> {
    let (choice, answer) = choose_ike(proposals, &request.sa, request.ke.group)
        .ok_or(NotAgreed::Refuse(Refusal::NoProposalChosen))?;
    let group = group_number(choice.group);
    if request.ke.group != group {
        return Err(NotAgreed::Refuse(Refusal::InvalidKe(group)));
    }
    let secret = choice.group.generate(entropy).map_err(|_| NotAgreed::InvalidKeyExchange)?;
    let public = secret.public().to_vec();
    let shared = secret.agree(request.ke.data).map_err(|error| match error {
        // "The length ... MUST be equal to" the group's (3.4): a syntax error, not a weak value.
        KeError::WrongLength => NotAgreed::Refuse(Refusal::InvalidSyntax),
        KeError::InvalidPublicValue | KeError::Failed => NotAgreed::InvalidKeyExchange,
    })?;
    let local_nonce = nonce(entropy);
    let nonces = Nonces { initiator: request.nonce, responder: &local_nonce };
    let (channel, secrets) = derive(choice, &shared, nonces, asked.spis, Role::Responder)
        .ok_or(NotAgreed::Refuse(Refusal::NoProposalChosen))?;

    let label = Label { exchange: ExchangeType::IKE_SA_INIT, kind: Kind::Response, id: MessageId::ZERO };
    let hashes = nat_hashes(asked.spis, asked.path, asked.encapsulation);
    let mut payloads = opening(answer, (group, &public), &local_nonce);
    payloads.extend(nat_notifies(&hashes));
    let local_message = emit_plain(header(asked.spis, Role::Responder, label), &payloads)
        .map_err(|_| NotAgreed::Refuse(Refusal::InvalidSyntax))?;
    let as_asked = Spis { responder: IkeSpi::ZERO, ..asked.spis };
    Ok(Agreed {
        channel,
        secrets,
        suite: choice.suite,
        group: choice.group,
        remote_nonce: request.nonce.to_vec(),
        local_nonce,
        local_message,
        remote_message: asked.message.to_vec(),
        nat: natd::detect(&request.nat, as_asked, asked.path).or_feigned(asked.encapsulation),
    })
}

/// Where a request came from, and the SPIs that its SA will have.
#[derive(Copy, Clone)]
pub(crate) struct Asked<'a> {
    pub message: &'a [u8],
    pub path: Path,
    pub spis: Spis,
    pub encapsulation: Encapsulation,
}

#[derive(Copy, Clone)]
struct Nonces<'a> {
    initiator: &'a [u8],
    responder: &'a [u8],
}

fn derive(
    choice: IkeChoice,
    shared: &Secret,
    nonces: Nonces<'_>,
    spis: Spis,
    role: Role,
) -> Option<(Channel, SaSecrets)> {
    // A nonce "MUST be at least half the key size of the negotiated pseudorandom function" (2.10).
    let least = choice.suite.prf.key_len().checked_div(2)?;
    if nonces.initiator.len() < least || nonces.responder.len() < least {
        return None;
    }
    let seed = skeyseed(choice.suite.prf, nonces.initiator, nonces.responder, shared);
    let context = IkeContext {
        ni: nonces.initiator,
        nr: nonces.responder,
        spi_i: spis.initiator.to_bytes(),
        spi_r: spis.responder.to_bytes(),
    };
    let keys = ike_keys(choice.suite, &seed, &context).ok()?;
    Some(Channel::new(keys, spis, role))
}

pub(crate) fn nonce(entropy: &mut dyn Entropy) -> Vec<u8> {
    let mut nonce = vec![0; NONCE_LEN];
    entropy.public(&mut nonce);
    nonce
}

/// SA, KE, nonce: what both messages begin with.
fn opening<'a>(
    sa: crate::wire::SaPayload,
    (group, data): (TransformId, &'a [u8]),
    nonce: &'a [u8],
) -> Vec<Payload<'a>> {
    vec![
        Payload::Sa(sa),
        Payload::Ke(KePayload { group, data }),
        Payload::Nonce(NoncePayload { data: nonce }),
    ]
}

/// Source and destination as this end sees them.
fn nat_hashes(spis: Spis, path: Path, encapsulation: Encapsulation) -> [[u8; 20]; 2] {
    [natd::source_hash(spis, path.local, encapsulation), natd::hash(spis, path.remote)]
}

fn nat_notifies([source, destination]: &[[u8; 20]; 2]) -> [Payload<'_>; 2] {
    [
        notify(NotifyType::NAT_DETECTION_SOURCE_IP, source),
        notify(NotifyType::NAT_DETECTION_DESTINATION_IP, destination),
    ]
}
