//! No `Debug` of a type that bears a secret shows an octet of it.

use std::fmt::Debug;

use super::{keys, protections, sealer};
use crate::{
    ChildKeys, Entropy, IkeContext, IkeSuite, KeGroup, Prf, Secret, child_keys, ike_key_material, ike_keys,
};

/// An octet whose decimal, hexadecimal and ASCII forms appear in no name and no length here.
const MARK: u8 = 0xb7;

/// Secret octets are all the mark.
struct Marked;

impl Entropy for Marked {
    fn public(&mut self, out: &mut [u8]) {
        out.fill(MARK);
    }

    fn secret(&mut self, out: &mut [u8]) {
        out.fill(MARK);
    }
}

pub(super) fn assert_silent(value: &impl Debug, octets: &[u8]) {
    for text in [format!("{value:?}"), format!("{value:#?}")] {
        let text = text.to_lowercase();
        assert!(!text.contains("183") && !text.contains("b7"), "{text}");
        // Three octets in a row, in any usual form, would be a leak of what was derived.
        for three in octets.windows(3) {
            let [a, b, c] = three else { unreachable!() };
            let plain = format!("{a:02x}{b:02x}{c:02x}");
            let list = format!("{a}, {b}, {c}");
            assert!(!text.contains(&plain) && !text.contains(&list), "{text}");
        }
    }
}

#[test]
fn a_secret_is_silent() {
    assert_silent(&Secret::new(vec![MARK; 40]), &[]);
    assert_silent(&Some(Secret::new(vec![MARK; 40])), &[]);
}

#[test]
fn packet_keys_and_sealers_are_silent() {
    for protection in protections() {
        assert_silent(&keys(protection, MARK), &[]);
        assert_silent(&sealer(protection, MARK), &[]);
        assert_silent(&crate::EspIv::new(protection, &keys(protection, MARK)).unwrap(), &[]);
    }
}

#[test]
fn key_exchange_secrets_are_silent() {
    let groups = [KeGroup::X25519, KeGroup::P256, KeGroup::P384, KeGroup::Modp2048];
    for group in groups.into_iter().chain([KeGroup::Modp3072, KeGroup::Modp4096]) {
        let secret = group.generate(&mut Marked).unwrap();
        assert_silent(&secret, &[]);
        assert_eq!(format!("{secret:?}"), format!("KeSecret {{ group: {group:?}, .. }}"));
    }
}

#[test]
fn derived_keys_are_silent() {
    let sk_d = Secret::new(vec![MARK; 32]);
    for protection in protections() {
        let suite = IkeSuite { protection, prf: Prf::HmacSha2_256 };
        let context = IkeContext { ni: &[1; 16], nr: &[2; 16], spi_i: [3; 8], spi_r: [4; 8] };
        let material = ike_key_material(suite, &sk_d, &context).unwrap();
        let all = [&material.sk_d, &material.sk_ai, &material.sk_ei, &material.sk_er, &material.sk_pr];
        let octets = all.map(Secret::expose).concat();
        assert_silent(&material, &octets);
        assert_silent(&ike_keys(suite, &sk_d, &context).unwrap(), &octets);

        let child: ChildKeys = child_keys(suite.prf, &sk_d, None, &[1; 16], &[2; 16], protection).unwrap();
        let octets = [
            child.initiator_to_responder.encryption.expose(),
            child.responder_to_initiator.encryption.expose(),
        ];
        assert_silent(&child, &octets.concat());
    }
}
