//! The replay window: which sequence numbers have been received (RFC 4303 section 3.4.3, appendix A2).
//!
//! ```text
//!      numbers   ... b ──────────── W numbers ─────────── t
//!      too old <──── | a bit each: received, or not yet   | ────> new
//! ```
//!
//! The bits stand in a ring of words, so moving the window on clears the words that come in and shifts nothing.

use std::fmt;

use crate::sa::{Esn, halves, joined};

/// Numbers in a word of the ring.
const WORD_BITS: u64 = 64;

/// How many numbers before the highest one are remembered, in packets.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WindowSize(u32);

impl WindowSize {
    /// The least that RFC 4303 section 3.4.3 has every receiver support.
    pub const MIN: u32 = 32;
    /// 128 KiB of bits, and at 10 Gbit/s in packets of 1400 octets a second of traffic: reordering is never older.
    pub const MAX: u32 = 1 << 20;
    /// Room for what several queues and cores between the two ends reorder.
    pub const DEFAULT: WindowSize = WindowSize(4096);

    /// `None` outside [`WindowSize::MIN`] to [`WindowSize::MAX`].
    pub const fn new(packets: u32) -> Option<WindowSize> {
        if packets >= WindowSize::MIN && packets <= WindowSize::MAX {
            Some(WindowSize(packets))
        } else {
            None
        }
    }

    /// The number of packets.
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// The window of one SA.
pub(crate) struct Replay {
    /// W: as many numbers as the window spans, its highest one included.
    size: u32,
    /// T: the highest number that has been authenticated; 0 before the first.
    top: u64,
    /// A bit for each number at `number % (64 * words)`. Their count is a power of two and more than the window spans.
    words: Box<[u64]>,
}

/// Why a number is refused.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It stands before the window.
    TooOld,
    /// It has been received.
    Replayed,
}

impl Replay {
    /// A window before the first packet. The number 0, which no sender uses, counts as received.
    pub(crate) fn new(size: WindowSize) -> Replay {
        Replay::at(size, 0)
    }

    /// A window in which `top` is the only number received.
    pub(crate) fn at(size: WindowSize, top: u64) -> Replay {
        // A window that is not aligned to words touches one more than it fills.
        let words = u64::from(size.0).div_ceil(WORD_BITS).saturating_add(1).next_power_of_two();
        let words = std::iter::repeat_n(0, usize::try_from(words).unwrap_or(usize::MAX)).collect();
        let mut replay = Replay { size: size.0, top, words };
        replay.set(top);
        replay
    }

    /// The whole number of a packet whose header has `low`; `None` for one before the number 0.
    pub(crate) fn number(&self, esn: Esn, low: u32) -> Option<u64> {
        match esn {
            Esn::No => Some(u64::from(low)),
            Esn::Yes => extended(self.top, self.size, low),
        }
    }

    /// Whether a packet with this number may be new. Changes nothing: it is not authenticated yet.
    pub(crate) fn check(&self, number: u64) -> Result<(), Refused> {
        let Some(age) = self.top.checked_sub(number) else { return Ok(()) };
        if age >= u64::from(self.size) {
            return Err(Refused::TooOld);
        }
        let (word, bit) = self.position(number);
        match self.words.get(word) {
            Some(bits) if bits & bit == 0 => Ok(()),
            Some(_) | None => Err(Refused::Replayed),
        }
    }

    /// Remembers the number of an authenticated packet, which has passed [`Replay::check`].
    pub(crate) fn accept(&mut self, number: u64) {
        if number > self.top {
            self.move_to(number);
        }
        self.set(number);
    }

    /// Clears the words between the top and the new top, each once at most.
    fn move_to(&mut self, number: u64) {
        let (old, new) = (self.top / WORD_BITS, number / WORD_BITS);
        let count = new.saturating_sub(old).min(self.words.len().try_into().unwrap_or(u64::MAX));
        for back in 0..count {
            let (word, _) = self.position(new.saturating_sub(back).saturating_mul(WORD_BITS));
            if let Some(bits) = self.words.get_mut(word) {
                *bits = 0;
            }
        }
        self.top = number;
    }

    fn set(&mut self, number: u64) {
        let (word, bit) = self.position(number);
        if let Some(bits) = self.words.get_mut(word) {
            *bits |= bit;
        }
    }

    /// The word in the ring, and the bit in it.
    fn position(&self, number: u64) -> (usize, u64) {
        let mask = self.words.len().saturating_sub(1);
        // What the mask drops may be dropped before: the ring has fewer words than a usize has numbers.
        let word = halves(number / WORD_BITS).1;
        (usize::try_from(word).unwrap_or_default() & mask, 1 << (number % WORD_BITS))
    }
}

/// The number with the lower half `low` that is nearest to a window of `size` below `top`: RFC 4303 appendix A2.2.
fn extended(top: u64, size: u32, low: u32) -> Option<u64> {
    let (top_high, top_low) = halves(top);
    let bottom_low = top_low.wrapping_sub(size.wrapping_sub(1));
    let high = if top_low >= size.wrapping_sub(1) {
        // Case A: the window is within one subspace of 2^32 numbers.
        if low >= bottom_low { Some(top_high) } else { top_high.checked_add(1) }
    } else {
        // Case B: the window spans two.
        if low >= bottom_low { top_high.checked_sub(1) } else { Some(top_high) }
    };
    Some(joined(high?, low))
}

impl fmt::Debug for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replay").field("size", &self.size).field("top", &self.top).finish_non_exhaustive()
    }
}
