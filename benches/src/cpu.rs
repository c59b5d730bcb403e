//! CPU time of this thread: what other processes do on the machine counts little, unlike with a wall clock.

use std::time::Duration;

use nix::time::ClockId;

/// The CPU time that `work` takes.
pub fn time(work: impl FnOnce()) -> Duration {
    let before = now();
    work();
    now().saturating_sub(before)
}

fn now() -> Duration {
    ClockId::CLOCK_THREAD_CPUTIME_ID.now().expect("Linux has this clock").into()
}

/// The value in the middle, with those a quarter from both ends.
pub struct Quartiles {
    /// A quarter of the samples are below.
    pub lower: Duration,
    /// Half of the samples are below.
    pub median: Duration,
    /// A quarter of the samples are above.
    pub upper: Duration,
}

impl Quartiles {
    /// Of at least one sample.
    pub fn of(mut samples: Vec<Duration>) -> Quartiles {
        samples.sort_unstable();
        let last = samples.len().checked_sub(1).expect("at least one sample");
        let at = |quarters: usize| samples[last.saturating_mul(quarters) / 4];
        Quartiles { lower: at(1), median: at(2), upper: at(3) }
    }
}
