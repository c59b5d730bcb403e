//! Which SA a packet goes out by: the peer by the longest prefix of the destination, then the peer's current SA.
//!
//! The threads of the packet path read it without a lock; the control side replaces parts of it.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use arc_swap::ArcSwapOption;
use esp::{Layout, OutboundSa};
use ike_proto::ids::EspSpi;
use ike_proto::policy::{Mode, PeerId};
use xfrm::Prefix;

use super::ip::Selectors;

/// An SA that packets go out by.
#[derive(Debug)]
pub(super) struct Outbound {
    pub sa: OutboundSa,
    pub spi: EspSpi,
    pub mode: Mode,
    pub layout: Layout,
    pub selectors: Selectors,
    pub local: SocketAddr,
    pub remote: SocketAddr,
}

/// A peer as the packet path sees it.
#[derive(Debug)]
pub(super) struct Slot {
    pub peer: PeerId,
    /// The SA in use; `None`: what goes to the peer is dropped.
    pub outbound: ArcSwapOption<Outbound>,
    /// Seconds from the start to when an SA was last asked for, and one more; 0: never.
    asked: AtomicU64,
}

/// An SA is asked for again after this many seconds: IKE tries on its own meanwhile.
const ASK_AGAIN: u64 = 5;

impl Slot {
    pub fn new(peer: PeerId) -> Slot {
        Slot { peer, outbound: ArcSwapOption::empty(), asked: AtomicU64::new(0) }
    }

    /// Whether it is time to ask for an SA; if so, it counts as asked for.
    pub fn should_ask(&self, start: Instant) -> bool {
        let now = start.elapsed().as_secs().saturating_add(1);
        let asked = self.asked.load(Ordering::Relaxed);
        let due = asked == 0 || now.saturating_sub(asked) >= ASK_AGAIN;
        due && self.asked.compare_exchange(asked, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// The peers by the prefixes behind them.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    /// By prefix length, the longest first, then by the prefix.
    v4: BTreeMap<std::cmp::Reverse<u8>, HashMap<u32, Vec<Arc<Slot>>>>,
    v6: BTreeMap<std::cmp::Reverse<u8>, HashMap<u128, Vec<Arc<Slot>>>>,
}

impl Table {
    /// Adds a prefix behind a peer. Several peers may have the same one, for traffic from different sources.
    pub fn insert(&mut self, prefix: Prefix, slot: Arc<Slot>) {
        let length = std::cmp::Reverse(prefix.length);
        match prefix.address {
            IpAddr::V4(v4) => {
                let masked = mask_v4(v4.to_bits(), prefix.length);
                self.v4.entry(length).or_default().entry(masked).or_default().push(slot);
            }
            IpAddr::V6(v6) => {
                let masked = mask_v6(v6.to_bits(), prefix.length);
                self.v6.entry(length).or_default().entry(masked).or_default().push(slot);
            }
        }
    }

    /// The peers with the longest prefix that holds `destination`.
    pub fn find(&self, destination: IpAddr) -> &[Arc<Slot>] {
        let found = match destination {
            IpAddr::V4(v4) => {
                let bits = v4.to_bits();
                self.v4.iter().find_map(|(length, slots)| slots.get(&mask_v4(bits, length.0)))
            }
            IpAddr::V6(v6) => {
                let bits = v6.to_bits();
                self.v6.iter().find_map(|(length, slots)| slots.get(&mask_v6(bits, length.0)))
            }
        };
        found.map_or(&[], Vec::as_slice)
    }
}

fn mask_v4(bits: u32, length: u8) -> u32 {
    bits & u32::MAX.checked_shl(32_u32.saturating_sub(length.into())).unwrap_or(0)
}

fn mask_v6(bits: u128, length: u8) -> u128 {
    bits & u128::MAX.checked_shl(128_u32.saturating_sub(length.into())).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(text: &str, length: u8) -> Prefix {
        Prefix { address: text.parse().unwrap(), length }
    }

    fn peers(table: &Table, destination: &str) -> Vec<u32> {
        table.find(destination.parse().unwrap()).iter().map(|slot| slot.peer.0).collect()
    }

    #[test]
    fn the_longest_prefix_decides() {
        let mut table = Table::default();
        for (peer, text, length) in [
            (1, "10.0.0.0", 8),
            (2, "10.1.0.0", 16),
            (3, "10.1.2.3", 32),
            (4, "0.0.0.0", 0),
            (5, "fd00::", 8),
            (6, "fd00::1", 128),
        ] {
            table.insert(prefix(text, length), Arc::new(Slot::new(PeerId(peer))));
        }
        for (destination, peer) in [
            ("10.1.2.3", 3),
            ("10.1.2.4", 2),
            ("10.2.0.0", 1),
            ("11.0.0.0", 4),
            ("fd00::1", 6),
            ("fdff::", 5),
        ] {
            assert_eq!(peers(&table, destination), [peer], "{destination}");
        }
        assert!(peers(&table, "fe00::").is_empty());
    }

    #[test]
    fn two_peers_may_have_one_prefix() {
        let mut table = Table::default();
        for peer in [1, 2] {
            table.insert(prefix("10.0.0.0", 8), Arc::new(Slot::new(PeerId(peer))));
        }
        assert_eq!(peers(&table, "10.9.9.9"), [1, 2]);
    }

    #[test]
    fn an_sa_is_asked_for_once_in_a_while() {
        let slot = Slot::new(PeerId(1));
        let start = Instant::now();
        assert!(slot.should_ask(start) && !slot.should_ask(start));
        let earlier = start.checked_sub(std::time::Duration::from_secs(ASK_AGAIN)).unwrap();
        assert!(slot.should_ask(earlier), "as if it were {ASK_AGAIN} seconds later");
    }
}
