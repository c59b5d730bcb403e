//! HMAC, as a PRF and as truncated integrity check: Wycheproof and RFC 4231.

use serde::Deserialize;

use super::{Hex, Verdict, octets, rfc, wycheproof};
use crate::cbc_hmac::CbcHmac;
use crate::{Encryption, Integrity, PacketKeys, Prf, Protection, Secret, auth_equal};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    tc_id: u32,
    key: Hex,
    msg: Hex,
    tag: Hex,
    result: Verdict,
}

/// How many cases passed, by what they check.
#[derive(Debug, Default, PartialEq, Eq)]
struct Count {
    prf_accepted: usize,
    prf_refused: usize,
    icv_accepted: usize,
    icv_refused: usize,
    /// Truncated tags under keys of a length that RFC 4868 does not have; checked as the start of the PRF.
    icv_other_key: usize,
}

fn run(file: &str, prf: Prf, integrity: Integrity) -> Count {
    let mut count = Count::default();
    for group in wycheproof::<Case>(file) {
        for case in group.tests {
            let whole = prf.compute(&case.key.0, &[&case.msg.0]);
            let tag = &case.tag.0;
            assert_eq!(tag.len(), group.tag_size / 8);
            if tag.len() == prf.output_len() {
                // The comparison that an AUTH payload gets.
                let equal = auth_equal(whole.expose(), tag);
                assert_eq!(equal, case.result == Verdict::Valid, "case {}", case.tc_id);
                if equal { count.prf_accepted += 1 } else { count.prf_refused += 1 }
            } else if case.key.0.len() == integrity.key_len() {
                // The comparison that a packet gets.
                let accepted = cbc_hmac(integrity, &case.key.0).verify(&case.msg.0, tag);
                assert_eq!(accepted, case.result == Verdict::Valid, "case {}", case.tc_id);
                if accepted { count.icv_accepted += 1 } else { count.icv_refused += 1 }
            } else {
                assert_eq!(case.result, Verdict::Valid, "case {}", case.tc_id);
                assert!(whole.expose().starts_with(tag), "case {}", case.tc_id);
                count.icv_other_key += 1;
            }
        }
    }
    count
}

fn cbc_hmac(integrity: Integrity, key: &[u8]) -> CbcHmac {
    let keys = PacketKeys { encryption: Secret::new(vec![0; 16]), integrity: Secret::copy_from(key) };
    CbcHmac::new(Protection::cbc(Encryption::AesCbc128, integrity).unwrap(), &keys).unwrap()
}

/// All three files have the same shape.
const EXPECTED: Count =
    Count { prf_accepted: 33, prf_refused: 54, icv_accepted: 27, icv_refused: 54, icv_other_key: 6 };

#[test]
fn hmac_sha256_agrees_with_wycheproof() {
    assert_eq!(run("hmac_sha256_test", Prf::HmacSha2_256, Integrity::HmacSha2_256_128), EXPECTED);
}

#[test]
fn hmac_sha384_agrees_with_wycheproof() {
    assert_eq!(run("hmac_sha384_test", Prf::HmacSha2_384, Integrity::HmacSha2_384_192), EXPECTED);
}

#[test]
fn hmac_sha512_agrees_with_wycheproof() {
    assert_eq!(run("hmac_sha512_test", Prf::HmacSha2_512, Integrity::HmacSha2_512_256), EXPECTED);
}

#[test]
fn the_prfs_agree_with_rfc_4231() {
    let prfs = [
        ("HMAC-SHA-256", Prf::HmacSha2_256),
        ("HMAC-SHA-384", Prf::HmacSha2_384),
        ("HMAC-SHA-512", Prf::HmacSha2_512),
    ];
    let mut checked = 0;
    for case in rfc("rfc4231_hmac").as_array().unwrap() {
        for (name, prf) in prfs {
            let output = prf.compute(&octets(case, "key"), &[&octets(case, "data")]);
            let expected = octets(case, name);
            // Case 5 prints 128 bits of the output; all others the whole.
            let printed = if case["case"] == 5 { 16 } else { prf.output_len() };
            assert_eq!(expected.len(), printed, "case {case}");
            assert_eq!(output.expose()[..printed], expected, "case {case}");
            checked += 1;
        }
    }
    assert_eq!(checked, 21);
}
