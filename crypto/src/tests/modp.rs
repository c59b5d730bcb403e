//! The MODP groups: primes against RFC 3526, exchanges against Python's and OpenSSL's integers.

use serde_json::Value;

use super::{hex, octets, read, rfc};
use crate::modp::{Exponent, Group, MODP_2048, MODP_3072, MODP_4096};
use crate::{Entropy, KeError, KeGroup, Secret};

const GROUPS: [(Group, &str); 3] =
    [(Group::Modp2048, "14"), (Group::Modp3072, "15"), (Group::Modp4096, "16")];

fn prime(number: &str) -> Vec<u8> {
    hex(rfc("modp_primes")[number]["prime"].as_str().unwrap())
}

/// The value `small`, as long as the modulus.
fn padded(group: Group, small: u8) -> Vec<u8> {
    let mut octets = vec![0; group.modulus_len()];
    *octets.last_mut().unwrap() = small;
    octets
}

/// The prime less `small`, which is at most 0xff: every prime here ends in ff.
fn below(mut prime: Vec<u8>, small: u8) -> Vec<u8> {
    *prime.last_mut().unwrap() -= small;
    prime
}

#[test]
fn the_primes_are_those_of_rfc_3526() {
    assert_eq!(MODP_2048.modulus().as_ref().to_be_bytes().as_ref(), prime("14"));
    assert_eq!(MODP_3072.modulus().as_ref().to_be_bytes().as_ref(), prime("15"));
    assert_eq!(MODP_4096.modulus().as_ref().to_be_bytes().as_ref(), prime("16"));
    for (group, number) in GROUPS {
        assert_eq!(prime(number).len(), group.modulus_len());
    }
}

#[test]
fn exchanges_agree_with_another_implementation() {
    let cases: Value = serde_json::from_str(&read("modp/modp.json")).unwrap();
    let (mut checked, mut with_leading_zero) = (0, 0);
    for case in cases.as_array().unwrap() {
        let number = case["group"].to_string();
        let (group, _) = GROUPS.into_iter().find(|(_, known)| *known == number).unwrap();
        let shared = Secret::new(octets(case, "shared"));
        for (mine, theirs) in [("i", "r"), ("r", "i")] {
            let exponent = Secret::new(octets(case, mine));
            let (exponent, public) = Exponent::from_octets(group, exponent).unwrap();
            assert_eq!(public, octets(case, &format!("public_{mine}")));
            assert_eq!(exponent.agree(&octets(case, &format!("public_{theirs}"))).unwrap(), shared);
        }
        checked += 1;
        with_leading_zero += usize::from(shared.expose()[0] == 0);
    }
    assert_eq!((checked, with_leading_zero), (9, 3));
}

#[test]
fn values_are_padded_to_the_length_of_the_modulus() {
    for (group, _) in GROUPS {
        let (one, public) = Exponent::from_octets(group, Secret::new(vec![1])).unwrap();
        assert_eq!(public, padded(group, 2));
        assert!(one.agree(&padded(group, 3)).unwrap().ct_eq(&padded(group, 3)));
    }
}

#[test]
fn public_values_outside_two_to_p_less_two_are_refused() {
    for (group, number) in GROUPS {
        let p = prime(number);
        let agree = |public: Vec<u8>| {
            let (exponent, _) = Exponent::from_octets(group, Secret::new(vec![0x81; 32])).unwrap();
            exponent.agree(&public).map(|shared| shared.len())
        };
        for bad in [padded(group, 0), padded(group, 1), below(p.clone(), 1), p.clone(), vec![0xff; p.len()]] {
            assert_eq!(agree(bad), Err(KeError::InvalidPublicValue));
        }
        for good in [padded(group, 2), padded(group, 3), below(p.clone(), 2)] {
            assert_eq!(agree(good), Ok(p.len()));
        }
    }
}

/// Gives the same octet for ever.
struct Constant(u8);

impl Entropy for Constant {
    fn public(&mut self, out: &mut [u8]) {
        out.fill(self.0);
    }

    fn secret(&mut self, out: &mut [u8]) {
        out.fill(self.0);
    }
}

#[test]
fn an_exponent_has_its_full_length_whatever_the_generator_gives() {
    for group in [KeGroup::Modp2048, KeGroup::Modp3072, KeGroup::Modp4096] {
        let zeros = group.generate(&mut Constant(0)).unwrap();
        let top_bit = group.generate(&mut Constant(0)).unwrap();
        assert_eq!(zeros.public(), top_bit.public());
        assert_ne!(zeros.public()[..], group.generate(&mut Constant(0x7f)).unwrap().public()[..]);
        // 2^0 would be 1, which every peer refuses.
        assert!(group.generate(&mut Constant(0xff)).unwrap().agree(zeros.public()).is_ok());
    }
}
