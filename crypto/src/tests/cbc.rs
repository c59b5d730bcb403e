//! AES-CBC: Wycheproof's file is for PKCS #5 padding, which IKE does not have. Its valid cases are checked with the
//! padding written out, as raw CBC; its invalid ones are about padding alone, except the empty ciphertexts.

use serde::Deserialize;

use super::{Hex, Verdict, wycheproof};
use crate::cbc_hmac::CbcHmac;
use crate::{Encryption, Integrity, OpenError, PacketKeys, Protection, Sealer, Secret};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    tc_id: u32,
    key: Hex,
    iv: Hex,
    msg: Hex,
    ct: Hex,
    result: Verdict,
}

#[test]
fn aes_cbc_agrees_with_wycheproof() {
    let (mut valid, mut empty, mut about_padding, mut other_key_sizes) = (0, 0, 0, 0);
    for group in wycheproof::<Case>("aes_cbc_pkcs5_test") {
        let encryption = match group.key_size {
            128 => Encryption::AesCbc128,
            256 => Encryption::AesCbc256,
            _ => {
                other_key_sizes += group.tests.len();
                continue;
            }
        };
        let protection = Protection::cbc(encryption, Integrity::HmacSha2_256_128).unwrap();
        for case in group.tests {
            let keys = PacketKeys {
                encryption: Secret::copy_from(&case.key.0),
                integrity: Secret::new(vec![0; protection.integrity_key_len()]),
            };
            if case.result == Verdict::Valid {
                check_valid(&CbcHmac::new(protection, &keys).unwrap(), &case);
                valid += 1;
            } else if case.ct.0.is_empty() {
                let mut packet = [&case.iv.0[..], &[0; 16]].concat();
                let opened = Sealer::new(protection, &keys).unwrap().open(&mut packet, 0).map(|_| ());
                assert_eq!(opened, Err(OpenError::TooShort), "case {}", case.tc_id);
                empty += 1;
            } else {
                about_padding += 1;
            }
        }
    }
    assert_eq!((valid, empty, about_padding, other_key_sizes), (48, 2, 94, 72));
}

fn check_valid(cbc: &CbcHmac, case: &Case) {
    let pad = u8::try_from(16 - case.msg.0.len() % 16).unwrap();
    let padded = [&case.msg.0[..], &vec![pad; usize::from(pad)]].concat();
    let mut text = padded.clone();
    cbc.encrypt(&case.iv.0, &mut text).unwrap();
    assert_eq!(text, case.ct.0, "case {}", case.tc_id);
    assert_eq!(cbc.decrypt(&case.iv.0, &mut text).unwrap(), padded, "case {}", case.tc_id);
}
