//! Proposals (RFC 7296 sections 2.7, 3.3 and 3.3.6): what we offer, what we choose, what we accept.

use crypto::{Encryption, IkeSuite, Integrity, KeGroup, Prf, Protection};

use crate::ids::{EspSpi, IkeSpi};
use crate::keys::{GROUPS, encryption_number, group_number, integrity_number, prf_number};
use crate::policy::{Esn, EspProposal, IkeProposal};
use crate::wire::{
    Proposal, Protocol, SaPayload, Spi, Transform, TransformId, TransformType, esn, integ, ke,
};

/// What both ends agree to protect an IKE SA with.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct IkeChoice {
    pub suite: IkeSuite,
    pub group: KeGroup,
}

/// What both ends agree to protect a Child SA with.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct EspChoice {
    pub protection: Protection,
    pub esn: Esn,
    /// The SPI that the peer chose.
    pub spi: EspSpi,
    /// The group of a key exchange of its own.
    pub group: Option<KeGroup>,
}

/// Whether an exchange that makes a Child SA can carry a key exchange.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeyExchange {
    /// IKE_AUTH cannot: the first Child SA hangs on the IKE SA's own key exchange.
    Never,
    /// CREATE_CHILD_SA can: with a KE payload of this group, or without one.
    Sent(Option<TransformId>),
}

/// SAi1: all proposals of ours, numbered from one, without an SPI ("For an initial IKE SA negotiation, this field
/// MUST be zero": its size, 3.3.1).
pub(crate) fn ike_offer(ours: &[IkeProposal]) -> SaPayload {
    let proposals = (1_u8..).zip(ours).map(|(number, ours)| Proposal {
        number,
        protocol: Protocol::IKE,
        spi: Spi::None,
        transforms: ike_transforms(ours),
    });
    SaPayload { proposals: proposals.collect() }
}

fn ike_transforms(ours: &IkeProposal) -> Vec<Transform> {
    let mut transforms: Vec<Transform> = ours.encryption.iter().copied().map(encryption).collect();
    transforms.extend(ours.prf.iter().copied().map(prf));
    transforms.extend(ours.integrity.iter().copied().map(integrity));
    transforms.extend(ours.groups.iter().copied().map(group));
    transforms
}

/// Whether an offer of a Child SA names key exchange groups.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Groups {
    /// In CREATE_CHILD_SA.
    Offered,
    /// In IKE_AUTH, which cannot use them (1.2).
    LeftOut,
}

/// SAi2: as [`ike_offer`], with our SPI.
pub(crate) fn esp_offer(ours: &[EspProposal], spi: EspSpi, groups: Groups) -> SaPayload {
    let proposals = (1_u8..).zip(ours).map(|(number, ours)| {
        let mut transforms: Vec<Transform> = ours.encryption.iter().copied().map(encryption).collect();
        transforms.extend(ours.integrity.iter().copied().map(integrity));
        if groups == Groups::Offered {
            transforms.extend(ours.groups.iter().copied().map(group));
        }
        transforms.extend(ours.esn.iter().copied().map(sequence));
        Proposal { number, protocol: Protocol::ESP, spi: Spi::Esp(spi), transforms }
    });
    SaPayload { proposals: proposals.collect() }
}

/// As responder: the first proposal of ours, in our order of preference, that the initiator offers too.
///
/// Among the groups that suit both, the one that the initiator already sent a KE payload for is taken: any other
/// would cost a round trip (section 1.2).
pub(crate) fn choose_ike(
    ours: &[IkeProposal],
    offered: &SaPayload,
    sent: TransformId,
) -> Option<(IkeChoice, SaPayload)> {
    ours.iter().find_map(|ours| offered.proposals.iter().find_map(|offer| choose_ike_of(ours, offer, sent)))
}

fn choose_ike_of(ours: &IkeProposal, offer: &Proposal, sent: TransformId) -> Option<(IkeChoice, SaPayload)> {
    if offer.protocol != Protocol::IKE || offer.spi != Spi::None || !only(offer, &IKE_TYPES) {
        return None;
    }
    let (cipher, t_cipher) = pick(&ours.encryption, offer, encryption)?;
    let (function, t_prf) = pick(&ours.prf, offer, prf)?;
    let preferred = ours.groups.iter().copied().find(|ours| group_number(*ours) == sent);
    let (group, t_group) = preferred
        .and_then(|preferred| pick(&[preferred], offer, group))
        .or_else(|| pick(&ours.groups, offer, group))?;
    let (protection, t_integrity) = pick_protection(cipher, &ours.integrity, offer)?;
    let suite = IkeSuite { protection, prf: function };
    let transforms =
        [Some(t_cipher), Some(t_prf), t_integrity, Some(t_group)].into_iter().flatten().collect();
    Some((IkeChoice { suite, group }, answer(offer, Spi::None, transforms)))
}

/// As responder of an IKE rekey: the same with SPIs, the initiator's new one and ours (1.3.2).
///
/// The PRF stays as it is where that is possible: strongSwan derives the new SA's keys with the old PRF throughout,
/// where RFC 7296 section 2.18 has the new one for prf+; with one PRF both say the same.
pub(crate) fn choose_ike_rekey(
    ours: &[IkeProposal],
    current: Prf,
    offered: &SaPayload,
    rekey: IkeRekey,
) -> Option<(IkeChoice, IkeSpi, SaPayload)> {
    let same_prf: Vec<IkeProposal> = ours
        .iter()
        .filter(|ours| ours.prf.contains(&current))
        .map(|ours| IkeProposal { prf: vec![current], ..ours.clone() })
        .collect();
    [same_prf.as_slice(), ours].into_iter().find_map(|ours| {
        ours.iter().find_map(|ours| {
            offered.proposals.iter().find_map(|offer| choose_ike_rekey_of(ours, offer, rekey))
        })
    })
}

/// What an IKE rekey needs beside the proposals.
#[derive(Copy, Clone)]
pub(crate) struct IkeRekey {
    /// The group of the KE payload.
    pub sent: TransformId,
    /// Our SPI of the new IKE SA.
    pub spi: IkeSpi,
}

fn choose_ike_rekey_of(
    ours: &IkeProposal,
    offer: &Proposal,
    rekey: IkeRekey,
) -> Option<(IkeChoice, IkeSpi, SaPayload)> {
    let Spi::Ike(theirs) = offer.spi else { return None };
    let without_spi = Proposal { spi: Spi::None, ..offer.clone() };
    let (choice, mut answer) = choose_ike_of(ours, &without_spi, rekey.sent)?;
    answer.proposals.iter_mut().for_each(|proposal| proposal.spi = Spi::Ike(rekey.spi));
    (!theirs.is_zero()).then_some((choice, theirs, answer))
}

/// As responder: the first ESP proposal of ours that the initiator offers too.
pub(crate) fn choose_esp(
    ours: &[EspProposal],
    offered: &SaPayload,
    our_spi: EspSpi,
    exchange: KeyExchange,
) -> Option<(EspChoice, SaPayload)> {
    ours.iter()
        .find_map(|ours| offered.proposals.iter().find_map(|o| choose_esp_of(ours, o, our_spi, exchange)))
}

fn choose_esp_of(
    ours: &EspProposal,
    offer: &Proposal,
    our_spi: EspSpi,
    exchange: KeyExchange,
) -> Option<(EspChoice, SaPayload)> {
    if offer.protocol != Protocol::ESP || !only(offer, &ESP_TYPES) {
        return None;
    }
    let spi = usable_spi(offer)?;
    let (cipher, t_cipher) = pick(&ours.encryption, offer, encryption)?;
    let (esn, t_esn) = pick(&ours.esn, offer, sequence)?;
    let (protection, t_integrity) = pick_protection(cipher, &ours.integrity, offer)?;
    let (group, t_group) = pick_group(&ours.groups, offer, exchange)?;
    let transforms = [Some(t_cipher), t_integrity, t_group, Some(t_esn)].into_iter().flatten().collect();
    Some((EspChoice { protection, esn, spi, group }, answer(offer, Spi::Esp(our_spi), transforms)))
}

/// The group of a Child SA's own key exchange, if it has one, and the transform that answers the offer.
///
/// Without groups of ours, the peer may have a key exchange in any group that we have, or none. With some, it must be
/// one of them.
fn pick_group(
    ours: &[KeGroup],
    offer: &Proposal,
    exchange: KeyExchange,
) -> Option<(Option<KeGroup>, Option<Transform>)> {
    let none = Transform::new(TransformType::KE, ke::NONE);
    let confirmed = offer.transforms.contains(&none).then_some(none);
    let KeyExchange::Sent(sent) = exchange else {
        // "the SA payloads in the IKE_AUTH exchange cannot contain Transform Type 4 ... with any value other than
        // NONE" (1.2): NONE is confirmed as every offered type must be, other values are ignored.
        return Some((None, confirmed));
    };
    let offered = offer.transforms.iter().any(|transform| transform.kind == TransformType::KE);
    let acceptable = if ours.is_empty() { GROUPS.as_slice() } else { ours };
    let preferred = acceptable.iter().copied().find(|ours| Some(group_number(*ours)) == sent);
    let picked = preferred
        .and_then(|preferred| pick(&[preferred], offer, group))
        .or_else(|| pick(acceptable, offer, group));
    match picked {
        Some((group, transform)) => Some((Some(group), Some(transform))),
        None if ours.is_empty() && (confirmed.is_some() || !offered) => Some((None, confirmed)),
        None => None,
    }
}

/// As initiator: whether the answer is one of our proposals, one transform of each type and nothing else.
///
/// RFC 7296 section 2.7: "The initiator ... MUST check that the accepted offer is consistent with one of its
/// proposals, and if not MUST terminate the exchange."
pub(crate) fn accept_ike(ours: &[IkeProposal], answer: &SaPayload) -> Option<IkeChoice> {
    let (ours, answer) = matching(ours, answer)?;
    let sent = answer.transforms.iter().find(|t| t.kind == TransformType::KE)?.id;
    let (choice, accepted) = choose_ike_of(ours, answer, sent)?;
    same(answer, &accepted).then_some(choice)
}

/// Whether what was chosen before the peer was known is in its own policy too.
pub(crate) fn allows(ours: &[IkeProposal], suite: IkeSuite, group: KeGroup) -> bool {
    ours.iter().any(|ours| {
        ours.encryption.contains(&suite.protection.encryption())
            && suite.protection.integrity().is_none_or(|used| ours.integrity.contains(&used))
            && ours.prf.contains(&suite.prf)
            && ours.groups.contains(&group)
    })
}

/// As initiator: the same for a Child SA.
pub(crate) fn accept_esp(
    ours: &[EspProposal],
    answer: &SaPayload,
    exchange: KeyExchange,
) -> Option<EspChoice> {
    let (ours, answer) = matching(ours, answer)?;
    let (choice, accepted) = choose_esp_of(ours, answer, EspSpi(EspSpi::FIRST_USABLE), exchange)?;
    same(answer, &accepted).then_some(choice)
}

/// The single answered proposal, and ours of the same number.
fn matching<'a, 'b, P>(ours: &'a [P], answer: &'b SaPayload) -> Option<(&'a P, &'b Proposal)> {
    let [answer] = answer.proposals.as_slice() else { return None };
    let index = usize::from(answer.number).checked_sub(1)?;
    Some((ours.get(index)?, answer))
}

/// An answer holds exactly the transforms that choosing from it yields.
fn same(answer: &Proposal, accepted: &SaPayload) -> bool {
    accepted.proposals.first().is_some_and(|accepted| {
        accepted.transforms.len() == answer.transforms.len()
            && accepted.transforms.iter().all(|transform| answer.transforms.contains(transform))
    })
}

/// "Any attributes of a selected transform MUST be returned unmodified" (2.7), and so is the proposal's number (3.3.1).
fn answer(offer: &Proposal, spi: Spi, transforms: Vec<Transform>) -> SaPayload {
    SaPayload {
        proposals: vec![Proposal { number: offer.number, protocol: offer.protocol, spi, transforms }],
    }
}

const IKE_TYPES: [TransformType; 4] =
    [TransformType::ENCR, TransformType::PRF, TransformType::INTEG, TransformType::KE];
const ESP_TYPES: [TransformType; 4] =
    [TransformType::ENCR, TransformType::INTEG, TransformType::KE, TransformType::ESN];

/// "If the responder receives a proposal that contains a Transform Type it does not understand ... it MUST
/// consider this proposal unacceptable" (3.3.6). Unknown transforms of a known type are just never picked.
fn only(offer: &Proposal, types: &[TransformType]) -> bool {
    offer.transforms.iter().all(|transform| types.contains(&transform.kind))
}

/// The first of ours, in our order, that the offer has: bit for bit, attributes included.
fn pick<T: Copy>(ours: &[T], offer: &Proposal, number: fn(T) -> Transform) -> Option<(T, Transform)> {
    ours.iter().map(|ours| (*ours, number(*ours))).find(|(_, transform)| offer.transforms.contains(transform))
}

/// A cipher with its integrity algorithm: none, absent or explicit, for AEAD; one for all others (3.3, RFC 5282 8).
fn pick_protection(
    cipher: Encryption,
    ours: &[Integrity],
    offer: &Proposal,
) -> Option<(Protection, Option<Transform>)> {
    if cipher.is_aead() {
        let none = Transform::new(TransformType::INTEG, integ::NONE);
        let offered = offer.transforms.iter().any(|transform| transform.kind == TransformType::INTEG);
        let explicit = offer.transforms.contains(&none);
        // Integrity algorithms without NONE beside an AEAD cipher: the proposal means another cipher (3.3).
        return if offered && !explicit {
            None
        } else {
            Some((Protection::aead(cipher)?, explicit.then_some(none)))
        };
    }
    let (algorithm, transform) = pick(ours, offer, integrity)?;
    Some((Protection::cbc(cipher, algorithm)?, Some(transform)))
}

/// An ESP SPI that may be used: 4 octets, not reserved.
fn usable_spi(offer: &Proposal) -> Option<EspSpi> {
    match offer.spi {
        Spi::Esp(spi) if spi.is_usable() => Some(spi),
        Spi::Esp(_) | Spi::None | Spi::Ike(_) | Spi::Other(_) => None,
    }
}

fn encryption(cipher: Encryption) -> Transform {
    match encryption_number(cipher) {
        (id, Some(bits)) => Transform::with_key_length(TransformType::ENCR, id, bits),
        (id, None) => Transform::new(TransformType::ENCR, id),
    }
}

fn prf(function: Prf) -> Transform {
    Transform::new(TransformType::PRF, prf_number(function))
}

fn integrity(algorithm: Integrity) -> Transform {
    Transform::new(TransformType::INTEG, integrity_number(algorithm))
}

fn group(group: KeGroup) -> Transform {
    Transform::new(TransformType::KE, group_number(group))
}

fn sequence(numbers: Esn) -> Transform {
    let id = match numbers {
        Esn::No => esn::NO,
        Esn::Yes => esn::YES,
    };
    Transform::new(TransformType::ESN, id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gcm() -> IkeProposal {
        IkeProposal {
            encryption: vec![Encryption::AesGcm16_256, Encryption::AesGcm16_128],
            integrity: vec![],
            prf: vec![Prf::HmacSha2_256],
            groups: vec![KeGroup::X25519, KeGroup::P256],
        }
    }

    fn cbc() -> IkeProposal {
        IkeProposal {
            encryption: vec![Encryption::AesCbc256],
            integrity: vec![Integrity::HmacSha2_256_128],
            prf: vec![Prf::HmacSha2_256],
            groups: vec![KeGroup::Modp2048],
        }
    }

    #[test]
    fn what_is_chosen_from_an_offer_is_accepted_by_its_maker() {
        let ours = [gcm(), cbc()];
        for theirs in [vec![gcm()], vec![cbc()], vec![cbc(), gcm()]] {
            let (choice, answer) = choose_ike(&theirs, &ike_offer(&ours), ke::X25519).unwrap();
            assert_eq!(accept_ike(&ours, &answer), Some(choice));
        }
    }

    #[test]
    fn our_preference_decides_but_a_sent_key_exchange_is_used() {
        let (choice, _) = choose_ike(&[gcm()], &ike_offer(&[gcm()]), ke::ECP_256).unwrap();
        assert_eq!(choice.group, KeGroup::P256);
        let (choice, _) = choose_ike(&[gcm()], &ike_offer(&[gcm()]), ke::MODP_2048).unwrap();
        assert_eq!(choice.group, KeGroup::X25519);
    }

    #[test]
    fn an_unknown_transform_type_spoils_its_proposal_alone() {
        let mut offer = ike_offer(&[gcm(), cbc()]);
        offer.proposals[0].transforms.push(Transform::new(TransformType(6), TransformId(36)));
        let (choice, answer) = choose_ike(&[gcm(), cbc()], &offer, ke::X25519).unwrap();
        assert_eq!(choice.group, KeGroup::Modp2048);
        assert_eq!(answer.proposals[0].number, 2);
    }

    #[test]
    fn a_cipher_without_its_key_length_is_skipped() {
        let mut offer = ike_offer(&[cbc()]);
        offer.proposals[0].transforms[0].key_length = None;
        assert_eq!(choose_ike(&[cbc()], &offer, ke::MODP_2048), None);
    }

    #[test]
    fn a_proposal_without_a_mandatory_transform_is_refused() {
        for missing in IKE_TYPES {
            let mut offer = ike_offer(&[cbc()]);
            offer.proposals[0].transforms.retain(|transform| transform.kind != missing);
            assert_eq!(choose_ike(&[cbc()], &offer, ke::MODP_2048), None, "{missing}");
        }
    }

    #[test]
    fn an_answer_with_two_transforms_of_a_type_is_refused() {
        let ours = [gcm()];
        let (_, mut answer) = choose_ike(&ours, &ike_offer(&ours), ke::X25519).unwrap();
        answer.proposals[0].transforms.push(group(KeGroup::P256));
        assert_eq!(accept_ike(&ours, &answer), None);
    }

    #[test]
    fn an_explicit_integrity_none_beside_aead_is_confirmed() {
        let mut offer = ike_offer(&[gcm()]);
        offer.proposals[0].transforms.push(Transform::new(TransformType::INTEG, integ::NONE));
        let (_, answer) = choose_ike(&[gcm()], &offer, ke::X25519).unwrap();
        assert!(answer.proposals[0].transforms.iter().any(|t| t.kind == TransformType::INTEG));
    }

    fn esp() -> EspProposal {
        EspProposal {
            encryption: vec![Encryption::AesGcm16_128],
            integrity: vec![],
            groups: vec![KeGroup::X25519],
            esn: vec![Esn::No],
        }
    }

    #[test]
    fn an_esp_proposal_without_a_sequence_number_transform_or_with_a_reserved_spi_is_refused() {
        let offer = esp_offer(&[esp()], EspSpi(0x1000), Groups::LeftOut);
        assert!(choose_esp(&[esp()], &offer, EspSpi(0x2000), KeyExchange::Never).is_some());
        let mut bad = offer.clone();
        bad.proposals[0].transforms.retain(|t| t.kind != TransformType::ESN);
        assert_eq!(choose_esp(&[esp()], &bad, EspSpi(0x2000), KeyExchange::Never), None);
        let mut bad = offer;
        bad.proposals[0].spi = Spi::Esp(EspSpi(255));
        assert_eq!(choose_esp(&[esp()], &bad, EspSpi(0x2000), KeyExchange::Never), None);
    }

    #[test]
    fn groups_in_the_first_child_offer_are_ignored_and_none_is_confirmed() {
        let mut offer = esp_offer(&[esp()], EspSpi(0x1000), Groups::LeftOut);
        offer.proposals[0].transforms.push(group(KeGroup::X25519));
        let (_, answer) = choose_esp(&[esp()], &offer, EspSpi(0x2000), KeyExchange::Never).unwrap();
        assert!(answer.proposals[0].transforms.iter().all(|t| t.kind != TransformType::KE));
        offer.proposals[0].transforms.push(Transform::new(TransformType::KE, ke::NONE));
        let (_, answer) = choose_esp(&[esp()], &offer, EspSpi(0x2000), KeyExchange::Never).unwrap();
        assert!(answer.proposals[0].transforms.contains(&Transform::new(TransformType::KE, ke::NONE)));
    }
}
