//! Algorithms by strongSwan's names for them: those that we have, and those that we do not want and why.

use crypto::{Encryption, Integrity, KeGroup, Prf};
use ike_proto::policy::Esn;

use super::report::{Help, Problem};

/// One word of a proposal.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Transform {
    Encryption(Encryption),
    Integrity(Integrity),
    Prf(Prf),
    Group(KeGroup),
    Esn(Esn),
}

/// What `word` stands for.
pub(super) fn transform(word: &str) -> Result<Transform, Problem> {
    if let Some((_, transform)) = KNOWN.iter().find(|(name, _)| *name == word) {
        return Ok(*transform);
    }
    if let Some((_, why)) = REFUSED.iter().find(|(names, _)| names.contains(&word)) {
        return Err(Problem::new(format!("`{word}` is refused: {why}"), Help::new(instead(word))));
    }
    if ABSENT.iter().any(|start| word.starts_with(start)) {
        return Err(Problem::new(format!("`{word}` is not implemented"), Help::new(instead(word))));
    }
    let names = KNOWN.map(|(name, _)| name);
    let help = Help::did_you_mean(&word.to_ascii_lowercase(), &names);
    Err(Problem::new(format!("unknown algorithm `{}`", word.escape_debug()), help))
}

/// What to use in place of an algorithm that we have not.
fn instead(word: &str) -> &'static str {
    let starts = |starts: &[&str]| starts.iter().any(|start| word.starts_with(start));
    if starts(&["prf"]) {
        "use prfsha256, prfsha384 or prfsha512"
    } else if starts(&["modp", "ecp", "x448", "curve448", "mlkem", "ke1_"]) {
        "use x25519, ecp256, ecp384, modp2048, modp3072 or modp4096"
    } else if starts(&["md5", "sha", "aesxcbc", "aescmac"]) {
        "use sha256, sha384 or sha512"
    } else {
        "use aes128gcm16, aes256gcm16, chacha20poly1305, aes128 or aes256"
    }
}

use Transform::{Encryption as E, Esn as S, Group as G, Integrity as I, Prf as P};

const KNOWN: [(&str, Transform); 33] = [
    ("aes128gcm16", E(Encryption::AesGcm16_128)),
    ("aes128gcm128", E(Encryption::AesGcm16_128)),
    ("aes256gcm16", E(Encryption::AesGcm16_256)),
    ("aes256gcm128", E(Encryption::AesGcm16_256)),
    ("chacha20poly1305", E(Encryption::ChaCha20Poly1305)),
    ("aes", E(Encryption::AesCbc128)),
    ("aes128", E(Encryption::AesCbc128)),
    ("aes256", E(Encryption::AesCbc256)),
    ("sha256", I(Integrity::HmacSha2_256_128)),
    ("sha2_256", I(Integrity::HmacSha2_256_128)),
    ("sha384", I(Integrity::HmacSha2_384_192)),
    ("sha2_384", I(Integrity::HmacSha2_384_192)),
    ("sha512", I(Integrity::HmacSha2_512_256)),
    ("sha2_512", I(Integrity::HmacSha2_512_256)),
    ("prfsha256", P(Prf::HmacSha2_256)),
    ("prfsha2_256", P(Prf::HmacSha2_256)),
    ("prfsha384", P(Prf::HmacSha2_384)),
    ("prfsha2_384", P(Prf::HmacSha2_384)),
    ("prfsha512", P(Prf::HmacSha2_512)),
    ("prfsha2_512", P(Prf::HmacSha2_512)),
    ("x25519", G(KeGroup::X25519)),
    ("curve25519", G(KeGroup::X25519)),
    ("ecp256", G(KeGroup::P256)),
    ("ecp384", G(KeGroup::P384)),
    ("modp2048", G(KeGroup::Modp2048)),
    ("modp3072", G(KeGroup::Modp3072)),
    ("modp4096", G(KeGroup::Modp4096)),
    ("dh14", G(KeGroup::Modp2048)),
    ("dh15", G(KeGroup::Modp3072)),
    ("dh16", G(KeGroup::Modp4096)),
    ("dh31", G(KeGroup::X25519)),
    ("esn", S(Esn::Yes)),
    ("noesn", S(Esn::No)),
];

/// What other implementations still offer and we do not, with the reason.
const REFUSED: [(&[&str], &str); 9] = [
    (&["des"], "it can be broken by trying its keys (RFC 8247 section 2.1: MUST NOT)"),
    (&["3des"], "its blocks of 64 bits are too short and it is slow (RFC 8221 section 5: SHOULD NOT)"),
    (&["null"], "it does not encrypt"),
    (&["md5", "md5_128", "prfmd5"], "MD5 is broken (RFC 8247 sections 2.2 and 2.3: MUST NOT)"),
    (
        &["sha", "sha1", "sha1_160", "prfsha1"],
        "SHA-1 is being deprecated (RFC 8247 sections 2.2 and 2.3: MUST-)",
    ),
    (&["modp768", "modp1024s160"], "it can be broken with little effort (RFC 8247 section 2.4: MUST NOT)"),
    (
        &["modp1024", "modp1536"],
        "it is too weak against a state's resources (RFC 8247 section 2.4: SHOULD NOT)",
    ),
    (
        &["modp2048s224", "modp2048s256"],
        "the origin of its prime is unknown (RFC 8247 section 2.4: SHOULD NOT)",
    ),
    (
        &["blowfish", "blowfish128", "blowfish192", "blowfish256"],
        "its blocks of 64 bits are too short (RFC 8221 section 5: MUST NOT)",
    ),
];

/// How algorithms begin that are good enough, but not implemented.
const ABSENT: [&str; 13] = [
    "aes",
    "camellia",
    "serpent",
    "twofish",
    "chacha20",
    "prfaes",
    "prfcamellia",
    "ecp",
    "modp",
    "x448",
    "curve448",
    "mlkem",
    "ke1_",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_for_one_algorithm() {
        assert_eq!(transform("aes128"), Ok(Transform::Encryption(Encryption::AesCbc128)));
        assert_eq!(transform("curve25519"), transform("x25519"));
        let names: std::collections::BTreeSet<&str> = KNOWN.iter().map(|(name, _)| *name).collect();
        assert_eq!(names.len(), KNOWN.len());
    }

    #[test]
    fn a_weak_algorithm_is_refused_with_the_reason() {
        let expected = [
            (
                "3des",
                "`3des` is refused: its blocks of 64 bits are too short and it is slow (RFC 8221 section 5: SHOULD \
                 NOT); use aes128gcm16, aes256gcm16, chacha20poly1305, aes128 or aes256",
            ),
            (
                "sha1",
                "`sha1` is refused: SHA-1 is being deprecated (RFC 8247 sections 2.2 and 2.3: MUST-); use sha256, \
                 sha384 or sha512",
            ),
            (
                "prfmd5",
                "`prfmd5` is refused: MD5 is broken (RFC 8247 sections 2.2 and 2.3: MUST NOT); use prfsha256, \
                 prfsha384 or prfsha512",
            ),
            (
                "modp1024",
                "`modp1024` is refused: it is too weak against a state's resources (RFC 8247 section 2.4: SHOULD \
                 NOT); use x25519, ecp256, ecp384, modp2048, modp3072 or modp4096",
            ),
        ];
        for (word, message) in expected {
            assert_eq!(transform(word).unwrap_err().to_string(), message);
        }
        for word in REFUSED.iter().flat_map(|(words, _)| words.iter()) {
            assert!(transform(word).unwrap_err().to_string().contains("is refused"), "{word}");
        }
    }

    #[test]
    fn a_strange_word_is_corrected_or_named() {
        let message = |word: &str| transform(word).unwrap_err().to_string();
        assert_eq!(message("AES128GCM16"), "unknown algorithm `AES128GCM16`; did you mean `aes128gcm16`?");
        assert_eq!(message("sha265"), "unknown algorithm `sha265`; did you mean `sha256`?");
        assert_eq!(
            message("aes192"),
            "`aes192` is not implemented; use aes128gcm16, aes256gcm16, chacha20poly1305, aes128 or aes256"
        );
        assert_eq!(
            message("modp8192"),
            "`modp8192` is not implemented; use x25519, ecp256, ecp384, modp2048, modp3072 or modp4096"
        );
        assert!(message("").starts_with("unknown algorithm ``; expected `aes128gcm16`, "));
    }
}
