//! Where random octets come from: the operating system, or a seed for a replayable run.

use std::fmt;

use ring::rand::{SecureRandom, SystemRandom};

use crate::prf::sha256;

/// A source of random octets.
///
/// The two kinds are separate calls so that what an observer sees (nonces, SPIs, IVs) says nothing about what he
/// must not (private keys), even if a generator behind one of them were weak. Neither can fail: see
/// [`SystemEntropy`].
pub trait Entropy {
    /// Fills `out` with octets that will be sent in clear: SPIs, nonces, IVs, jitter.
    fn public(&mut self, out: &mut [u8]);

    /// Fills `out` with octets that must stay secret: private exponents, cookie secrets.
    fn secret(&mut self, out: &mut [u8]);
}

/// The operating system's generator (`getrandom(2)` on Linux).
///
/// If it fails, the process is aborted with a message: a daemon that goes on with weak randomness would hand out
/// keys that anyone can compute, and no caller has anything better to do.
#[derive(Copy, Clone, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn public(&mut self, out: &mut [u8]) {
        fill_or_abort(out);
    }

    fn secret(&mut self, out: &mut [u8]) {
        fill_or_abort(out);
    }
}

fn fill_or_abort(out: &mut [u8]) {
    if SystemRandom::new().fill(out).is_err() {
        eprintln!(
            "fatal: the operating system's random generator failed; aborting rather than use weak keys"
        );
        std::process::abort();
    }
}

/// A deterministic generator for simulations that can be replayed from a seed.
///
/// **Never for production**: 64 bits of seed are all there is to guess.
///
/// Block n of a stream is `SHA-256(stream | seed | n)`. The public and the secret stream are independent, so one
/// more key exchange in a scenario does not change its nonces. `Debug` shows the seed, which replays the run.
pub struct SeededEntropy {
    seed: u64,
    public: Stream,
    secret: Stream,
}

struct Stream {
    label: &'static [u8],
    next_block: u64,
    rest: Vec<u8>,
}

impl SeededEntropy {
    /// A generator whose octets are a function of `seed` and of the calls made before.
    pub fn new(seed: u64) -> SeededEntropy {
        SeededEntropy { seed, public: Stream::new(b"public"), secret: Stream::new(b"secret") }
    }
}

impl Entropy for SeededEntropy {
    fn public(&mut self, out: &mut [u8]) {
        self.public.fill(self.seed, out);
    }

    fn secret(&mut self, out: &mut [u8]) {
        self.secret.fill(self.seed, out);
    }
}

impl fmt::Debug for SeededEntropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeededEntropy").field("seed", &self.seed).finish_non_exhaustive()
    }
}

impl Stream {
    fn new(label: &'static [u8]) -> Stream {
        Stream { label, next_block: 0, rest: Vec::new() }
    }

    fn fill(&mut self, seed: u64, out: &mut [u8]) {
        for octet in out {
            if self.rest.is_empty() {
                let block = sha256(&[self.label, &seed.to_be_bytes(), &self.next_block.to_be_bytes()]);
                self.next_block = self.next_block.wrapping_add(1);
                self.rest = block.to_vec();
            }
            *octet = self.rest.pop().unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(entropy: &mut SeededEntropy, len: usize) -> (Vec<u8>, Vec<u8>) {
        let (mut public, mut secret) = (vec![0; len], vec![0; len]);
        entropy.public(&mut public);
        entropy.secret(&mut secret);
        (public, secret)
    }

    #[test]
    fn the_same_seed_gives_the_same_octets() {
        assert_eq!(draw(&mut SeededEntropy::new(7), 100), draw(&mut SeededEntropy::new(7), 100));
        assert_ne!(draw(&mut SeededEntropy::new(7), 100), draw(&mut SeededEntropy::new(8), 100));
    }

    #[test]
    fn the_streams_do_not_depend_on_each_other_or_on_how_they_are_read() {
        let mut whole = SeededEntropy::new(3);
        let (public, secret) = draw(&mut whole, 70);
        assert_ne!(public, secret);

        let mut pieces = SeededEntropy::new(3);
        let mut read = vec![0; 70];
        for chunk in read.chunks_mut(9) {
            pieces.public(chunk);
        }
        assert_eq!(read, public);
    }

    #[test]
    fn the_system_generator_does_not_repeat() {
        let (mut a, mut b) = ([0; 32], [0; 32]);
        SystemEntropy.secret(&mut a);
        SystemEntropy.public(&mut b);
        assert_ne!(a, b);
        assert_ne!(a, [0; 32]);
    }
}
