//! Proposals as text, in strongSwan's syntax: `aes128gcm16-prfsha256-x25519`.
//!
//! One text is one proposal: algorithms of the same kind in it are alternatives, in order of preference.

use crypto::{Encryption, Integrity, KeGroup, Prf};
use ike_proto::policy::{Esn, EspProposal, IkeProposal};

use super::algorithm::{Transform, transform};
use super::report::{Help, Problem};

/// Reads an IKE proposal. Without a PRF, those of the integrity algorithms are meant, as in strongSwan; an integrity
/// algorithm beside AEAD ciphers means nothing but its PRF.
pub(super) fn ike(text: &str) -> Result<IkeProposal, Problem> {
    let mut words = Words::read(text)?;
    if !words.esn.is_empty() {
        return Err(Problem::new("sequence numbers (`esn`, `noesn`) belong to ESP, not to IKE", Help::NONE));
    }
    if words.groups.is_empty() {
        let help = Help::new(format!("add one, such as `{text}-x25519`"));
        return Err(Problem::new("an IKE proposal needs a key exchange group", help));
    }
    if words.prf.is_empty() {
        words.prf = words.integrity.iter().map(|integrity| prf_of(*integrity)).collect();
    }
    if words.is_aead()? {
        words.integrity.clear();
    } else if words.integrity.is_empty() {
        return Err(no_integrity(text));
    }
    if words.prf.is_empty() {
        let help = Help::new("add one, such as `-prfsha256`");
        return Err(Problem::new("an IKE proposal with an AEAD cipher needs a PRF", help));
    }
    let Words { encryption, integrity, prf, groups, esn: _ } = words;
    Ok(IkeProposal { encryption, integrity, prf, groups })
}

/// Reads an ESP proposal. Without `esn` or `noesn` both are acceptable, 64-bit sequence numbers first.
pub(super) fn esp(text: &str) -> Result<EspProposal, Problem> {
    let mut words = Words::read(text)?;
    if !words.prf.is_empty() {
        return Err(Problem::new("a PRF belongs to IKE, not to ESP", Help::new("leave `prf...` out")));
    }
    match (words.is_aead()?, words.integrity.is_empty()) {
        (true, false) => {
            let help = Help::new("leave the integrity algorithm out");
            return Err(Problem::new("an AEAD cipher takes no integrity algorithm beside it", help));
        }
        (false, true) => return Err(no_integrity(text)),
        (true, true) | (false, false) => {}
    }
    if words.esn.is_empty() {
        words.esn = vec![Esn::Yes, Esn::No];
    }
    let Words { encryption, integrity, prf: _, groups, esn } = words;
    Ok(EspProposal { encryption, integrity, groups, esn })
}

/// What is offered and accepted for IKE unless the configuration says otherwise: every algorithm that there is, AEAD
/// first; the first group is the one that other implementations offer first, too.
pub(super) fn default_ike() -> Vec<IkeProposal> {
    let prf = vec![Prf::HmacSha2_256, Prf::HmacSha2_384, Prf::HmacSha2_512];
    let groups = vec![
        KeGroup::X25519,
        KeGroup::P256,
        KeGroup::P384,
        KeGroup::Modp3072,
        KeGroup::Modp4096,
        KeGroup::Modp2048,
    ];
    let proposal = |encryption: &[Encryption], integrity: &[Integrity]| IkeProposal {
        encryption: encryption.to_vec(),
        integrity: integrity.to_vec(),
        prf: prf.clone(),
        groups: groups.clone(),
    };
    vec![proposal(&AEAD, &[]), proposal(&CBC, &INTEGRITY)]
}

/// What is offered and accepted for ESP unless the configuration says otherwise.
///
/// Without groups: a Child SA takes its keys from the exchange of its IKE SA, and peers differ in whether they accept
/// another one.
pub(super) fn default_esp() -> Vec<EspProposal> {
    let proposal = |encryption: &[Encryption], integrity: &[Integrity]| EspProposal {
        encryption: encryption.to_vec(),
        integrity: integrity.to_vec(),
        groups: Vec::new(),
        esn: vec![Esn::Yes, Esn::No],
    };
    vec![proposal(&AEAD, &[]), proposal(&CBC, &INTEGRITY)]
}

/// Most proposals of one list: more than anyone needs, with every one of them small in an IKE_SA_INIT.
pub(super) const MAX_PROPOSALS: usize = 16;

const AEAD: [Encryption; 3] =
    [Encryption::AesGcm16_128, Encryption::AesGcm16_256, Encryption::ChaCha20Poly1305];
const CBC: [Encryption; 2] = [Encryption::AesCbc128, Encryption::AesCbc256];
const INTEGRITY: [Integrity; 3] =
    [Integrity::HmacSha2_256_128, Integrity::HmacSha2_384_192, Integrity::HmacSha2_512_256];

/// The words of a proposal by kind, each once.
#[derive(Default)]
struct Words {
    encryption: Vec<Encryption>,
    integrity: Vec<Integrity>,
    prf: Vec<Prf>,
    groups: Vec<KeGroup>,
    esn: Vec<Esn>,
}

impl Words {
    fn read(text: &str) -> Result<Words, Problem> {
        if text.contains([',', ' ']) {
            let help = Help::new("write several proposals as an array of strings: [\"...\", \"...\"]");
            return Err(Problem::new("a comma or a space in a proposal", help));
        }
        let mut words = Words::default();
        for word in text.split('-') {
            match transform(word)? {
                Transform::Encryption(value) => add(&mut words.encryption, value),
                Transform::Integrity(value) => add(&mut words.integrity, value),
                Transform::Prf(value) => add(&mut words.prf, value),
                Transform::Group(value) => add(&mut words.groups, value),
                Transform::Esn(value) => add(&mut words.esn, value),
            }
        }
        if words.encryption.is_empty() {
            let help = Help::new(format!("add one, such as `aes128gcm16-{text}`"));
            return Err(Problem::new("a proposal needs an encryption algorithm", help));
        }
        Ok(words)
    }

    /// Whether the ciphers are AEAD: all of them or none.
    fn is_aead(&self) -> Result<bool, Problem> {
        let aead = self.encryption.iter().filter(|cipher| cipher.is_aead()).count();
        if aead != 0 && aead != self.encryption.len() {
            let message = "AEAD ciphers and others in one proposal (RFC 7296 section 3.3 forbids it)";
            let help = Help::new("write two proposals: [\"aes128gcm16-...\", \"aes128-sha256-...\"]");
            return Err(Problem::new(message, help));
        }
        Ok(aead != 0)
    }
}

fn add<T: PartialEq>(list: &mut Vec<T>, value: T) {
    if !list.contains(&value) {
        list.push(value);
    }
}

fn no_integrity(text: &str) -> Problem {
    let help =
        Help::new(format!("add one, such as `{text}-sha256`, or use an AEAD cipher such as aes128gcm16"));
    Problem::new("a cipher that is not AEAD needs an integrity algorithm", help)
}

fn prf_of(integrity: Integrity) -> Prf {
    match integrity {
        Integrity::HmacSha2_256_128 => Prf::HmacSha2_256,
        Integrity::HmacSha2_384_192 => Prf::HmacSha2_384,
        Integrity::HmacSha2_512_256 => Prf::HmacSha2_512,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ike_error(text: &str) -> String {
        ike(text).unwrap_err().to_string()
    }

    fn esp_error(text: &str) -> String {
        esp(text).unwrap_err().to_string()
    }

    #[test]
    fn an_aead_proposal_names_its_prf() {
        let proposal = ike("aes128gcm16-prfsha256-x25519").unwrap();
        assert_eq!(proposal.encryption, [Encryption::AesGcm16_128]);
        assert_eq!(proposal.integrity, []);
        assert_eq!(proposal.prf, [Prf::HmacSha2_256]);
        assert_eq!(proposal.groups, [KeGroup::X25519]);
    }

    #[test]
    fn the_prf_comes_from_the_integrity_algorithm() {
        let proposal = ike("aes256-sha256-sha512-modp2048").unwrap();
        assert_eq!(proposal.integrity, [Integrity::HmacSha2_256_128, Integrity::HmacSha2_512_256]);
        assert_eq!(proposal.prf, [Prf::HmacSha2_256, Prf::HmacSha2_512]);
        let aead = ike("aes256gcm16-sha384-ecp384").unwrap();
        assert_eq!((aead.integrity, aead.prf), (vec![], vec![Prf::HmacSha2_384]));
        let explicit = ike("aes128-sha256-prfsha512-modp3072").unwrap();
        assert_eq!(explicit.prf, [Prf::HmacSha2_512]);
    }

    #[test]
    fn alternatives_keep_their_order_and_come_once() {
        let proposal =
            ike("aes256gcm16-aes128gcm16-prfsha384-prfsha256-ecp256-x25519-curve25519-aes256gcm128").unwrap();
        assert_eq!(proposal.encryption, [Encryption::AesGcm16_256, Encryption::AesGcm16_128]);
        assert_eq!(proposal.prf, [Prf::HmacSha2_384, Prf::HmacSha2_256]);
        assert_eq!(proposal.groups, [KeGroup::P256, KeGroup::X25519]);
    }

    #[test]
    fn esp_takes_either_sequence_number_size_unless_told() {
        assert_eq!(esp("chacha20poly1305").unwrap().esn, [Esn::Yes, Esn::No]);
        assert_eq!(esp("aes128-sha256-noesn").unwrap().esn, [Esn::No]);
        let proposal = esp("aes128gcm16-modp2048-esn").unwrap();
        assert_eq!((proposal.esn, proposal.groups), (vec![Esn::Yes], vec![KeGroup::Modp2048]));
    }

    #[test]
    fn what_is_missing_or_too_much_is_named() {
        assert_eq!(
            ike_error("aes128gcm16-prfsha256"),
            "an IKE proposal needs a key exchange group; add one, such as `aes128gcm16-prfsha256-x25519`"
        );
        assert_eq!(
            ike_error("aes128gcm16-x25519"),
            "an IKE proposal with an AEAD cipher needs a PRF; add one, such as `-prfsha256`"
        );
        assert_eq!(
            esp_error("aes128"),
            "a cipher that is not AEAD needs an integrity algorithm; \
             add one, such as `aes128-sha256`, or use an AEAD cipher such as aes128gcm16"
        );
        assert_eq!(
            ike_error("aes128-prfsha256-x25519"),
            "a cipher that is not AEAD needs an integrity algorithm; add one, such as \
             `aes128-prfsha256-x25519-sha256`, or use an AEAD cipher such as aes128gcm16"
        );
        assert_eq!(
            ike_error("sha256-x25519"),
            "a proposal needs an encryption algorithm; add one, such as `aes128gcm16-sha256-x25519`"
        );
        assert_eq!(
            esp_error("aes128gcm16-sha256"),
            "an AEAD cipher takes no integrity algorithm beside it; leave the integrity algorithm out"
        );
        assert_eq!(
            esp_error("aes128gcm16-prfsha256"),
            "a PRF belongs to IKE, not to ESP; leave `prf...` out"
        );
        assert_eq!(
            ike_error("aes128gcm16-prfsha256-x25519-esn"),
            "sequence numbers (`esn`, `noesn`) belong to ESP, not to IKE"
        );
        for proposal in
            ["aes128gcm16-aes128-sha256-prfsha256-x25519", "aes128-chacha20poly1305-sha256-x25519"]
        {
            assert_eq!(
                ike_error(proposal),
                "AEAD ciphers and others in one proposal (RFC 7296 section 3.3 forbids it); \
                 write two proposals: [\"aes128gcm16-...\", \"aes128-sha256-...\"]"
            );
        }
        assert_eq!(
            ike_error("aes128gcm16-prfsha256-x25519, aes128-sha256-modp2048"),
            "a comma or a space in a proposal; write several proposals as an array of strings: [\"...\", \"...\"]"
        );
    }

    #[test]
    fn the_defaults_keep_aead_apart_from_the_rest() {
        for proposal in default_ike() {
            let aead = proposal.encryption.iter().filter(|cipher| cipher.is_aead()).count();
            assert!(aead == 0 || aead == proposal.encryption.len());
            assert_eq!(proposal.integrity.is_empty(), aead != 0);
            assert_eq!(proposal.groups[0], KeGroup::X25519);
        }
    }
}
