//! X25519 and ECP: Wycheproof, RFC 8031 and RFC 5903.
//!
//! *ring* makes ephemeral keys only; its (deprecated, test-only) fixed generator puts the vectors' keys in them.

#![allow(deprecated, reason = "ring's only way to set a private key, and of use to tests alone")]

use ring::test::rand::FixedSliceRandom;
use serde::Deserialize;

use super::{Hex, Verdict, octets, rfc, wycheproof};
use crate::ecp::{self, Curve};
use crate::{KeError, KeGroup, Secret, SeededEntropy, x25519};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    tc_id: u32,
    public: Hex,
    private: Hex,
    shared: Hex,
    result: Verdict,
}

fn x25519_scalar(private: &[u8]) -> (x25519::Scalar, Vec<u8>) {
    x25519::Scalar::generate(&FixedSliceRandom { bytes: private }).unwrap()
}

/// `private` may carry leading zeros, or lack them.
fn ecp_scalar(curve: Curve, private: &[u8]) -> (ecp::Scalar, Vec<u8>) {
    let mut bytes = vec![0; curve.public_len() / 2];
    bytes.iter_mut().rev().zip(private.iter().rev()).for_each(|(to, from)| *to = *from);
    ecp::Scalar::generate(curve, &FixedSliceRandom { bytes: &bytes }).unwrap()
}

/// The "acceptable" cases are twisted, small and non-canonical points: RFC 8031 has us accept them, except where
/// the secret is zero.
#[test]
fn x25519_agrees_with_wycheproof() {
    let (mut accepted, mut refused) = (0, 0);
    for case in wycheproof::<Case>("x25519_test").into_iter().flat_map(|group| group.tests) {
        assert_ne!(case.result, Verdict::Invalid);
        let shared = x25519_scalar(&case.private.0).0.agree(&case.public.0);
        if case.shared.0 == [0; 32] {
            assert_eq!(shared, Err(KeError::InvalidPublicValue), "case {}", case.tc_id);
            refused += 1;
        } else {
            assert_eq!(shared, Ok(Secret::copy_from(&case.shared.0)), "case {}", case.tc_id);
            accepted += 1;
        }
    }
    assert_eq!((accepted, refused), (487, 31));
}

/// Compressed points have no form in RFC 5903, valid or not: what remains without the first octet is too short.
fn run_ecp(file: &str, curve: Curve) -> (usize, usize, usize) {
    let (mut accepted, mut off_curve, mut wrong_length) = (0, 0, 0);
    for case in wycheproof::<Case>(file).into_iter().flat_map(|group| group.tests) {
        let public = case.public.0.get(1..).unwrap_or_default();
        let shared = ecp_scalar(curve, &case.private.0).0.agree(public);
        if public.len() != curve.public_len() {
            assert_eq!(shared, Err(KeError::WrongLength), "case {}", case.tc_id);
            wrong_length += 1;
        } else if case.result == Verdict::Valid {
            assert_eq!(shared, Ok(Secret::copy_from(&case.shared.0)), "case {}", case.tc_id);
            accepted += 1;
        } else {
            assert_eq!(case.result, Verdict::Invalid, "case {}", case.tc_id);
            assert_eq!(shared, Err(KeError::InvalidPublicValue), "case {}", case.tc_id);
            off_curve += 1;
        }
    }
    (accepted, off_curve, wrong_length)
}

#[test]
fn p256_agrees_with_wycheproof() {
    assert_eq!(run_ecp("ecdh_secp256r1_ecpoint_test", Curve::P256), (330, 16, 9));
}

#[test]
fn p384_agrees_with_wycheproof() {
    assert_eq!(run_ecp("ecdh_secp384r1_ecpoint_test", Curve::P384), (771, 16, 3));
}

#[test]
fn x25519_agrees_with_rfc_8031() {
    let vector = rfc("rfc8031_curve25519");
    // The RFC gives the random octets and the clamped scalar; both name the same key.
    for form in ["random", "fixed"] {
        let (initiator, public_i) = x25519_scalar(&octets(&vector, &format!("{form}_i")));
        let (responder, public_r) = x25519_scalar(&octets(&vector, &format!("{form}_r")));
        assert_eq!(public_i, octets(&vector, "pub_i"));
        assert_eq!(public_r, octets(&vector, "pub_r"));
        let shared = Secret::new(octets(&vector, "shared"));
        assert_eq!(initiator.agree(&public_r).unwrap(), shared);
        assert_eq!(responder.agree(&public_i).unwrap(), shared);
    }
}

/// The Key Exchange Data is what follows the eight octets of payload header, group and reserved.
#[test]
fn ecp_agrees_with_rfc_5903() {
    let mut checked = 0;
    for vector in rfc("rfc5903_ecp").as_array().unwrap() {
        let curve = match vector["group"].as_u64().unwrap() {
            19 => Curve::P256,
            20 => Curve::P384,
            _ => continue, // 21, P-521, is not offered.
        };
        let (initiator, public_i) = ecp_scalar(curve, &octets(vector, "i"));
        let (responder, public_r) = ecp_scalar(curve, &octets(vector, "r"));
        assert_eq!(public_i, octets(vector, "KEi_payload")[8..]);
        assert_eq!(public_r, octets(vector, "KEr_payload")[8..]);
        let shared = Secret::new(octets(vector, "girx"));
        assert_eq!(initiator.agree(&public_r).unwrap(), shared);
        assert_eq!(responder.agree(&public_i).unwrap(), shared);
        checked += 1;
    }
    assert_eq!(checked, 2);
}

const GROUPS: [(KeGroup, usize, usize); 6] = [
    (KeGroup::X25519, 32, 32),
    (KeGroup::P256, 64, 32),
    (KeGroup::P384, 96, 48),
    (KeGroup::Modp2048, 256, 256),
    (KeGroup::Modp3072, 384, 384),
    (KeGroup::Modp4096, 512, 512),
];

#[test]
fn both_sides_of_every_group_reach_one_secret() {
    let mut entropy = SeededEntropy::new(1);
    for (group, public_len, shared_len) in GROUPS {
        let initiator = group.generate(&mut entropy).unwrap();
        let responder = group.generate(&mut entropy).unwrap();
        assert_eq!((initiator.group(), group.public_len()), (group, public_len));
        assert_ne!(initiator.public(), responder.public());
        let (public_i, public_r) = (initiator.public().to_vec(), responder.public().to_vec());
        assert_eq!((public_i.len(), public_r.len()), (public_len, public_len));
        let shared = initiator.agree(&public_r).unwrap();
        assert_eq!(shared.len(), shared_len);
        assert_eq!(shared, responder.agree(&public_i).unwrap());
    }
}

#[test]
fn every_group_refuses_a_public_value_of_the_wrong_length_or_of_zeros() {
    let mut entropy = SeededEntropy::new(2);
    for (group, public_len, _) in GROUPS {
        for len in [0, 1, public_len - 1, public_len + 1, 2 * public_len, 65_535] {
            let agreed = group.generate(&mut entropy).unwrap().agree(&vec![2; len]);
            assert_eq!(agreed, Err(KeError::WrongLength), "{group:?}, {len} octets");
        }
        let agreed = group.generate(&mut entropy).unwrap().agree(&vec![0; public_len]);
        assert_eq!(agreed, Err(KeError::InvalidPublicValue), "{group:?}");
    }
}

#[test]
fn a_point_off_the_curve_is_refused() {
    let mut entropy = SeededEntropy::new(3);
    for group in [KeGroup::P256, KeGroup::P384] {
        let mut public = group.generate(&mut entropy).unwrap().public().to_vec();
        *public.last_mut().unwrap() ^= 1;
        let agreed = group.generate(&mut entropy).unwrap().agree(&public);
        assert_eq!(agreed, Err(KeError::InvalidPublicValue));
    }
}
