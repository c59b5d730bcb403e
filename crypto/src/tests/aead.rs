//! AES-GCM and ChaCha20-Poly1305: Wycheproof, and the packets printed in RFC 7634.

use serde::Deserialize;

use super::{Hex, Verdict, octets, rfc, wycheproof};
use crate::{Encryption, OpenError, PacketKeys, Protection, SealError, Sealer, Secret};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    tc_id: u32,
    key: Hex,
    iv: Hex,
    aad: Hex,
    msg: Hex,
    ct: Hex,
    tag: Hex,
    result: Verdict,
}

fn aead(encryption: Encryption, key: &[u8]) -> Sealer {
    let keys = PacketKeys { encryption: Secret::copy_from(key), integrity: Secret::new(Vec::new()) };
    Sealer::new(Protection::aead(encryption).unwrap(), &keys).unwrap()
}

/// How many cases of a file were accepted, were refused, had an empty message (no IKE or ESP packet has: there is
/// a pad length at least), and lie outside IKE (192-bit keys, nonces other than salt and IV).
#[derive(Debug, Default, PartialEq, Eq)]
struct Count {
    accepted: usize,
    refused: usize,
    empty: usize,
    outside: usize,
}

fn run(file: &str, algorithm: fn(usize) -> Option<Encryption>) -> Count {
    let mut count = Count::default();
    for group in wycheproof::<Case>(file) {
        assert_eq!(group.tag_size, 128);
        let Some(encryption) = algorithm(group.key_size).filter(|_| group.iv_size == 96) else {
            count.outside += group.tests.len();
            continue;
        };
        for case in group.tests {
            check(encryption, &case, &mut count);
        }
    }
    count
}

fn check(encryption: Encryption, case: &Case, count: &mut Count) {
    let id = case.tc_id;
    let (salt, iv) = case.iv.0.split_at(4);
    let sealer = aead(encryption, &[&case.key.0, salt].concat());
    let clear = [&case.aad.0, iv, &case.msg.0].concat();
    let sealed = [&case.aad.0, iv, &case.ct.0, &case.tag.0].concat();
    let mut packet = clear.clone();
    let written = sealer.seal(&mut packet, case.aad.0.len());
    let mut arrived = sealed.clone();
    let opened = sealer.open(&mut arrived, case.aad.0.len());

    if case.msg.0.is_empty() {
        assert_eq!((written, opened), (Err(SealError::TooShort), Err(OpenError::TooShort)), "case {id}");
        count.empty += 1;
    } else if case.result == Verdict::Valid {
        assert_eq!(written, Ok(()), "case {id}");
        assert_eq!(packet, sealed, "case {id}");
        assert_eq!(opened.as_deref(), Ok(case.msg.0.as_slice()), "case {id}");
        count.accepted += 1;
    } else {
        assert_eq!(case.result, Verdict::Invalid, "case {id}");
        assert_eq!(opened, Err(OpenError::NotAuthentic), "case {id}");
        count.refused += 1;
    }
}

#[test]
fn aes_gcm_agrees_with_wycheproof() {
    let count = run("aes_gcm_test", |key_size| match key_size {
        128 => Some(Encryption::AesGcm16_128),
        256 => Some(Encryption::AesGcm16_256),
        _ => None,
    });
    assert_eq!(count, Count { accepted: 76, refused: 54, empty: 3, outside: 183 });
}

#[test]
fn chacha20_poly1305_agrees_with_wycheproof() {
    let count = run("chacha20_poly1305_test", |_| Some(Encryption::ChaCha20Poly1305));
    assert_eq!(count, Count { accepted: 254, refused: 40, empty: 22, outside: 9 });
}

/// RFC 7634, appendix A: an ESP packet.
#[test]
fn the_esp_packet_of_rfc_7634_is_sealed_as_printed() {
    let esp = rfc("rfc7634_esp");
    let sealer = aead(Encryption::ChaCha20Poly1305, &octets(&esp, "keymat"));
    let (aad, iv, text) = (octets(&esp, "aad"), octets(&esp, "iv"), octets(&esp, "plaintext"));
    let mut packet = [&aad[..], &iv, &text].concat();
    sealer.seal(&mut packet, aad.len()).unwrap();
    assert!(octets(&esp, "esp_packet").ends_with(&packet));
    assert_eq!(sealer.open(&mut packet, aad.len()).unwrap(), text);
}

/// RFC 7634, appendix B: an IKE message, whose associated data is the header and the SK payload's own.
#[test]
fn the_ike_message_of_rfc_7634_is_sealed_as_printed() {
    let ike = rfc("rfc7634_ike");
    let sealer = aead(Encryption::ChaCha20Poly1305, &octets(&rfc("rfc7634_esp"), "keymat"));
    let (aad, text, message) = (octets(&ike, "aad"), octets(&ike, "plaintext"), octets(&ike, "ike_message"));
    let mut packet = [&aad, &message[aad.len()..aad.len() + 8], &text].concat();
    sealer.seal(&mut packet, aad.len()).unwrap();
    assert_eq!(packet, message);
    assert_eq!(sealer.open(&mut packet, aad.len()).unwrap(), text);
}
