//! CREATE_CHILD_SA as responder (RFC 7296 sections 1.3, 2.17, 2.18): what is agreed, and what is answered.

use crypto::{Entropy, IkeContext, IkeSuite, KeError, KeGroup, Secret, ike_keys, skeyseed_rekeyed};

use super::Refusal;
use super::child::{self, ChildChoice, Hosts, Ours};
use super::init::nonce;
use super::propose::{IkeRekey, KeyExchange, choose_ike_rekey};
use crate::ids::{EspSpi, IkeSpi, Role};
use crate::keys::group_number;
use crate::message::Spis;
use crate::message::auth::ChildPart;
use crate::message::create_child::{ChildRequest, RekeyIkeRequest};
use crate::output::Reason;
use crate::policy::{ChildPolicy, IkeProposal};
use crate::seal::{Channel, SaSecrets};
use crate::wire::{KePayload, NoncePayload, Payload, SaPayload, TransformId};

/// A Child SA that is agreed on, and the secret of its own key exchange.
pub(crate) struct AgreedChild {
    pub choice: ChildChoice,
    pub shared: Option<Secret>,
    pub answer: ChildAnswer,
}

/// What the response says: `[N(USE_TRANSPORT_MODE)], SA, TSi, TSr, Nr, [KEr]`.
pub(crate) struct ChildAnswer {
    part: ChildPart,
    pub nonce: Vec<u8>,
    public: Option<(TransformId, Vec<u8>)>,
}

impl ChildAnswer {
    pub fn payloads(&self) -> Vec<Payload<'_>> {
        let mut payloads = child::payloads(&self.part);
        payloads.push(Payload::Nonce(NoncePayload { data: &self.nonce }));
        payloads
            .extend(self.public.as_ref().map(|(group, data)| Payload::Ke(KePayload { group: *group, data })));
        payloads
    }
}

/// Decides on a Child SA.
pub(crate) fn answer_child(
    policy: &ChildPolicy,
    hosts: Hosts,
    spi: EspSpi,
    request: &ChildRequest<'_>,
    entropy: &mut dyn Entropy,
) -> Result<AgreedChild, (Refusal, Reason)> {
    let sent = request.ke.as_ref().map(|ke| ke.group);
    let ours = Ours { spi, exchange: KeyExchange::Sent(sent) };
    let (choice, part) = child::choose(policy, hosts, ours, &request.part)?;
    let exchanged = match (choice.esp.group, &request.ke) {
        (None, _) => None,
        (Some(group), Some(ke)) if ke.group == group_number(group) => {
            Some(exchange(group, ke.data, entropy)?)
        }
        (Some(group), _) => return Err((Refusal::InvalidKe(group_number(group)), Reason::NoProposalChosen)),
    };
    let (public, shared) = match exchanged {
        Some(Exchanged { public, shared }) => (Some(public), Some(shared)),
        None => (None, None),
    };
    Ok(AgreedChild { choice, shared, answer: ChildAnswer { part, nonce: nonce(entropy), public } })
}

/// New keys for the IKE SA that are agreed on.
pub(crate) struct AgreedIke {
    pub channel: Channel,
    pub secrets: SaSecrets,
    pub suite: IkeSuite,
    pub group: KeGroup,
    pub lowest_nonce: Vec<u8>,
    pub answer: IkeAnswer,
}

/// What the response says: `SA, Nr, KEr`.
pub(crate) struct IkeAnswer {
    sa: SaPayload,
    nonce: Vec<u8>,
    public: (TransformId, Vec<u8>),
}

impl IkeAnswer {
    pub fn payloads(&self) -> Vec<Payload<'_>> {
        vec![
            Payload::Sa(SaPayload { proposals: self.sa.proposals.clone() }),
            Payload::Nonce(NoncePayload { data: &self.nonce }),
            Payload::Ke(KePayload { group: self.public.0, data: &self.public.1 }),
        ]
    }
}

/// The IKE SA that gets new keys.
#[derive(Copy, Clone)]
pub(crate) struct Current<'a> {
    pub suite: IkeSuite,
    pub sk_d: &'a Secret,
    /// Our SPI of the new one.
    pub new_spi: IkeSpi,
}

/// Decides on new keys for the IKE SA. "the initiator in this rekey exchange is the new "original initiator" of the new
/// IKE SA" (1.3.2): we are its responder.
pub(crate) fn answer_ike(
    proposals: &[IkeProposal],
    current: Current<'_>,
    request: &RekeyIkeRequest<'_>,
    entropy: &mut dyn Entropy,
) -> Result<AgreedIke, (Refusal, Reason)> {
    let refused = (Refusal::NoProposalChosen, Reason::NoProposalChosen);
    let rekey = IkeRekey { sent: request.ke.group, spi: current.new_spi };
    let chosen = choose_ike_rekey(proposals, current.suite.prf, &request.sa, rekey);
    let (choice, theirs, sa) = chosen.ok_or(refused)?;
    let wanted = group_number(choice.group);
    if request.ke.group != wanted {
        return Err((Refusal::InvalidKe(wanted), Reason::NoProposalChosen));
    }
    let Exchanged { public, shared } = exchange(choice.group, request.ke.data, entropy)?;
    let nonce = nonce(entropy);
    let (ni, nr) = (request.nonce, nonce.as_slice());
    let seed = skeyseed_rekeyed(current.suite.prf, current.sk_d, &shared, ni, nr);
    let spis = Spis { initiator: theirs, responder: current.new_spi };
    let context = IkeContext { ni, nr, spi_i: spis.initiator.to_bytes(), spi_r: spis.responder.to_bytes() };
    let keys = ike_keys(choice.suite, &seed, &context)
        .map_err(|error| (Refusal::NoProposalChosen, Reason::Protocol(error.to_string())))?;
    let (channel, secrets) = Channel::new(keys, spis, Role::Responder);
    Ok(AgreedIke {
        channel,
        secrets,
        suite: choice.suite,
        group: choice.group,
        lowest_nonce: ni.min(nr).to_vec(),
        answer: IkeAnswer { sa, nonce, public },
    })
}

/// Our public value, and the secret that both ends have now.
struct Exchanged {
    public: (TransformId, Vec<u8>),
    shared: Secret,
}

/// A key exchange value that is no good is a malformed message here: the peer is authentic, and so is what it sent.
fn exchange(
    group: KeGroup,
    theirs: &[u8],
    entropy: &mut dyn Entropy,
) -> Result<Exchanged, (Refusal, Reason)> {
    let bad = |error: KeError| (Refusal::InvalidSyntax, Reason::Protocol(error.to_string()));
    let secret = group.generate(entropy).map_err(bad)?;
    let public = (group_number(group), secret.public().to_vec());
    Ok(Exchanged { public, shared: secret.agree(theirs).map_err(bad)? })
}
