//! The key schedule against NIST's vectors for IKEv2 (CAVS 17.3, the 600 cases with SHA-2 of the file's 900).
//!
//! The other 300 are for PRF_HMAC_SHA1, which is not offered, and are left out of the repository.

use std::collections::HashMap;

use super::{hex, protections, read};
use crate::{
    Encryption, IkeContext, IkeSuite, Integrity, Prf, Protection, Secret, child_keys, ike_key_material,
    skeyseed, skeyseed_rekeyed,
};

/// One case: the values by the names that the file gives them.
struct Case {
    prf: Prf,
    values: HashMap<String, Vec<u8>>,
}

impl Case {
    fn get(&self, name: &str) -> &[u8] {
        &self.values[name]
    }

    fn secret(&self, name: &str) -> Secret {
        Secret::copy_from(self.get(name))
    }

    fn context(&self) -> IkeContext<'_> {
        IkeContext {
            ni: self.get("Ni"),
            nr: self.get("Nr"),
            spi_i: self.get("SPIi").try_into().unwrap(),
            spi_r: self.get("SPIr").try_into().unwrap(),
        }
    }
}

fn cases() -> Vec<Case> {
    let (mut cases, mut prf) = (Vec::<Case>::new(), None);
    for line in read("nist/ikev2_sha2.fax").lines() {
        match line {
            "[SHA-256]" => prf = Some(Prf::HmacSha2_256),
            "[SHA-384]" => prf = Some(Prf::HmacSha2_384),
            "[SHA-512]" => prf = Some(Prf::HmacSha2_512),
            _ => {}
        }
        match line.split_once(" = ").filter(|_| !line.starts_with(['[', '#'])) {
            Some(("COUNT", _)) => cases.push(Case { prf: prf.unwrap(), values: HashMap::new() }),
            Some((name, digits)) => {
                cases.last_mut().unwrap().values.insert(name.to_owned(), hex(digits));
            }
            None => {}
        }
    }
    for prf in [Prf::HmacSha2_256, Prf::HmacSha2_384, Prf::HmacSha2_512] {
        assert_eq!(cases.iter().filter(|case| case.prf == prf).count(), 200);
    }
    cases
}

#[test]
fn skeyseed_agrees_with_nist_for_new_and_rekeyed_ike_sas() {
    for case in cases() {
        let seed = skeyseed(case.prf, case.get("Ni"), case.get("Nr"), &case.secret("g^ir"));
        assert_eq!(seed.expose(), case.get("SKEYSEED"));

        let sk_d = Secret::copy_from(&case.get("DKM")[..case.prf.key_len()]);
        let shared = case.secret("g^ir (new)");
        let seed = skeyseed_rekeyed(case.prf, &sk_d, &shared, case.get("Ni"), case.get("Nr"));
        assert_eq!(seed.expose(), case.get("SKEYSEED(Rekey)"));
    }
}

/// The whole DKM by prf+, and the seven secrets cut from its start in the order of RFC 7296 2.14.
#[test]
fn the_secrets_of_an_ike_sa_agree_with_nist() {
    for case in cases() {
        let (seed, context, dkm) = (case.secret("SKEYSEED"), case.context(), case.get("DKM"));
        let parts: [&[u8]; 4] = [context.ni, context.nr, &context.spi_i, &context.spi_r];
        assert!(case.prf.plus(seed.expose(), &parts, dkm.len()).unwrap().ct_eq(dkm));

        for protection in protections() {
            let suite = IkeSuite { protection, prf: case.prf };
            let keys = ike_key_material(suite, &seed, &context).unwrap();
            let cut =
                [&keys.sk_d, &keys.sk_ai, &keys.sk_ar, &keys.sk_ei, &keys.sk_er, &keys.sk_pi, &keys.sk_pr];
            let (encryption, integrity) = (protection.encryption_key_len(), protection.integrity_key_len());
            let prf = case.prf.key_len();
            assert_eq!(cut.map(Secret::len), [prf, integrity, integrity, encryption, encryption, prf, prf]);
            assert_starts_alike(&cut.map(Secret::expose).concat(), dkm);
        }
    }
}

#[test]
fn the_keys_of_a_child_sa_agree_with_nist() {
    for case in cases() {
        let sk_d = Secret::copy_from(&case.get("DKM")[..case.prf.key_len()]);
        let shared = case.secret("g^ir (new)");
        let both = [(None, "DKM(Child SA)"), (Some(&shared), "DKM(Child SA D-H)")];
        for (shared, name) in both {
            let keymat = case.get(name);
            let parts: [&[u8]; 3] =
                [shared.map(Secret::expose).unwrap_or_default(), case.get("Ni"), case.get("Nr")];
            assert!(case.prf.plus(sk_d.expose(), &parts, keymat.len()).unwrap().ct_eq(keymat));

            for protection in protections() {
                let (ni, nr) = (case.get("Ni"), case.get("Nr"));
                let keys = child_keys(case.prf, &sk_d, shared, ni, nr, protection).unwrap();
                let (there, back) = (&keys.initiator_to_responder, &keys.responder_to_initiator);
                let cut = [&there.encryption, &there.integrity, &back.encryption, &back.integrity];
                let (encryption, integrity) =
                    (protection.encryption_key_len(), protection.integrity_key_len());
                assert_eq!(cut.map(Secret::len), [encryption, integrity, encryption, integrity]);
                assert_starts_alike(&cut.map(Secret::expose).concat(), keymat);
            }
        }
    }
}

/// The file's material and ours differ in length; the shorter is the start of the longer.
fn assert_starts_alike(ours: &[u8], theirs: &[u8]) {
    let common = ours.len().min(theirs.len());
    assert!(common >= 40, "too little to compare");
    assert_eq!(ours[..common], theirs[..common]);
}

#[test]
fn each_sealer_of_an_ike_sa_has_the_keys_of_its_direction() {
    let prf = Prf::HmacSha2_256;
    let context = IkeContext { ni: &[1; 32], nr: &[2; 32], spi_i: [3; 8], spi_r: [4; 8] };
    let seed = skeyseed(prf, context.ni, context.nr, &Secret::new(vec![5; 32]));
    let cbc = Protection::cbc(Encryption::AesCbc256, Integrity::HmacSha2_384_192).unwrap();
    for protection in [Protection::aead(Encryption::AesGcm16_256).unwrap(), cbc] {
        let suite = IkeSuite { protection, prf };
        let raw = ike_key_material(suite, &seed, &context).unwrap();
        let keys = crate::ike_keys(suite, &seed, &context).unwrap();
        assert_eq!((&raw.sk_d, &raw.sk_pi, &raw.sk_pr), (&keys.sk_d, &keys.sk_pi, &keys.sk_pr));

        let initiator = crate::PacketKeys { encryption: raw.sk_ei, integrity: raw.sk_ai };
        let responder = crate::PacketKeys { encryption: raw.sk_er, integrity: raw.sk_ar };
        let mut packet = vec![7; 8 + keys.initiator.iv_len() + 32];
        keys.initiator.seal(&mut packet, 8).unwrap();
        let mut copy = packet.clone();
        assert!(crate::Sealer::new(protection, &initiator).unwrap().open(&mut copy, 8).is_ok());
        assert!(keys.responder.open(&mut packet.clone(), 8).is_err());

        let mut packet = vec![7; 8 + keys.responder.iv_len() + 32];
        keys.responder.seal(&mut packet, 8).unwrap();
        assert!(crate::Sealer::new(protection, &responder).unwrap().open(&mut packet, 8).is_ok());
    }
}
