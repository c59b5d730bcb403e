//! SIGNATURE_HASH_ALGORITHMS (RFC 7427 4, RFC 8420 2): which hashes an end verifies signatures with.

/// A hash of IANA's `IKEv2 Hash Algorithms` that this crate signs or verifies with.
///
/// SHA-1 (1) is not among them: RFC 8247 3.2 has it as MUST NOT.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HashAlgorithm {
    /// SHA2-256.
    Sha2_256,
    /// SHA2-384.
    Sha2_384,
    /// SHA2-512.
    Sha2_512,
    /// "Identity": the message itself is signed (RFC 8420).
    Identity,
}

impl HashAlgorithm {
    /// All of them, in the order of their numbers.
    pub const ALL: [HashAlgorithm; 4] =
        [HashAlgorithm::Sha2_256, HashAlgorithm::Sha2_384, HashAlgorithm::Sha2_512, HashAlgorithm::Identity];

    /// The number at IANA.
    pub fn number(self) -> u16 {
        match self {
            HashAlgorithm::Sha2_256 => 2,
            HashAlgorithm::Sha2_384 => 3,
            HashAlgorithm::Sha2_512 => 4,
            HashAlgorithm::Identity => 5,
        }
    }

    fn bit(self) -> u8 {
        match self {
            HashAlgorithm::Sha2_256 => 1,
            HashAlgorithm::Sha2_384 => 2,
            HashAlgorithm::Sha2_512 => 4,
            HashAlgorithm::Identity => 8,
        }
    }
}

/// A set of hashes; the empty set is what a peer announces that knows none of ours.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct HashAlgorithms(u8);

impl HashAlgorithms {
    /// Everything that this crate verifies: the set to announce.
    ///
    /// The hash in the notification has to be there whatever keys are configured, as a peer may hold a key of any
    /// type ("Identity" MUST be there when EdDSA is supported, RFC 8420 3).
    pub fn all() -> HashAlgorithms {
        HashAlgorithm::ALL.into_iter().collect()
    }

    /// Whether `hash` is in the set.
    pub fn contains(self, hash: HashAlgorithm) -> bool {
        self.0 & hash.bit() != 0
    }

    /// Reads the notification's data: 16-bit numbers without padding. Unknown numbers, and SHA-1, are left out.
    ///
    /// `None` if the length is odd: the notification is malformed.
    pub fn parse(data: &[u8]) -> Option<HashAlgorithms> {
        let (numbers, rest) = data.as_chunks::<2>();
        let known = |number: u16| HashAlgorithm::ALL.into_iter().find(|hash| hash.number() == number);
        rest.is_empty()
            .then(|| numbers.iter().filter_map(|number| known(u16::from_be_bytes(*number))).collect())
    }

    /// The notification's data.
    pub fn emit(self) -> Vec<u8> {
        let ours = HashAlgorithm::ALL.into_iter().filter(|hash| self.contains(*hash));
        ours.flat_map(|hash| hash.number().to_be_bytes()).collect()
    }
}

impl FromIterator<HashAlgorithm> for HashAlgorithms {
    fn from_iter<I: IntoIterator<Item = HashAlgorithm>>(hashes: I) -> HashAlgorithms {
        HashAlgorithms(hashes.into_iter().fold(0, |set, hash| set | hash.bit()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_set_is_a_list_of_numbers() {
        assert_eq!(HashAlgorithms::all().emit(), [0, 2, 0, 3, 0, 4, 0, 5]);
        assert_eq!(HashAlgorithms::parse(&HashAlgorithms::all().emit()), Some(HashAlgorithms::all()));
        assert_eq!(HashAlgorithms::default().emit(), Vec::<u8>::new());
    }

    #[test]
    fn sha_1_and_unknown_numbers_are_left_out() {
        let set = HashAlgorithms::parse(&[0, 1, 0, 5, 0xff, 0xff, 0, 2, 0, 2]).unwrap();
        assert_eq!(set, [HashAlgorithm::Identity, HashAlgorithm::Sha2_256].into_iter().collect());
        assert_eq!(HashAlgorithms::parse(&[0, 1]), Some(HashAlgorithms::default()));
        assert_eq!(HashAlgorithms::parse(&[0, 2, 0]), None);
    }
}
