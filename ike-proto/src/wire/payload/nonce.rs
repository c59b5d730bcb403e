//! Ni and Nr, the Nonce payload (RFC 7296 section 3.9).

use crate::wire::error::Fault;
use crate::wire::limits;

/// A nonce: its body is the octets and nothing else.
///
/// Its length is between 16 and 256 octets. That it is also at least half the PRF's key is for the caller to
/// check, who knows the PRF.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct NoncePayload<'a> {
    /// The random octets.
    pub data: &'a [u8],
}

impl<'a> NoncePayload<'a> {
    pub(super) fn parse(data: &'a [u8]) -> Result<NoncePayload<'a>, Fault> {
        check(data)?;
        Ok(NoncePayload { data })
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) -> Result<(), Fault> {
        check(self.data)?;
        out.extend_from_slice(self.data);
        Ok(())
    }
}

fn check(data: &[u8]) -> Result<(), Fault> {
    if data.len() < *limits::NONCE.start() {
        Err(Fault::TooShort)
    } else if data.len() > *limits::NONCE.end() {
        Err(Fault::TooLong)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_has_16_to_256_octets_both_ways() {
        let octets = [7; 257];
        for (length, expected) in [
            (0, Err(Fault::TooShort)),
            (15, Err(Fault::TooShort)),
            (16, Ok(())),
            (256, Ok(())),
            (257, Err(Fault::TooLong)),
        ] {
            let data = &octets[..length];
            assert_eq!(NoncePayload::parse(data).map(drop), expected);
            assert_eq!(NoncePayload { data }.emit(&mut Vec::new()), expected);
        }
    }
}
