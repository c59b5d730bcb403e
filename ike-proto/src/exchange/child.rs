//! The Child SA part of an exchange (RFC 7296 sections 1.2, 1.3.1, 2.9, 2.17): offer, choice, acceptance.

use std::net::IpAddr;

use crypto::{PacketKeys, Prf, Secret, child_keys};

use super::Refusal;
use super::narrow::{is_subset, narrow, resolve};
use super::propose::{EspChoice, Groups, KeyExchange, accept_esp, choose_esp, esp_offer};
use crate::ids::{EspSpi, Role};
use crate::message::auth::ChildPart;
use crate::output::{Path, Reason};
use crate::policy::{ChildPolicy, Mode};
use crate::wire::{NotifyType, Payload, SaPayload, TrafficSelector, TsPayload};

/// A Child SA that both ends agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ChildChoice {
    pub esp: EspChoice,
    pub inbound_spi: EspSpi,
    pub mode: Mode,
    pub local: Vec<TrafficSelector>,
    pub remote: Vec<TrafficSelector>,
}

/// The two ends' addresses that `Selector::Host` stands for.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Hosts {
    pub local: IpAddr,
    pub remote: IpAddr,
}

impl From<Path> for Hosts {
    fn from(path: Path) -> Hosts {
        Hosts { local: path.local.ip(), remote: path.remote.ip() }
    }
}

/// The initiator's offer: `SA, TSi, TSr, [N(USE_TRANSPORT_MODE)]`.
pub(crate) fn offer(policy: &ChildPolicy, hosts: Hosts, spi: EspSpi) -> ChildPart {
    ChildPart {
        sa: esp_offer(&policy.proposals, spi, Groups::LeftOut),
        initiator_selectors: resolve(&policy.local, hosts.local),
        responder_selectors: resolve(&policy.remote, hosts.remote),
        transport: policy.mode == Mode::Transport,
    }
}

/// What we bring along: our SPI, and whether the exchange can carry a key exchange.
#[derive(Copy, Clone)]
pub(crate) struct Ours {
    pub spi: EspSpi,
    pub exchange: KeyExchange,
}

/// The responder's decision on an offer: what to install and what to answer.
pub(crate) fn choose(
    policy: &ChildPolicy,
    hosts: Hosts,
    ours: Ours,
    offered: &ChildPart,
) -> Result<(ChildChoice, ChildPart), (Refusal, Reason)> {
    let mode = if offered.transport { Mode::Transport } else { Mode::Tunnel };
    // "If the responder declines" transport mode "the Child SA will be established in tunnel mode" (1.3.1), and the
    // initiator must delete it if it wants no tunnel. We want one mode exactly, so the other is refused at once.
    if mode != policy.mode {
        return Err((Refusal::NoProposalChosen, Reason::WrongMode(mode)));
    }
    let (esp, sa) = choose_esp(&policy.proposals, &offered.sa, ours.spi, ours.exchange)
        .ok_or((Refusal::NoProposalChosen, Reason::NoProposalChosen))?;
    let remote = narrow(&resolve(&policy.remote, hosts.remote), &offered.initiator_selectors);
    let local = narrow(&resolve(&policy.local, hosts.local), &offered.responder_selectors);
    if local.is_empty() || remote.is_empty() {
        return Err((Refusal::TsUnacceptable, Reason::TrafficSelectors));
    }
    let answer = ChildPart {
        sa,
        initiator_selectors: remote.clone(),
        responder_selectors: local.clone(),
        transport: offered.transport,
    };
    Ok((ChildChoice { esp, inbound_spi: ours.spi, mode, local, remote }, answer))
}

/// The initiator's check of the answer: "MUST check that the accepted offer is consistent" (2.7), "narrowed" (2.9).
pub(crate) fn accept(
    policy: &ChildPolicy,
    offered: (&[TrafficSelector], &[TrafficSelector]),
    ours: Ours,
    answer: &ChildPart,
) -> Result<ChildChoice, Reason> {
    let mode = if answer.transport { Mode::Transport } else { Mode::Tunnel };
    if mode != policy.mode {
        return Err(Reason::WrongMode(mode));
    }
    let esp = accept_esp(&policy.proposals, &answer.sa, ours.exchange).ok_or(Reason::NoProposalChosen)?;
    let local = is_subset(&answer.initiator_selectors, offered.0);
    let remote = is_subset(&answer.responder_selectors, offered.1);
    if !local || !remote {
        return Err(Reason::TrafficSelectors);
    }
    Ok(ChildChoice {
        esp,
        inbound_spi: ours.spi,
        mode,
        local: answer.initiator_selectors.clone(),
        remote: answer.responder_selectors.clone(),
    })
}

/// The payloads of an offer or an answer.
pub(crate) fn payloads(part: &ChildPart) -> Vec<Payload<'_>> {
    let sa = SaPayload { proposals: part.sa.proposals.clone() };
    let mut payloads = Vec::with_capacity(4);
    if part.transport {
        payloads.push(crate::message::notify(NotifyType::USE_TRANSPORT_MODE, &[]));
    }
    payloads.push(Payload::Sa(sa));
    payloads.push(Payload::TsInitiator(TsPayload { selectors: part.initiator_selectors.clone() }));
    payloads.push(Payload::TsResponder(TsPayload { selectors: part.responder_selectors.clone() }));
    payloads
}

/// What the keys of a Child SA are made of, beside SK_d: Ni and Nr of its exchange, and the secret of a key exchange of
/// its own.
#[derive(Copy, Clone)]
pub(crate) struct Keying<'a> {
    pub initiator_nonce: &'a [u8],
    pub responder_nonce: &'a [u8],
    pub shared: Option<&'a Secret>,
}

/// Keys for packets to us and from us (2.17): "All keys for SAs carrying data from the initiator to the responder are
/// taken before SAs going from the responder to the initiator."
pub(crate) fn keys(
    prf: Prf,
    sk_d: &Secret,
    keying: Keying<'_>,
    choice: &ChildChoice,
    role: Role,
) -> Option<(PacketKeys, PacketKeys)> {
    let protection = choice.esp.protection;
    let keys =
        child_keys(prf, sk_d, keying.shared, keying.initiator_nonce, keying.responder_nonce, protection)
            .ok()?;
    Some(match role {
        Role::Initiator => (keys.responder_to_initiator, keys.initiator_to_responder),
        Role::Responder => (keys.initiator_to_responder, keys.responder_to_initiator),
    })
}
