//! The algorithms of method 14 and their AlgorithmIdentifiers (RFC 7427 3 and appendix A, RFC 8420).

use std::fmt;

use crate::signature::HashAlgorithm;

/// A signature algorithm with its hash.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// Ed25519 over the message itself (RFC 8420).
    Ed25519,
    /// ecdsa-with-SHA256.
    EcdsaSha256,
    /// ecdsa-with-SHA384.
    EcdsaSha384,
    /// RSASSA-PSS, SHA-256, MGF1 with SHA-256, salt of 32 octets.
    RsaPssSha256,
    /// RSASSA-PSS, SHA-384, MGF1 with SHA-384, salt of 48 octets.
    RsaPssSha384,
    /// RSASSA-PSS, SHA-512, MGF1 with SHA-512, salt of 64 octets.
    RsaPssSha512,
    /// sha256WithRSAEncryption: RSASSA-PKCS1-v1_5.
    RsaPkcs1Sha256,
    /// sha384WithRSAEncryption: RSASSA-PKCS1-v1_5.
    RsaPkcs1Sha384,
    /// sha512WithRSAEncryption: RSASSA-PKCS1-v1_5.
    RsaPkcs1Sha512,
}

const ED25519: &[u8] = &[0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70];
const ECDSA_SHA256: &[u8] = &ecdsa(0x02);
const ECDSA_SHA384: &[u8] = &ecdsa(0x03);
const PKCS1_SHA256: &[u8] = &pkcs1(0x0b);
const PKCS1_SHA384: &[u8] = &pkcs1(0x0c);
const PKCS1_SHA512: &[u8] = &pkcs1(0x0d);
const PSS_SHA256: &[u8] = &pss(1, 32);
const PSS_SHA384: &[u8] = &pss(2, 48);
const PSS_SHA512: &[u8] = &pss(3, 64);

/// id-RSASSA-PSS, with which every AlgorithmIdentifier of RSASSA-PSS begins after its tag and length.
const PSS_OID: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a];
/// Octets of the one form of RSASSA-PSS: DER leaves the default trailerField out.
const PSS_LEN: usize = 67;
/// Where its two SEQUENCEs have their lengths.
const PSS_LENGTHS_AT: [usize; 2] = [1, 14];
/// `[3] INTEGER 1`: the trailerField that RFC 7427 A.4.3 prints although it is the default.
const PSS_TRAILER: [u8; 5] = [0xa3, 0x03, 0x02, 0x01, 0x01];

impl Scheme {
    /// All of them.
    pub const ALL: [Scheme; 9] = [
        Scheme::Ed25519,
        Scheme::EcdsaSha256,
        Scheme::EcdsaSha384,
        Scheme::RsaPssSha256,
        Scheme::RsaPssSha384,
        Scheme::RsaPssSha512,
        Scheme::RsaPkcs1Sha256,
        Scheme::RsaPkcs1Sha384,
        Scheme::RsaPkcs1Sha512,
    ];

    /// The hash that the verifier must have announced.
    pub fn hash(self) -> HashAlgorithm {
        match self {
            Scheme::Ed25519 => HashAlgorithm::Identity,
            Scheme::EcdsaSha256 | Scheme::RsaPssSha256 | Scheme::RsaPkcs1Sha256 => HashAlgorithm::Sha2_256,
            Scheme::EcdsaSha384 | Scheme::RsaPssSha384 | Scheme::RsaPkcs1Sha384 => HashAlgorithm::Sha2_384,
            Scheme::RsaPssSha512 | Scheme::RsaPkcs1Sha512 => HashAlgorithm::Sha2_512,
        }
    }

    /// The AlgorithmIdentifier that we send, in DER.
    ///
    /// RSASSA-PSS is sent in the form of 67 octets, without the trailerField: it is DER (X.690 11.5), and what
    /// strongSwan and libreswan send; libreswan compares it octet for octet.
    pub fn algorithm_identifier(self) -> &'static [u8] {
        match self {
            Scheme::Ed25519 => ED25519,
            Scheme::EcdsaSha256 => ECDSA_SHA256,
            Scheme::EcdsaSha384 => ECDSA_SHA384,
            Scheme::RsaPssSha256 => PSS_SHA256,
            Scheme::RsaPssSha384 => PSS_SHA384,
            Scheme::RsaPssSha512 => PSS_SHA512,
            Scheme::RsaPkcs1Sha256 => PKCS1_SHA256,
            Scheme::RsaPkcs1Sha384 => PKCS1_SHA384,
            Scheme::RsaPkcs1Sha512 => PKCS1_SHA512,
        }
    }

    /// The scheme with this AlgorithmIdentifier: a blob that is compared, as RFC 7427 1 allows.
    ///
    /// Of RSASSA-PSS both the form that we send and the one with the explicit trailerField of RFC 7427 A.4.3 are
    /// understood.
    ///
    /// # Errors
    /// [`AlgorithmError`]: any other parameters of RSASSA-PSS (empty or default ones mean SHA-1, which RFC 8247
    /// 3.2 has as MUST NOT), and all that is unknown.
    pub fn from_algorithm_identifier(der: &[u8]) -> Result<Scheme, AlgorithmError> {
        let shorter = without_trailer(der);
        let der = shorter.as_deref().unwrap_or(der);
        match Scheme::ALL.into_iter().find(|scheme| scheme.algorithm_identifier() == der) {
            Some(scheme) => Ok(scheme),
            None if der.get(2..).is_some_and(|rest| rest.starts_with(PSS_OID)) => {
                Err(AlgorithmError::PssParameters)
            }
            None => Err(AlgorithmError::Unknown),
        }
    }
}

/// What `der`, an RSASSA-PSS with the trailerField at its end, is without it: both lengths are lower by its own.
fn without_trailer(der: &[u8]) -> Option<Vec<u8>> {
    let mut short = der.strip_suffix(&PSS_TRAILER)?.to_vec();
    for at in PSS_LENGTHS_AT {
        let length = short.get_mut(at)?;
        *length = length.checked_sub(5)?;
    }
    (short.len() == PSS_LEN).then_some(short)
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Scheme::Ed25519 => "Ed25519",
            Scheme::EcdsaSha256 => "ECDSA with SHA-256",
            Scheme::EcdsaSha384 => "ECDSA with SHA-384",
            Scheme::RsaPssSha256 => "RSASSA-PSS with SHA-256",
            Scheme::RsaPssSha384 => "RSASSA-PSS with SHA-384",
            Scheme::RsaPssSha512 => "RSASSA-PSS with SHA-512",
            Scheme::RsaPkcs1Sha256 => "RSA PKCS #1 with SHA-256",
            Scheme::RsaPkcs1Sha384 => "RSA PKCS #1 with SHA-384",
            Scheme::RsaPkcs1Sha512 => "RSA PKCS #1 with SHA-512",
        })
    }
}

/// Why an AlgorithmIdentifier names none of our schemes.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum AlgorithmError {
    /// Authentication Data shorter than it says, or without a signature.
    Truncated,
    /// RSASSA-PSS with parameters that are not SHA-2, MGF1 with the same hash, and a salt as long as the hash.
    PssParameters,
    /// Not one of [`Scheme::ALL`].
    Unknown,
}

impl fmt::Display for AlgorithmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AlgorithmError::Truncated => "the digital signature is truncated",
            AlgorithmError::PssParameters => "RSASSA-PSS with parameters other than SHA-2 throughout",
            AlgorithmError::Unknown => "an unknown signature algorithm",
        })
    }
}

impl std::error::Error for AlgorithmError {}

/// ecdsa-with-SHA2, parameters absent (RFC 7427 A.3).
const fn ecdsa(hash: u8) -> [u8; 12] {
    [0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, hash]
}

/// shaXWithRSAEncryption, parameters NULL (RFC 7427 A.1).
const fn pkcs1(algorithm: u8) -> [u8; 15] {
    [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, algorithm, 0x05, 0x00]
}

/// id-RSASSA-PSS with the hash `2.16.840.1.101.3.4.2.hash` in both places (RFC 7427 A.4.3, RFC 4055 3.1).
#[rustfmt::skip]
const fn pss(hash: u8, salt: u8) -> [u8; PSS_LEN] {
    [
        0x30, 0x41,
          0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a,
          0x30, 0x34,
            0xa0, 0x0f, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, hash, 0x05, 0x00,
            0xa1, 0x1c, 0x30, 0x1a, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08,
              0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, hash, 0x05, 0x00,
            0xa2, 0x03, 0x02, 0x01, salt,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::hex;

    fn blob(digits: &str) -> Vec<u8> {
        hex(&digits.split_whitespace().collect::<String>())
    }

    /// RFC 7427 A.4.3, 72 octets.
    const PSS_SHA256_OF_THE_RFC: &str =
        "3046 0609 2a86 4886 f70d 0101 0a30 39a0 0f30 0d06 0960 8648 0165 0304 0201 0500
        a11c 301a 0609 2a86 4886 f70d 0101 0830 0d06 0960 8648 0165 0304 0201 0500 a203 0201 20a3 0302 0101";

    #[test]
    fn the_examples_of_rfc_7427_appendix_a_are_understood() {
        for (digits, scheme) in [
            ("300d 0609 2a86 4886 f70d 0101 0b05 00", Scheme::RsaPkcs1Sha256),
            ("300d 0609 2a86 4886 f70d 0101 0c05 00", Scheme::RsaPkcs1Sha384),
            ("300d 0609 2a86 4886 f70d 0101 0d05 00", Scheme::RsaPkcs1Sha512),
            ("300a 0608 2a86 48ce 3d04 0302", Scheme::EcdsaSha256),
            ("300a 0608 2a86 48ce 3d04 0303", Scheme::EcdsaSha384),
            ("3005 0603 2b65 70", Scheme::Ed25519),
        ] {
            assert_eq!(scheme.algorithm_identifier(), blob(digits));
            assert_eq!(Scheme::from_algorithm_identifier(&blob(digits)), Ok(scheme));
        }
        let pss = Scheme::from_algorithm_identifier(&blob(PSS_SHA256_OF_THE_RFC));
        assert_eq!(pss, Ok(Scheme::RsaPssSha256));
    }

    #[test]
    fn the_examples_that_are_weak_or_not_ours_are_refused() {
        let default_pss = "303e 0609 2a86 4886 f70d 0101 0a30 31a0 0b30 0906 052b 0e03 021a 0500 a118 3016
            0609 2a86 4886 f70d 0101 0830 0906 052b 0e03 021a 0500 a203 0201 14a3 0302 0101";
        for (digits, error) in [
            ("300d 0609 2a86 4886 f70d 0101 0505 00", AlgorithmError::Unknown), // sha1WithRSAEncryption
            ("3009 0607 2a86 48ce 3804 03", AlgorithmError::Unknown),           // dsa-with-sha1
            ("300b 0609 6086 4801 6503 0403 02", AlgorithmError::Unknown),      // dsa-with-sha256
            ("3009 0607 2a86 48ce 3d04 01", AlgorithmError::Unknown),           // ecdsa-with-sha1
            ("300a 0608 2a86 48ce 3d04 0304", AlgorithmError::Unknown),         // ecdsa-with-sha512: P-521's
            ("300d 0609 2a86 4886 f70d 0101 0a30 00", AlgorithmError::PssParameters), // empty
            (default_pss, AlgorithmError::PssParameters),
        ] {
            assert_eq!(Scheme::from_algorithm_identifier(&blob(digits)), Err(error), "{digits}");
        }
    }

    #[test]
    fn pss_is_sent_in_67_octets_and_understood_with_and_without_the_trailer_field() {
        for (scheme, salt) in
            [(Scheme::RsaPssSha256, 32), (Scheme::RsaPssSha384, 48), (Scheme::RsaPssSha512, 64)]
        {
            let sent = scheme.algorithm_identifier();
            assert_eq!((sent.len(), sent[66]), (67, salt));
            let mut long = [sent, &PSS_TRAILER].concat();
            (long[1], long[14]) = (0x46, 0x39);
            assert_eq!(Scheme::from_algorithm_identifier(&long), Ok(scheme));
            long[71] = 2;
            assert_eq!(Scheme::from_algorithm_identifier(&long), Err(AlgorithmError::PssParameters));
            // CVE-2018-6459, CVE-2021-41990: another hash in MGF1, another salt.
            for at in [31, 59, 66] {
                let mut other = sent.to_vec();
                other[at] ^= 0x10;
                assert_eq!(Scheme::from_algorithm_identifier(&other), Err(AlgorithmError::PssParameters));
            }
        }
    }

    #[test]
    fn every_single_bit_matters() {
        for scheme in Scheme::ALL {
            let der = scheme.algorithm_identifier();
            for bit in 0..der.len() * 8 {
                let mut other = der.to_vec();
                other[bit / 8] ^= 1 << (bit % 8);
                assert_ne!(Scheme::from_algorithm_identifier(&other), Ok(scheme));
            }
        }
    }
}
