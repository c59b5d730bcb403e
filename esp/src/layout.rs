//! Where the parts of an ESP packet stand (RFC 4303 section 2).
//!
//! ```text
//! |<-- header_len -->|<---------------- a multiple of align ---------------->|<- icv ->|
//! | SPI | number | IV | payload | TFC padding | padding | pad length | next h. |   ICV   |
//! ```

use std::ops::Range;

use crypto::Protection;

use crate::sa::HEADER_LEN;

/// Octets before the payload that suffice for every protection: SPI, sequence number and the IV of CBC.
pub const HEADROOM: usize = HEADER_LEN + 16;

/// Octets after the payload that suffice for every protection without TFC padding: the trailer and up to 15 octets
/// of padding under CBC, and the longest ICV.
pub const TAILROOM: usize = 15 + TRAILER_LEN + 32;

/// Octets of Pad Length and Next Header.
pub(crate) const TRAILER_LEN: usize = 2;

/// Pad Length and Next Header end at a multiple of this many octets (RFC 4303 section 2.4).
const LEAST_ALIGNMENT: usize = 4;

/// The lengths that a protection gives to its packets.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    iv_len: usize,
    icv_len: usize,
    align: usize,
}

impl Layout {
    /// The layout of packets under `protection`.
    pub fn of(protection: Protection) -> Layout {
        Layout {
            iv_len: protection.encryption().iv_len(),
            icv_len: protection.icv_len(),
            align: protection.encryption().block_len().max(LEAST_ALIGNMENT),
        }
    }

    /// Octets before the payload: SPI, sequence number, IV.
    pub const fn header_len(self) -> usize {
        HEADER_LEN.saturating_add(self.iv_len)
    }

    /// Octets of the integrity check value.
    pub const fn icv_len(self) -> usize {
        self.icv_len
    }

    /// Octets that are encrypted for a payload of `len` octets, TFC padding included.
    pub const fn encrypted_len(self, len: usize) -> usize {
        len.saturating_add(TRAILER_LEN).div_ceil(self.align).saturating_mul(self.align)
    }

    /// Octets of the whole ESP packet for a payload of `len` octets, TFC padding included.
    pub const fn sealed_len(self, len: usize) -> usize {
        self.header_len().saturating_add(self.encrypted_len(len)).saturating_add(self.icv_len)
    }

    /// The longest payload whose ESP packet has at most `room` octets; `None` if not even an empty one fits. With
    /// the path's MTU less the outer headers as `room`, this is the MTU inside a tunnel.
    pub fn longest_payload(self, room: usize) -> Option<usize> {
        let encrypted = room.checked_sub(self.header_len())?.checked_sub(self.icv_len)?;
        let whole = encrypted.checked_sub(encrypted.checked_rem(self.align)?)?;
        whole.checked_sub(TRAILER_LEN)
    }

    /// Where the IV stands in a packet.
    pub(crate) const fn iv(self) -> Range<usize> {
        HEADER_LEN..self.header_len()
    }

    /// Where the ciphertext stands in a packet of `len` octets; `None` if the packet has no room for the trailer.
    pub(crate) fn encrypted(self, len: usize) -> Option<Range<usize>> {
        let end = len.checked_sub(self.icv_len)?;
        (end >= self.header_len().checked_add(TRAILER_LEN)?).then_some(self.header_len()..end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::protections;

    #[test]
    fn the_rooms_suffice_for_every_protection() {
        let longest = |part: fn(Layout) -> usize| {
            protections().into_iter().map(|protection| part(Layout::of(protection))).max().unwrap()
        };
        assert_eq!(longest(Layout::header_len), HEADROOM);
        let after = |layout: Layout| {
            (0..64).map(|len| layout.sealed_len(len) - len - layout.header_len()).max().unwrap()
        };
        assert_eq!(longest(after), TAILROOM);
    }

    #[test]
    fn the_longest_payload_fills_the_room_and_one_more_octet_does_not_fit() {
        for layout in protections().into_iter().map(Layout::of) {
            let least = layout.sealed_len(0);
            assert_eq!(layout.longest_payload(least - 1), None);
            for room in least..2000 {
                let payload = layout.longest_payload(room).unwrap();
                assert!(layout.sealed_len(payload) <= room && layout.sealed_len(payload + 1) > room);
            }
        }
    }

    #[test]
    fn the_ciphertext_is_whole_words_and_blocks_with_the_least_padding() {
        for protection in protections() {
            let layout = Layout::of(protection);
            let align = protection.encryption().block_len().max(4);
            for len in 0..100 {
                let encrypted = layout.encrypted_len(len);
                assert!(
                    encrypted.is_multiple_of(align) && encrypted >= len + 2 && encrypted < len + 2 + align
                );
            }
        }
    }
}
