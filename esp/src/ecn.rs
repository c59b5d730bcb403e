//! Congestion marks into a tunnel and out of it (RFC 6040).

use std::fmt;

/// The ECN field of an IP header, with its value on the wire.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Ecn {
    /// The transport does not understand congestion marks.
    NotEct = 0b00,
    /// It does.
    Ect1 = 0b01,
    /// It does; the usual one.
    Ect0 = 0b10,
    /// Congestion was experienced.
    Ce = 0b11,
}

/// The outer header says congestion, and the inner transport would not understand the mark: the packet must be
/// dropped, which it does understand (RFC 6040 section 4.2).
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct CongestedButNotCapable;

impl Ecn {
    /// From the lower two bits of IPv4's TOS or IPv6's traffic class.
    pub const fn from_bits(traffic_class: u8) -> Ecn {
        match traffic_class & 0b11 {
            0b00 => Ecn::NotEct,
            0b01 => Ecn::Ect1,
            0b10 => Ecn::Ect0,
            _ => Ecn::Ce,
        }
    }

    /// The field of an IP packet, which a tunnel's outer header gets too (RFC 6040 section 4.1, normal mode).
    /// `None` if this is no IP packet.
    pub fn of(packet: &[u8]) -> Option<Ecn> {
        match packet {
            [first, second, ..] if first >> 4 == 4 => Some(Ecn::from_bits(*second)),
            [first, second, ..] if first >> 4 == 6 => Some(Ecn::from_bits(second >> IPV6_SHIFT)),
            _ => None,
        }
    }

    /// What the inner packet goes on with (RFC 6040 figure 4, `self` being the inner field).
    fn leaving(self, outer: Ecn) -> Result<Ecn, CongestedButNotCapable> {
        match (self, outer) {
            (Ecn::NotEct, Ecn::Ce) => Err(CongestedButNotCapable),
            (Ecn::NotEct, Ecn::NotEct | Ecn::Ect0 | Ecn::Ect1) => Ok(Ecn::NotEct),
            (Ecn::Ce, _) | (Ecn::Ect0 | Ecn::Ect1, Ecn::Ce) => Ok(Ecn::Ce),
            (Ecn::Ect1, _) | (Ecn::Ect0, Ecn::Ect1) => Ok(Ecn::Ect1),
            (Ecn::Ect0, Ecn::NotEct | Ecn::Ect0) => Ok(Ecn::Ect0),
        }
    }
}

/// Where IPv6's second octet has the ECN field.
const IPV6_SHIFT: u8 = 4;

/// Brings the outer header's mark into the inner packet that leaves a tunnel, IPv4's checksum included. What is no
/// IP packet is left alone.
///
/// # Errors
/// [`CongestedButNotCapable`]: the packet must be dropped.
pub fn leave_tunnel(packet: &mut [u8], outer: Ecn) -> Result<(), CongestedButNotCapable> {
    let Some(inner) = Ecn::of(packet) else { return Ok(()) };
    let left = inner.leaving(outer)?;
    if left != inner {
        mark(packet, inner as u8 ^ left as u8);
    }
    Ok(())
}

/// Flips these bits of the ECN field.
fn mark(packet: &mut [u8], bits: u8) {
    if let [first, second, ..] = packet
        && *first >> 4 == 6
    {
        *second ^= bits << IPV6_SHIFT;
    } else if let [first, tos, _, _, _, _, _, _, _, _, c0, c1, ..] = packet {
        let old = u16::from_be_bytes([*first, *tos]);
        *tos ^= bits;
        let new = u16::from_be_bytes([*first, *tos]);
        [*c0, *c1] = updated(u16::from_be_bytes([*c0, *c1]), old, new).to_be_bytes();
    }
}

/// The checksum after one 16-bit word has changed (RFC 1624, equation 3).
fn updated(checksum: u16, old: u16, new: u16) -> u16 {
    let add = |a: u16, b: u16| {
        let (sum, carry) = a.overflowing_add(b);
        sum.wrapping_add(u16::from(carry))
    };
    !add(add(!checksum, !old), new)
}

impl fmt::Display for CongestedButNotCapable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("congestion was marked on a packet that cannot carry the mark")
    }
}

impl std::error::Error for CongestedButNotCapable {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{ipv4, ipv6};

    const ALL: [Ecn; 4] = [Ecn::NotEct, Ecn::Ect0, Ecn::Ect1, Ecn::Ce];

    /// RFC 6040 figure 4: a row for the inner field, a column for the outer one.
    const LEAVING: [[Option<Ecn>; 4]; 4] = [
        [Some(Ecn::NotEct), Some(Ecn::NotEct), Some(Ecn::NotEct), None],
        [Some(Ecn::Ect0), Some(Ecn::Ect0), Some(Ecn::Ect1), Some(Ecn::Ce)],
        [Some(Ecn::Ect1), Some(Ecn::Ect1), Some(Ecn::Ect1), Some(Ecn::Ce)],
        [Some(Ecn::Ce), Some(Ecn::Ce), Some(Ecn::Ce), Some(Ecn::Ce)],
    ];

    fn checksum(header: &[u8]) -> u16 {
        let words = header.chunks(2).map(|word| u16::from_be_bytes([word[0], word[1]]));
        !words.fold(0, |sum, word| {
            let (sum, carry) = word.overflowing_add(sum);
            sum.wrapping_add(u16::from(carry))
        })
    }

    #[test]
    fn marks_leave_a_tunnel_as_in_the_table() {
        for (inner, row) in ALL.into_iter().zip(LEAVING) {
            for (outer, left) in ALL.into_iter().zip(row) {
                let mut four = ipv4(40);
                four[1] = 0xb8 | inner as u8;
                four[10..12].fill(0);
                let sum = checksum(&four[..20]);
                four[10..12].copy_from_slice(&sum.to_be_bytes());
                let mut six = ipv6(60);
                six[0..2].copy_from_slice(&[0x6b, 0x85 | (inner as u8) << 4]);
                for mut packet in [four, six] {
                    assert_eq!(Ecn::of(&packet), Some(inner));
                    let before = packet.clone();
                    assert_eq!(leave_tunnel(&mut packet, outer).is_ok(), left.is_some());
                    assert_eq!(Ecn::of(&packet), Some(left.unwrap_or(inner)));
                    if packet[0] == 0x45 {
                        assert_eq!(checksum(&packet[..20]), 0, "{inner:?} {outer:?}");
                        packet[10..12].copy_from_slice(&before[10..12]);
                    }
                    packet[1] = before[1];
                    assert_eq!(packet, before, "all else is the same");
                }
            }
        }
    }

    #[test]
    fn what_is_no_packet_is_left_alone() {
        for mut octets in [vec![], vec![0x45], vec![0x45, 2, 3], vec![0x15; 40]] {
            let before = octets.clone();
            let outcome = leave_tunnel(&mut octets, Ecn::Ce);
            assert!(outcome.is_ok() || Ecn::of(&before) == Some(Ecn::NotEct));
            assert_eq!(octets.len(), before.len());
        }
    }
}
