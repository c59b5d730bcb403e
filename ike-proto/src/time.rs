//! The only time that the core knows: how long the caller's clock has run.

use std::ops::Add;
use std::time::Duration;

/// A point in time as a duration since the caller's start, so that a run can be recorded and replayed.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(Duration);

impl Time {
    /// The caller's start.
    pub const ZERO: Time = Time(Duration::ZERO);

    /// The point that lies `elapsed` after the start.
    pub const fn at(elapsed: Duration) -> Time {
        Time(elapsed)
    }

    /// How long after the start this is.
    pub const fn elapsed(self) -> Duration {
        self.0
    }

    /// How long after `earlier` this is; zero if it is before.
    pub const fn since(self, earlier: Time) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Time {
    type Output = Time;

    /// Saturates: a far future stays a far future.
    fn add(self, after: Duration) -> Time {
        Time(self.0.saturating_add(after))
    }
}
