//! Every bound of the endpoint, in one place.

use std::time::Duration;

use crate::time::Time;

/// What strangers may cost us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most half-open IKE SAs as responder; beyond it IKE_SA_INIT requests are dropped. Each costs about 2 KB, so
    /// this is 40 MB; a mesh of 10,000 nodes that starts at once stays below.
    pub half_open: usize,
    /// Most half-open IKE SAs from one prefix: an IPv4 address or an IPv6 /64 (RFC 8019 section 4.4). Some hosts
    /// may share it behind a NAT.
    pub half_open_per_prefix: usize,
    /// From so many half-open IKE SAs on, every initiator must return a cookie (RFC 7296 section 2.6).
    pub cookie: usize,
    /// The same for one prefix.
    pub cookie_per_prefix: usize,
    /// How long a half-open IKE SA waits for IKE_AUTH: several retransmissions of a slow initiator.
    pub patience: Duration,
    /// The same once cookies are demanded of everybody: "it makes sense to reduce this lifetime" under attack (RFC 8019
    /// section 4.1).
    pub patience_under_load: Duration,
    /// Most unprotected error messages a second (RFC 7296 section 2.21.4: "limit the rate").
    pub errors_per_second: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            half_open: 20_000,
            half_open_per_prefix: 64,
            cookie: 1_000,
            cookie_per_prefix: 8,
            patience: Duration::from_secs(30),
            patience_under_load: Duration::from_secs(5),
            errors_per_second: 20,
        }
    }
}

/// At most so many of something in each second.
pub(crate) struct Rate {
    per_second: u32,
    used: u32,
    second: u64,
}

impl Rate {
    pub fn new(per_second: u32) -> Rate {
        Rate { per_second, used: 0, second: 0 }
    }

    /// Whether one more is within the rate; if so it is counted.
    pub fn take(&mut self, now: Time) -> bool {
        let second = now.elapsed().as_secs();
        if second != self.second {
            (self.second, self.used) = (second, 0);
        }
        let within = self.used < self.per_second;
        self.used = self.used.saturating_add(u32::from(within));
        within
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_starts_anew_each_second() {
        let mut rate = Rate::new(2);
        let at = |millis| Time::at(Duration::from_millis(millis));
        assert!(rate.take(at(0)) && rate.take(at(1)) && !rate.take(at(999)));
        assert!(rate.take(at(1000)));
    }
}
