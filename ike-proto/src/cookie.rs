//! Stateless cookies (RFC 7296 section 2.6): an initiator must show that it receives at its address.

use std::net::IpAddr;
use std::time::Duration;

use crypto::{Entropy, Prf, Secret, auth_equal};

use crate::ids::IkeSpi;
use crate::time::Time;

/// The secret changes this often; the one before stays good for as long again.
const ROTATION: Duration = Duration::from_secs(60);

/// Octets of a cookie: the version, and the output of HMAC-SHA2-256.
const COOKIE_LEN: usize = 33;

/// Makes and checks cookies: `<version> | prf(secret, Ni | IPi | SPIi)`.
pub(crate) struct Cookies {
    current: Secret,
    previous: Secret,
    version: u8,
    since: Time,
}

impl Cookies {
    pub fn new(entropy: &mut dyn Entropy) -> Cookies {
        Cookies { current: fresh(entropy), previous: fresh(entropy), version: 0, since: Time::ZERO }
    }

    /// The cookie to demand from this initiator.
    pub fn make(&mut self, now: Time, claim: Claim<'_>, entropy: &mut dyn Entropy) -> Vec<u8> {
        self.rotate(now, entropy);
        cookie(&self.current, self.version, claim)
    }

    /// Whether this initiator returns a cookie that we made for it.
    pub fn check(&mut self, now: Time, claim: Claim<'_>, returned: &[u8], entropy: &mut dyn Entropy) -> bool {
        self.rotate(now, entropy);
        let current = cookie(&self.current, self.version, claim);
        let previous = cookie(&self.previous, self.version.wrapping_sub(1), claim);
        auth_equal(&current, returned) || auth_equal(&previous, returned)
    }

    /// "The responder should change the value of <secret> frequently, especially if under attack."
    fn rotate(&mut self, now: Time, entropy: &mut dyn Entropy) {
        let age = now.since(self.since);
        if age < ROTATION {
            return;
        }
        self.previous = std::mem::replace(&mut self.current, fresh(entropy));
        if age >= ROTATION.saturating_mul(2) {
            self.previous = fresh(entropy);
        }
        self.version = self.version.wrapping_add(1);
        self.since = now;
    }
}

/// What a cookie is bound to.
#[derive(Copy, Clone)]
pub(crate) struct Claim<'a> {
    pub nonce: &'a [u8],
    pub address: IpAddr,
    pub spi: IkeSpi,
}

fn cookie(secret: &Secret, version: u8, claim: Claim<'_>) -> Vec<u8> {
    let spi = claim.spi.to_bytes();
    let mac = match claim.address {
        IpAddr::V4(v4) => Prf::HmacSha2_256.compute(secret.expose(), &[claim.nonce, &v4.octets(), &spi]),
        IpAddr::V6(v6) => Prf::HmacSha2_256.compute(secret.expose(), &[claim.nonce, &v6.octets(), &spi]),
    };
    let mut cookie = Vec::with_capacity(COOKIE_LEN);
    cookie.push(version);
    cookie.extend_from_slice(mac.expose());
    cookie
}

fn fresh(entropy: &mut dyn Entropy) -> Secret {
    let mut octets = vec![0; 32];
    entropy.secret(&mut octets);
    Secret::new(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(last: u8) -> Claim<'static> {
        Claim { nonce: &[7; 32], address: IpAddr::from([192, 0, 2, last]), spi: IkeSpi::from_bytes([1; 8]) }
    }

    #[test]
    fn a_cookie_is_good_for_its_initiator_only() {
        let mut entropy = crypto::SeededEntropy::new(1);
        let mut cookies = Cookies::new(&mut entropy);
        let cookie = cookies.make(Time::ZERO, claim(1), &mut entropy);
        assert!(cookies.check(Time::ZERO, claim(1), &cookie, &mut entropy));
        assert!(!cookies.check(Time::ZERO, claim(2), &cookie, &mut entropy));
        assert!(!cookies.check(Time::ZERO, claim(1), &cookie[..32], &mut entropy));
    }

    #[test]
    fn a_cookie_survives_one_change_of_the_secret_and_no_more() {
        let mut entropy = crypto::SeededEntropy::new(2);
        let mut cookies = Cookies::new(&mut entropy);
        let cookie = cookies.make(Time::ZERO, claim(1), &mut entropy);
        let at = |seconds| Time::at(Duration::from_secs(seconds));
        assert!(cookies.check(at(61), claim(1), &cookie, &mut entropy));
        assert!(!cookies.check(at(125), claim(1), &cookie, &mut entropy));
    }

    #[test]
    fn a_long_silence_ends_both_secrets() {
        let mut entropy = crypto::SeededEntropy::new(3);
        let mut cookies = Cookies::new(&mut entropy);
        let cookie = cookies.make(Time::ZERO, claim(1), &mut entropy);
        assert!(!cookies.check(Time::at(Duration::from_secs(3600)), claim(1), &cookie, &mut entropy));
    }
}
