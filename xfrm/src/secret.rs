//! Key octets with one owner: wiped when dropped, silent in `Debug`, not `Clone`.

use std::fmt;

use zeroize::Zeroizing;

/// Key octets (a cipher key, with its salt where the algorithm has one).
///
/// Wiped on drop; `Debug` prints the length only.
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Copies `octets`; wiping the original is its owner's part.
    pub fn copy_from(octets: &[u8]) -> Self {
        Self(Zeroizing::new(octets.to_vec()))
    }

    /// Length in octets.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True when there are no octets at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl From<Zeroizing<Vec<u8>>> for Secret {
    fn from(octets: Zeroizing<Vec<u8>>) -> Self {
        Self(octets)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} octets)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_prints_the_length_and_no_octet() {
        assert_eq!(format!("{:?}", Secret::copy_from(&[0xab; 20])), "Secret(20 octets)");
    }
}
