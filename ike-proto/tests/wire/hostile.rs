//! Octets that are no message: refused with an error, never a panic, never taken for something else.

use ike_proto::ids::{EspSpi, IkeSpi, MessageId};
use ike_proto::wire::*;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::generate::{chain, header, message, payload};

/// Whether the payload was not kept whole, so that it cannot be sent: attributes or selectors were unknown.
fn is_partial(payload: &Payload<'_>) -> bool {
    if let Payload::Sa(sa) = payload {
        sa.proposals.iter().flat_map(|proposal| &proposal.transforms).any(|t| t.unknown_attributes)
    } else if let Payload::TsInitiator(ts) | Payload::TsResponder(ts) = payload {
        ts.selectors.is_empty()
    } else {
        false
    }
}

/// Checks that what parsed says the same when it is emitted again, or was not kept whole.
fn stable(chain: &[Payload<'_>]) -> Result<(), TestCaseError> {
    let mut out = Vec::new();
    match emit_chain(chain, &mut out) {
        Ok(first) => {
            let again = parse_chain(first, &out);
            prop_assert_eq!(again.as_deref(), Ok(chain));
        }
        Err(error) => prop_assert!(chain.iter().any(is_partial), "{}", error),
    }
    Ok(())
}

/// A chain of everything, one of each, in which most octets mean something.
fn one_of_each() -> Vec<Payload<'static>> {
    let selector = TrafficSelector::new(6, 22, 22, [10, 0, 0, 1].into(), [10, 0, 0, 9].into()).unwrap();
    let transforms = vec![
        Transform::with_key_length(TransformType::ENCR, encr::AES_GCM_16, 256),
        Transform::new(TransformType::PRF, prf::HMAC_SHA2_256),
        Transform::new(TransformType::KE, ke::X25519),
    ];
    let proposal = |number| Proposal {
        number,
        protocol: Protocol::IKE,
        spi: Spi::Ike(IkeSpi::from_bytes([number; 8])),
        transforms: transforms.clone(),
    };
    vec![
        Payload::Sa(SaPayload { proposals: vec![proposal(1), proposal(2)] }),
        Payload::Ke(KePayload { group: ke::X25519, data: &[9; 4] }),
        Payload::IdInitiator(IdPayload::new(IdType::FQDN, b"a.example")),
        Payload::IdResponder(IdPayload::new(IdType::IPV4_ADDR, &[192, 0, 2, 1])),
        Payload::Cert(CertPayload { encoding: CertEncoding::X509_SIGNATURE, data: &[0x30] }),
        Payload::CertReq(CertReqPayload { encoding: CertEncoding::X509_SIGNATURE, authorities: &[1; 4] }),
        Payload::Auth(AuthPayload { method: AuthMethod::SHARED_KEY, data: &[3; 4] }),
        Payload::Nonce(NoncePayload { data: &[5; 16] }),
        Payload::Notify(NotifyPayload::new(NotifyType::COOKIE, &[6; 8])),
        Payload::Delete(DeletePayload { protocol: Protocol::ESP, spis: vec![EspSpi(256), EspSpi(257)] }),
        Payload::VendorId(VendorIdPayload { data: b"vendor" }),
        Payload::TsInitiator(TsPayload { selectors: vec![selector, selector] }),
        Payload::TsResponder(TsPayload { selectors: vec![selector] }),
        Payload::Configuration(ConfigurationPayload { body: &[1, 0, 0, 0] }),
        Payload::Unknown(UnknownPayload { payload_type: PayloadType(200), critical: true, body: &[7] }),
        Payload::Fragment(FragmentPayload { first: PayloadType::SA, number: 2, total: 3, body: &[8; 4] }),
    ]
}

fn message_of_everything() -> Vec<u8> {
    let header = Header {
        initiator_spi: IkeSpi::from_bytes([1; 8]),
        responder_spi: IkeSpi::from_bytes([2; 8]),
        next_payload: PayloadType::NONE,
        major: 2,
        minor: 0,
        exchange: ExchangeType::IKE_AUTH,
        flags: Flags { initiator: true, response: false },
        message_id: MessageId(1),
        length: 0,
    };
    message(header, &one_of_each())
}

fn parse(octets: &[u8]) -> Result<Vec<Payload<'_>>, WireError> {
    let header = Header::parse(octets)?;
    parse_chain(header.next_payload, &octets[Header::LEN..])
}

#[test]
fn a_message_cut_short_is_refused_at_every_length() {
    let whole = message_of_everything();
    assert_eq!(parse(&whole), Ok(one_of_each()));
    for length in 0..whole.len() {
        let mut cut = whole[..length].to_vec();
        assert!(parse(&cut).is_err(), "cut to {length}");
        // Nor does it help to make the header agree.
        patch_length(&mut cut);
        assert!(parse(&cut).is_err(), "cut to {length}, header patched");
    }
}

#[test]
fn a_message_with_one_octet_changed_is_refused_or_stable() {
    let whole = message_of_everything();
    // Every payload type, small length and flag, and the ends of the range.
    let octets: Vec<u8> = (0..=64).chain([127, 128, 129, 142, 192, 254, 255]).collect();
    for at in 0..whole.len() {
        for &octet in &octets {
            let mut changed = whole.clone();
            changed[at] = octet;
            if let Ok(chain) = parse(&changed) {
                stable(&chain).unwrap();
            }
        }
    }
}

#[test]
fn a_body_cut_short_inside_an_intact_payload_is_refused_or_stable() {
    for payload in one_of_each() {
        let mut whole = Vec::new();
        let first = emit_chain(std::slice::from_ref(&payload), &mut whole).unwrap();
        for length in 4..whole.len() {
            let mut cut = whole[..length].to_vec();
            cut[2..4].copy_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
            if let Ok(chain) = parse_chain(first, &cut) {
                assert_ne!(chain, std::slice::from_ref(&payload));
                stable(&chain).unwrap();
            }
        }
    }
}

#[test]
fn a_fragment_is_found_after_any_number_of_unknown_payloads() {
    let unknown =
        Payload::Unknown(UnknownPayload { payload_type: PayloadType(99), critical: false, body: &[] });
    let fragment =
        Payload::Fragment(FragmentPayload { first: PayloadType::SA, number: 1, total: 2, body: &[1; 40] });
    for before in 0..MAX_PAYLOADS + 3 {
        let mut octets = Vec::new();
        let skf = PayloadType::ENCRYPTED_FRAGMENT;
        for index in 0..before {
            let next = if index + 1 == before { skf } else { PayloadType(99) };
            octets.extend([next.0, 0, 0, 4]);
        }
        emit_chain(std::slice::from_ref(&fragment), &mut octets).unwrap();
        let first = if before == 0 { skf } else { PayloadType(99) };
        let mut expected = vec![unknown.clone(); before];
        expected.push(fragment.clone());
        if before < MAX_PAYLOADS {
            assert_eq!(parse_chain(first, &octets), Ok(expected));
        } else {
            assert_eq!(parse_chain(first, &octets), Err(WireError::TooManyPayloads));
        }
    }
}

#[test]
fn the_payload_types_of_ikev1_are_unknown() {
    for octet in 1..=32 {
        let chain = parse_chain(PayloadType(octet), &[0, 0x80, 0, 4]);
        let unknown = UnknownPayload { payload_type: PayloadType(octet), critical: true, body: &[] };
        assert_eq!(chain, Ok(vec![Payload::Unknown(unknown)]));
    }
}

proptest! {
    #[test]
    fn any_octets_are_refused_or_stable(first in any::<u8>(), octets in vec(any::<u8>(), 0..200)) {
        if let Ok(chain) = parse_chain(PayloadType(first), &octets) {
            stable(&chain)?;
        }
    }

    #[test]
    fn any_octets_in_an_intact_payload_are_refused_or_stable(
        first in 33..=54u8,
        body in vec(any::<u8>(), 0..200),
    ) {
        let length = u8::try_from(body.len() + 4).unwrap();
        let octets = [&[0, 0, 0, length][..], &body].concat();
        if let Ok(chain) = parse_chain(PayloadType(first), &octets) {
            stable(&chain)?;
        }
    }

    #[test]
    fn a_chain_cut_short_is_refused_at_every_length(chain in vec(payload(), 1..6)) {
        let mut octets = Vec::new();
        let first = emit_chain(&chain, &mut octets).unwrap();
        for length in 0..octets.len() {
            prop_assert!(parse_chain(first, &octets[..length]).is_err());
        }
    }

    #[test]
    fn a_message_with_octets_changed_is_refused_or_stable(
        header in header(),
        chain in chain(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut octets = message(header, &chain);
        for (at, octet) in changes {
            let at = at.index(octets.len());
            octets[at] = octet;
        }
        if let Ok(chain) = parse(&octets) {
            stable(&chain)?;
        }
    }
}
