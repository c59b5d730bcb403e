//! The daemon's clock: the protocol counts time from the start, people from 1970.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ike_proto::time::Time;
use tokio::time::Instant;

/// Counts from its creation.
#[derive(Copy, Clone, Debug)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock that starts now.
    pub fn start() -> Clock {
        Clock { start: Instant::now() }
    }

    /// The protocol's time now.
    pub fn now(&self) -> Time {
        Time::at(self.start.elapsed())
    }

    /// When the protocol's time will be `time`; `None` if that is beyond what the system can count.
    pub fn instant(&self, time: Time) -> Option<Instant> {
        self.start.checked_add(time.elapsed())
    }

    /// Whole seconds from `time` to now.
    pub fn seconds_since(&self, time: Time) -> u64 {
        self.now().since(time).as_secs()
    }

    /// Seconds from now to `time`, rounded up so that a wait never shows as zero before it is over.
    pub fn seconds_until(&self, time: Time) -> u64 {
        let left = time.since(self.now());
        left.as_secs().saturating_add(u64::from(left.subsec_nanos() > 0))
    }

    /// `time` in seconds since 1970.
    pub fn unix_seconds(&self, time: Time) -> u64 {
        let ago = self.now().since(time);
        let then = SystemTime::now().checked_sub(ago).unwrap_or(UNIX_EPOCH);
        then.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs()
    }
}
