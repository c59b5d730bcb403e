//! Why packets are dropped, and how often: the auditable events of RFC 4303 section 4.

use std::fmt;

/// Why an inbound packet was dropped. The peer must not learn it.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dropped {
    /// No room for header, IV, trailer and ICV.
    TooShort,
    /// The ciphertext is not whole blocks of the cipher.
    NotBlockAligned,
    /// The SPI is not this SA's: the caller's table is wrong.
    WrongSpi,
    /// The hard limit has been reached.
    HardLimit,
    /// The sequence number stands before the replay window. With extended numbers it is taken for one 2^32 later
    /// instead (RFC 4303 appendix A2.2), and the packet is [`Dropped::NotAuthentic`].
    TooOld,
    /// The sequence number has been received before.
    Replayed,
    /// The integrity check failed: forged, damaged, or (with extended numbers) too late.
    NotAuthentic,
    /// The padding is longer than the packet, or not 1, 2, 3, ... (RFC 4303 section 2.4).
    BadPadding,
    /// In tunnel mode: a Next Header that is neither IPv4 nor IPv6.
    UnknownNextHeader,
    /// In tunnel mode: no whole IP packet of the version that Next Header states.
    BadInnerPacket,
}

impl Dropped {
    /// All reasons, in order of checking.
    pub const ALL: [Dropped; 10] = [
        Dropped::TooShort,
        Dropped::NotBlockAligned,
        Dropped::WrongSpi,
        Dropped::HardLimit,
        Dropped::TooOld,
        Dropped::Replayed,
        Dropped::NotAuthentic,
        Dropped::BadPadding,
        Dropped::UnknownNextHeader,
        Dropped::BadInnerPacket,
    ];

    /// A name for metrics, in snake case.
    pub const fn name(self) -> &'static str {
        match self {
            Dropped::TooShort => "too_short",
            Dropped::NotBlockAligned => "not_block_aligned",
            Dropped::WrongSpi => "wrong_spi",
            Dropped::HardLimit => "hard_limit",
            Dropped::TooOld => "too_old",
            Dropped::Replayed => "replayed",
            Dropped::NotAuthentic => "not_authentic",
            Dropped::BadPadding => "bad_padding",
            Dropped::UnknownNextHeader => "unknown_next_header",
            Dropped::BadInnerPacket => "bad_inner_packet",
        }
    }
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::error::Error for Dropped {}

/// How many packets of an SA ended how. The authenticated ones are in the SA's [`crate::Volume`].
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Dummy packets, which count as authenticated and carry nothing (RFC 4303 section 2.6).
    pub dummies: u64,
    dropped: [u64; Dropped::ALL.len()],
}

impl Counters {
    /// How many packets were dropped for this reason.
    pub fn dropped(&self, why: Dropped) -> u64 {
        self.dropped.get(why as usize).copied().unwrap_or_default()
    }

    pub(crate) fn count(&mut self, why: Dropped) {
        if let Some(count) = self.dropped.get_mut(why as usize) {
            *count = count.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_reason_has_its_own_counter_and_name() {
        for why in Dropped::ALL {
            let mut counters = Counters::default();
            counters.count(why);
            assert_eq!(
                Dropped::ALL.map(|other| counters.dropped(other)),
                Dropped::ALL.map(|other| u64::from(other == why))
            );
        }
        assert_eq!(
            Dropped::ALL.map(Dropped::name).into_iter().collect::<BTreeSet<_>>().len(),
            Dropped::ALL.len()
        );
    }
}
