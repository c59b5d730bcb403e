//! Why the userspace data plane drops packets, and how often.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

/// Why a packet was dropped, beside the reasons of ESP itself ([`esp::Dropped`]).
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// Not one whole IP packet.
    NotIp,
    /// No peer has this destination.
    NoPeer,
    /// The peer has no SA.
    NoSa,
    /// The SA's traffic selectors do not cover the packet: outbound.
    NotSelected,
    /// The SA's traffic selectors do not cover the packet: inbound (RFC 4301 section 5.2).
    WrongSelectors,
    /// IP options, or fragments out of order, which transport mode has no place for.
    NotTransport,
    /// The packet is longer than the path takes.
    TooBig,
    /// The SA has reached a limit.
    Exhausted,
    /// The system did not take the datagram.
    NotSent,
    /// ESP with an SPI that we do not know.
    UnknownSpi,
    /// The kernel did not take the packet.
    NotDelivered,
}

impl Cause {
    const ALL: [(Cause, &'static str); 11] = [
        (Cause::NotIp, "out-not-ip"),
        (Cause::NoPeer, "out-no-peer"),
        (Cause::NoSa, "out-no-sa"),
        (Cause::NotSelected, "out-not-selected"),
        (Cause::NotTransport, "out-fragment-or-options"),
        (Cause::TooBig, "out-too-big"),
        (Cause::Exhausted, "out-sa-exhausted"),
        (Cause::NotSent, "out-not-sent"),
        (Cause::UnknownSpi, "in-unknown-spi"),
        (Cause::WrongSelectors, "in-wrong-selectors"),
        (Cause::NotDelivered, "in-not-delivered"),
    ];
}

/// The counters, shared by all threads.
#[derive(Debug, Default)]
pub(super) struct Drops {
    ours: [AtomicU64; Cause::ALL.len()],
    esp: [AtomicU64; esp::Dropped::ALL.len()],
}

impl Drops {
    /// Counts one packet.
    pub fn count(&self, cause: Cause) {
        if let Some(counter) = self.ours.get(cause as usize) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts one packet that ESP refused.
    pub fn count_esp(&self, why: esp::Dropped) {
        if let Some(counter) = self.esp.get(why as usize) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The counters that are not zero, by name.
    pub fn read(&self) -> BTreeMap<String, u64> {
        let ours = Cause::ALL.iter().map(|(cause, name)| (name.to_string(), self.ours.get(*cause as usize)));
        let name = |why: esp::Dropped| format!("in-{}", why.name().replace('_', "-"));
        let esp = esp::Dropped::ALL.iter().map(|why| (name(*why), self.esp.get(*why as usize)));
        ours.chain(esp)
            .filter_map(|(name, counter)| Some((name, counter?.load(Ordering::Relaxed))))
            .filter(|(_, count)| *count > 0)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_has_its_own_counter() {
        let drops = Drops::default();
        assert!(drops.read().is_empty());
        for (cause, name) in Cause::ALL {
            let before = drops.read().len();
            drops.count(cause);
            let after = drops.read();
            assert_eq!((after.len(), after[name]), (before + 1, 1));
        }
        for why in esp::Dropped::ALL {
            drops.count_esp(why);
        }
        assert_eq!(drops.read().len(), Cause::ALL.len() + esp::Dropped::ALL.len());
        assert_eq!(drops.read()["in-not-authentic"], 1);
    }
}
