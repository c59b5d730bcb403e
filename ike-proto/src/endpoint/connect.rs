//! Keeping one peer connected: whether it is wanted, when to try next, what went wrong last.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::ids::IkeSpi;
use crate::output::Reason;
use crate::policy::{Connect, PeerPolicy, Timing};
use crate::status::PeerState;
use crate::time::Time;

/// Of two peers that both keep the connection, the one with the lower identity begins; the other waits so long
/// before it helps itself, so that one-way reachability and one-sided configuration still work.
const GRACE: Duration = Duration::from_secs(2);

/// The endpoint's view of one peer.
pub(crate) struct Connection {
    /// Whether we keep it connected: by policy, and not told otherwise.
    pub wanted: bool,
    /// Failed attempts since it last carried traffic.
    pub attempts: u32,
    /// When the next attempt is due.
    pub retry: Option<Time>,
    pub last_failure: Option<(Time, Reason)>,
    pub state: PeerState,
    pub since: Time,
    /// Every IKE SA that is, or tries to be, with this peer.
    pub sas: BTreeSet<IkeSpi>,
}

impl Connection {
    pub fn new(now: Time, connect: Connect) -> Connection {
        Connection {
            wanted: connect == Connect::Always,
            attempts: 0,
            retry: None,
            last_failure: None,
            state: PeerState::Idle,
            since: now,
            sas: BTreeSet::new(),
        }
    }

    /// Notes a failure; it stays visible until the peer is up.
    pub fn failed(&mut self, now: Time, reason: Reason) {
        self.last_failure = Some((now, reason));
    }

    pub fn became(&mut self, now: Time, state: PeerState) {
        if self.state != state {
            (self.state, self.since) = (state, now);
        }
        if state == PeerState::Up {
            (self.attempts, self.retry, self.last_failure) = (0, None, None);
        }
    }
}

/// When to make the first attempt: at once if it is for us to begin, after a grace time otherwise.
pub(crate) fn first_attempt(policy: &PeerPolicy, jitter: u8) -> Duration {
    if policy.local_identity < policy.remote_identity {
        Duration::ZERO
    } else {
        GRACE.saturating_add(part(GRACE, jitter))
    }
}

/// The pause after the n-th failure in a row: doubled each time, bounded, and half of it at random, so that peers
/// that lost each other at the same moment do not come back at the same moment.
pub(crate) fn pause(timing: &Timing, failures: u32, jitter: u8) -> Duration {
    let doublings = failures.saturating_sub(1).min(31);
    let pause = timing.retry_first.saturating_mul(1_u32.wrapping_shl(doublings)).min(timing.retry_most);
    let half = pause.checked_div(2).unwrap_or(pause);
    half.saturating_add(part(half, jitter))
}

/// `jitter` 255ths of a duration.
fn part(duration: Duration, jitter: u8) -> Duration {
    duration.saturating_mul(u32::from(jitter)).checked_div(255).unwrap_or(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_most_and_keep_half_of_it_at_least() {
        let timing = Timing::default();
        let seconds = |failures, jitter| pause(&timing, failures, jitter).as_secs_f64();
        assert_eq!([seconds(1, 0), seconds(1, 255)], [1.0, 2.0]);
        assert_eq!([seconds(3, 0), seconds(3, 255)], [4.0, 8.0]);
        assert_eq!([seconds(60, 0), seconds(60, 255)], [30.0, 60.0]);
    }
}
