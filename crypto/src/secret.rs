//! Octets that must not leak: one owner, wiped on drop, silent in `Debug`, compared in constant time.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Secret octets: a key, a shared secret, a pre-shared key.
///
/// Not `Clone`: a secret that is needed twice is lent, or copied on purpose with [`Secret::copy_from`].
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes ownership of `octets`, which are wiped (with the vector's spare capacity) when this value is dropped.
    ///
    /// A vector that has grown may have left copies behind; allocate it with its final capacity.
    pub fn new(octets: Vec<u8>) -> Secret {
        Secret(Zeroizing::new(octets))
    }

    /// Copies `octets`. The caller's copy is the caller's to wipe.
    pub fn copy_from(octets: &[u8]) -> Secret {
        Secret::new(octets.to_vec())
    }

    /// The octets, for the one computation that needs them.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Number of octets. Lengths are not secret.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no octets at all (the integrity key of an AEAD, for instance).
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Compares with `other` in a time that depends on the lengths alone.
    pub fn ct_eq(&self, other: &[u8]) -> bool {
        self.0.as_slice().ct_eq(other).into()
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Secret) -> bool {
        self.ct_eq(other.expose())
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} octets)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_prints_its_length_and_nothing_else() {
        let secret = Secret::copy_from(b"correct horse");
        assert_eq!(format!("{secret:?}"), "Secret(13 octets)");
        assert_eq!(format!("{secret:#?}"), "Secret(13 octets)");
    }

    #[test]
    fn secrets_are_equal_when_every_octet_is() {
        let secret = Secret::copy_from(&[1, 2, 3]);
        assert_eq!(secret, Secret::new(vec![1, 2, 3]));
        assert_ne!(secret, Secret::new(vec![1, 2, 4]));
        assert!(!secret.ct_eq(&[1, 2]));
        assert!(!secret.ct_eq(&[1, 2, 3, 0]));
        assert!(Secret::new(Vec::new()).is_empty());
    }
}
