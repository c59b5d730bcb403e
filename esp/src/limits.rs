//! How much one set of keys may protect, and how much it has (the lifetimes of RFC 4301 section 4.4.2.1).

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::sa::Esn;

/// An amount of traffic.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Volume {
    /// ESP packets.
    pub packets: u64,
    /// Octets that the cipher was applied to: payload, padding and trailer, as RFC 4301 counts them.
    pub octets: u64,
}

impl Volume {
    /// More than any SA can carry.
    pub const UNLIMITED: Volume = Volume { packets: u64::MAX, octets: u64::MAX };
}

/// When an SA asks to be replaced, and when it ends.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The packet that reaches this is reported, once in the SA's life.
    pub soft: Volume,
    /// What would exceed this is refused.
    pub hard: Volume,
}

impl Limits {
    /// No limits but that of the sequence numbers.
    pub const NONE: Limits = Limits { soft: Volume::UNLIMITED, hard: Volume::UNLIMITED };

    /// The limits with those of the sequence numbers: none is used twice, and the last eighth is for rekeying.
    pub(crate) fn within(self, esn: Esn) -> Limits {
        let last = esn.last();
        let soft_packets = self.soft.packets.min(last.saturating_sub(last / 8));
        Limits {
            soft: Volume { packets: soft_packets, ..self.soft },
            hard: Volume { packets: self.hard.packets.min(last), ..self.hard },
        }
    }
}

/// Which amount reached its limit.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Limit {
    /// The number of packets.
    Packets,
    /// The number of octets.
    Octets,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Limit::Packets => "packets",
            Limit::Octets => "octets",
        })
    }
}

/// Counts against limits. Several threads may share one: an amount is never given twice, and no lock is taken.
///
/// Every operation is relaxed: each counter is exact by itself, and no other memory hangs on them.
#[derive(Debug)]
pub(crate) struct Meter {
    limits: Limits,
    packets: AtomicU64,
    octets: AtomicU64,
    soft_reported: AtomicBool,
}

impl Meter {
    /// A meter that has counted `packets` packets.
    pub(crate) fn after(packets: u64, limits: Limits) -> Meter {
        let [packets, octets] = [packets, 0].map(AtomicU64::new);
        Meter { limits, packets, octets, soft_reported: AtomicBool::new(false) }
    }

    /// What has been counted.
    pub(crate) fn used(&self) -> Volume {
        Volume { packets: self.packets.load(Ordering::Relaxed), octets: self.octets.load(Ordering::Relaxed) }
    }

    /// Whether another packet of `octets` octets stays within the hard limits.
    pub(crate) fn room_for(&self, octets: usize) -> Result<(), Limit> {
        let Volume { packets, octets: used } = self.used();
        added(packets, 1, self.limits.hard.packets).ok_or(Limit::Packets)?;
        added(used, wide(octets), self.limits.hard.octets).ok_or(Limit::Octets)?;
        Ok(())
    }

    /// Counts a packet of `octets` octets and returns its number, counted from 1: no number is returned twice.
    pub(crate) fn take(&self, octets: usize) -> Result<u64, Limit> {
        let Limits { hard, .. } = self.limits;
        take(&self.octets, wide(octets), hard.octets).ok_or(Limit::Octets)?;
        take(&self.packets, 1, hard.packets).ok_or(Limit::Packets)
    }

    /// A soft limit that has been reached, if none was reported before.
    pub(crate) fn soft(&self) -> Option<Limit> {
        let Volume { packets, octets } = self.used();
        let limit = if packets >= self.limits.soft.packets {
            Limit::Packets
        } else if octets >= self.limits.soft.octets {
            Limit::Octets
        } else {
            return None;
        };
        let reported = self.soft_reported.load(Ordering::Relaxed);
        (!reported && !self.soft_reported.swap(true, Ordering::Relaxed)).then_some(limit)
    }
}

/// Adds to a counter unless the sum exceeds `most`; the sum.
fn take(counter: &AtomicU64, amount: u64, most: u64) -> Option<u64> {
    let before =
        counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| added(used, amount, most)).ok()?;
    added(before, amount, most)
}

fn added(used: u64, amount: u64, most: u64) -> Option<u64> {
    used.checked_add(amount).filter(|sum| *sum <= most)
}

fn wide(octets: usize) -> u64 {
    octets.try_into().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn limits(soft: Volume, hard: Volume) -> Limits {
        Limits { soft, hard }
    }

    #[test]
    fn the_hard_limit_is_the_last_that_is_given() {
        let volume = Volume { packets: 3, octets: 100 };
        let meter = Meter::after(0, limits(Volume::UNLIMITED, volume));
        assert_eq!([10, 10, 10].map(|octets| meter.take(octets)), [Ok(1), Ok(2), Ok(3)]);
        assert_eq!((meter.room_for(10), meter.take(10)), (Err(Limit::Packets), Err(Limit::Packets)));
        let meter = Meter::after(0, limits(Volume::UNLIMITED, volume));
        assert_eq!(
            (meter.take(60), meter.room_for(41), meter.take(41)),
            (Ok(1), Err(Limit::Octets), Err(Limit::Octets))
        );
        assert_eq!((meter.room_for(40), meter.take(40)), (Ok(()), Ok(2)));
        assert_eq!(meter.used(), Volume { packets: 2, octets: 100 });
    }

    #[test]
    fn a_soft_limit_is_reported_once_by_the_packet_that_reaches_it() {
        let soft = Volume { packets: 3, octets: 1000 };
        let meter = Meter::after(0, limits(soft, Volume::UNLIMITED));
        let reports = [1, 1, 1, 5000, 1].map(|octets| meter.take(octets).ok().and_then(|_| meter.soft()));
        assert_eq!(reports, [None, None, Some(Limit::Packets), None, None]);
        let meter = Meter::after(0, limits(soft, Volume::UNLIMITED));
        let reports = [999, 1, 1].map(|octets| meter.take(octets).ok().and_then(|_| meter.soft()));
        assert_eq!(reports, [None, Some(Limit::Octets), None]);
    }

    #[test]
    fn sequence_numbers_limit_the_packets_whatever_is_asked_for() {
        let within = Limits::NONE.within(Esn::No);
        assert_eq!((within.soft.packets, within.hard.packets), (0xe000_0000, 0xffff_ffff));
        assert_eq!(Limits::NONE.within(Esn::Yes).hard.packets, u64::MAX);
        let meter = Meter::after(u64::MAX - 1, Limits::NONE.within(Esn::Yes));
        assert_eq!(
            (meter.take(1), meter.take(1), meter.take(1)),
            (Ok(u64::MAX), Err(Limit::Packets), Err(Limit::Packets))
        );
    }

    #[test]
    fn threads_never_share_a_number() {
        const EACH: u64 = 20_000;
        let hard = Volume { packets: 3 * EACH, octets: u64::MAX };
        let meter = Meter::after(0, limits(Volume { packets: EACH, ..Volume::UNLIMITED }, hard));
        let taken: Vec<(Vec<u64>, usize)> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        let mut reports = 0;
                        let numbers = (0..EACH).filter_map(|_| {
                            let number = meter.take(1).ok()?;
                            reports += usize::from(meter.soft().is_some());
                            Some(number)
                        });
                        (numbers.collect(), reports)
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let numbers: BTreeSet<u64> = taken.iter().flat_map(|(numbers, _)| numbers).copied().collect();
        assert_eq!(taken.iter().map(|(numbers, _)| numbers.len()).sum::<usize>(), numbers.len());
        assert_eq!((numbers.first(), numbers.last(), numbers.len()), (Some(&1), Some(&(3 * EACH)), 60_000));
        assert_eq!(taken.iter().map(|(_, reports)| reports).sum::<usize>(), 1);
    }
}
