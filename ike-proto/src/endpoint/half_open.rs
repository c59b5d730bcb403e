//! Half-open IKE SAs: how many, from where, and which IKE_SA_INIT request made which (RFC 7296 section 2.1,
//! RFC 8019 section 4).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::ids::IkeSpi;

use super::limits::Limits;

/// The part of an address that one party controls: all of an IPv4 address, the first 64 bits of an IPv6 address.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Prefix {
    V4([u8; 4]),
    V6(u64),
}

impl From<IpAddr> for Prefix {
    fn from(address: IpAddr) -> Prefix {
        match address {
            IpAddr::V4(v4) => Prefix::V4(v4.octets()),
            IpAddr::V6(v6) => Prefix::V6(u64::try_from(v6.to_bits() >> 64).unwrap_or(0)),
        }
    }
}

/// SHA-256 of a whole IKE_SA_INIT request, which tells a new one from a repeated one (RFC 7296 section 2.1).
pub(crate) type Digest = [u8; 32];

#[derive(Default)]
pub(crate) struct HalfOpen {
    waiting: BTreeMap<IkeSpi, Prefix>,
    prefixes: BTreeMap<Prefix, usize>,
    requests: BTreeMap<Digest, IkeSpi>,
    digests: BTreeMap<IkeSpi, Digest>,
}

/// What is to be done with an IKE_SA_INIT request that is new.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Answer it.
    Open,
    /// Answer it only with a valid cookie.
    Cookie,
    /// Drop it.
    Closed,
}

impl HalfOpen {
    pub fn admission(&self, address: IpAddr, limits: &Limits) -> Admission {
        let of_prefix = self.prefixes.get(&address.into()).copied().unwrap_or(0);
        if self.waiting.len() >= limits.half_open || of_prefix >= limits.half_open_per_prefix {
            Admission::Closed
        } else if self.waiting.len() >= limits.cookie || of_prefix >= limits.cookie_per_prefix {
            Admission::Cookie
        } else {
            Admission::Open
        }
    }

    /// How long a new one may wait.
    pub fn patience(&self, limits: &Limits) -> Duration {
        if self.waiting.len() >= limits.cookie { limits.patience_under_load } else { limits.patience }
    }

    /// The SA that this very request made, half-open or further on.
    pub fn made_by(&self, request: &Digest) -> Option<IkeSpi> {
        self.requests.get(request).copied()
    }

    pub fn insert(&mut self, spi: IkeSpi, address: IpAddr, request: Digest) {
        let prefix = Prefix::from(address);
        self.waiting.insert(spi, prefix);
        let count = self.prefixes.entry(prefix).or_default();
        *count = count.saturating_add(1);
        self.requests.insert(request, spi);
        self.digests.insert(spi, request);
    }

    /// The SA is half-open no more; its request is still known.
    pub fn left(&mut self, spi: IkeSpi) {
        let Some(prefix) = self.waiting.remove(&spi) else { return };
        if let Some(count) = self.prefixes.get_mut(&prefix) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.prefixes.remove(&prefix);
            }
        }
    }

    /// The SA is forgotten.
    pub fn forget(&mut self, spi: IkeSpi) {
        self.left(spi);
        if let Some(digest) = self.digests.remove(&spi) {
            self.requests.remove(&digest);
        }
    }

    /// Half-open SAs now.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spi(n: u8) -> IkeSpi {
        IkeSpi::from_bytes([n; 8])
    }

    #[test]
    fn one_prefix_is_asked_for_cookies_and_then_shut_out_while_others_are_not() {
        let limits = Limits { cookie_per_prefix: 1, half_open_per_prefix: 2, ..Limits::default() };
        let mut table = HalfOpen::default();
        let (a, b) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        assert_eq!(table.admission(a, &limits), Admission::Open);
        table.insert(spi(1), a, [1; 32]);
        assert_eq!(table.admission(a, &limits), Admission::Cookie);
        table.insert(spi(2), a, [2; 32]);
        assert_eq!(table.admission(a, &limits), Admission::Closed);
        assert_eq!(table.admission(b, &limits), Admission::Open);
        table.left(spi(1));
        assert_eq!(table.admission(a, &limits), Admission::Cookie);
        assert_eq!(table.made_by(&[1; 32]), Some(spi(1)));
        table.forget(spi(1));
        table.forget(spi(2));
        assert_eq!((table.made_by(&[1; 32]), table.len()), (None, 0));
        assert_eq!(table.admission(a, &limits), Admission::Open);
    }

    #[test]
    fn an_ipv6_subnet_counts_as_one() {
        let limits = Limits { half_open_per_prefix: 1, ..Limits::default() };
        let mut table = HalfOpen::default();
        table.insert(spi(1), "2001:db8::1".parse().unwrap(), [1; 32]);
        assert_eq!(table.admission("2001:db8::ffff:1".parse().unwrap(), &limits), Admission::Closed);
        assert_eq!(table.admission("2001:db8:0:1::1".parse().unwrap(), &limits), Admission::Open);
    }
}
