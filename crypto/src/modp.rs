//! Key exchange in the MODP groups of RFC 3526, in constant time.
//!
//! Private exponents are short, as RFC 7919 5.2 allows for safe primes p = 2q + 1: the only proper subgroups have
//! order 2 and q, so a short exponent loses nothing to a small-subgroup attack, and the work of finding it
//! (Pollard's kangaroo, 2^(bits/2)) exceeds that of the discrete logarithm itself. The lengths below lie above the
//! first strength estimates of RFC 3526 8 (220, 260 and 300 bits) and above RFC 7919's (225, 275 and 325 bits).

use crypto_bigint::modular::{FixedMontyForm, FixedMontyParams};
use crypto_bigint::{Odd, U2048, U3072, U4096, Uint};
use zeroize::Zeroizing;

use crate::entropy::Entropy;
use crate::key_exchange::KeError;
use crate::secret::Secret;

/// A group of RFC 3526; the generator of each is 2.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    Modp2048,
    Modp3072,
    Modp4096,
}

/// A private exponent, used once.
pub(crate) struct Exponent {
    group: Group,
    octets: Secret,
}

impl Group {
    /// Octets of the prime, and of every value on the wire (RFC 7296 3.4: padded to the length of the modulus).
    pub(crate) const fn modulus_len(self) -> usize {
        match self {
            Group::Modp2048 => 256,
            Group::Modp3072 => 384,
            Group::Modp4096 => 512,
        }
    }

    /// Octets of a private exponent: 256, 320 and 384 bits. The reason is at the top of this file.
    const fn exponent_len(self) -> usize {
        match self {
            Group::Modp2048 => 32,
            Group::Modp3072 => 40,
            Group::Modp4096 => 48,
        }
    }

    /// `base ^ exponent mod p`, for a base of `modulus_len` octets.
    fn power(self, base: &[u8], exponent: &Secret) -> Result<Secret, KeError> {
        match self {
            Group::Modp2048 => power(&MODP_2048, base, exponent),
            Group::Modp3072 => power(&MODP_3072, base, exponent),
            Group::Modp4096 => power(&MODP_4096, base, exponent),
        }
    }
}

impl Exponent {
    /// A new private exponent with its public value.
    ///
    /// The top bit is set, which fixes the length and excludes the exponents that give 1.
    pub(crate) fn generate(group: Group, entropy: &mut dyn Entropy) -> Result<(Exponent, Vec<u8>), KeError> {
        let mut octets = vec![0; group.exponent_len()];
        entropy.secret(&mut octets);
        if let Some(first) = octets.first_mut() {
            *first |= 0x80;
        }
        Exponent::from_octets(group, Secret::new(octets))
    }

    /// The exponent given, big-endian, with its public value `2 ^ exponent mod p`.
    pub(crate) fn from_octets(group: Group, octets: Secret) -> Result<(Exponent, Vec<u8>), KeError> {
        let mut generator = vec![0; group.modulus_len()];
        if let Some(last) = generator.last_mut() {
            *last = 2;
        }
        let public = group.power(&generator, &octets)?.expose().to_vec();
        Ok((Exponent { group, octets }, public))
    }

    /// The shared secret, as long as the modulus.
    ///
    /// # Errors
    /// `InvalidPublicValue` unless 1 < r < p - 1 (RFC 6989 2.1).
    pub(crate) fn agree(self, peer_public: &[u8]) -> Result<Secret, KeError> {
        self.group.power(peer_public, &self.octets)
    }
}

/// `base ^ exponent mod p` by a fixed window of constant time; both operands and the result are big-endian.
///
/// Refuses a base outside 1 < base < p - 1. The base is public, so its check may take what time it likes.
fn power<const LIMBS: usize>(
    params: &'static FixedMontyParams<LIMBS>,
    base: &[u8],
    exponent: &Secret,
) -> Result<Secret, KeError> {
    let modulus_len = Uint::<LIMBS>::BYTES;
    let padding = modulus_len.checked_sub(exponent.len()).ok_or(KeError::Failed)?;
    if base.len() != modulus_len {
        return Err(KeError::WrongLength);
    }
    let base = Uint::<LIMBS>::from_be_slice(base);
    if base <= Uint::ONE || base >= params.modulus().as_ref().wrapping_sub(&Uint::ONE) {
        return Err(KeError::InvalidPublicValue);
    }

    let mut padded = Zeroizing::new(vec![0; padding]);
    padded.reserve_exact(exponent.len());
    padded.extend_from_slice(exponent.expose());
    let bits =
        u32::try_from(exponent.len()).ok().and_then(|len| len.checked_mul(8)).ok_or(KeError::Failed)?;
    let exponent = Zeroizing::new(Uint::<LIMBS>::from_be_slice(&padded));

    let power = Zeroizing::new(FixedMontyForm::new(&base, params).pow_bounded_exp(&exponent, bits));
    let result = Zeroizing::new(power.retrieve());
    Ok(Secret::copy_from(Zeroizing::new(result.to_be_bytes()).as_ref()))
}

/// The prime of RFC 3526 3 (group 14), prepared for Montgomery multiplication.
pub(crate) static MODP_2048: FixedMontyParams<{ U2048::LIMBS }> =
    FixedMontyParams::new_vartime(Odd::<U2048>::from_be_hex(concat!(
        "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74",
        "020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F1437",
        "4FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED",
        "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF05",
        "98DA48361C55D39A69163FA8FD24CF5F83655D23DCA3AD961C62F356208552BB",
        "9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B",
        "E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF695581718",
        "3995497CEA956AE515D2261898FA051015728E5A8AACAA68FFFFFFFFFFFFFFFF",
    )));

/// The prime of RFC 3526 4 (group 15), prepared for Montgomery multiplication.
pub(crate) static MODP_3072: FixedMontyParams<{ U3072::LIMBS }> =
    FixedMontyParams::new_vartime(Odd::<U3072>::from_be_hex(concat!(
        "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74",
        "020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F1437",
        "4FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED",
        "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF05",
        "98DA48361C55D39A69163FA8FD24CF5F83655D23DCA3AD961C62F356208552BB",
        "9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B",
        "E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF695581718",
        "3995497CEA956AE515D2261898FA051015728E5A8AAAC42DAD33170D04507A33",
        "A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7",
        "ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864",
        "D87602733EC86A64521F2B18177B200CBBE117577A615D6C770988C0BAD946E2",
        "08E24FA074E5AB3143DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF",
    )));

/// The prime of RFC 3526 5 (group 16), prepared for Montgomery multiplication.
pub(crate) static MODP_4096: FixedMontyParams<{ U4096::LIMBS }> =
    FixedMontyParams::new_vartime(Odd::<U4096>::from_be_hex(concat!(
        "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74",
        "020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F1437",
        "4FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED",
        "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF05",
        "98DA48361C55D39A69163FA8FD24CF5F83655D23DCA3AD961C62F356208552BB",
        "9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B",
        "E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF695581718",
        "3995497CEA956AE515D2261898FA051015728E5A8AAAC42DAD33170D04507A33",
        "A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7",
        "ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864",
        "D87602733EC86A64521F2B18177B200CBBE117577A615D6C770988C0BAD946E2",
        "08E24FA074E5AB3143DB5BFCE0FD108E4B82D120A92108011A723C12A787E6D7",
        "88719A10BDBA5B2699C327186AF4E23C1A946834B6150BDA2583E9CA2AD44CE8",
        "DBBBC2DB04DE8EF92E8EFC141FBECAA6287C59474E6BC05D99B2964FA090C3A2",
        "233BA186515BE7ED1F612970CEE2D7AFB81BDD762170481CD0069127D5B05AA9",
        "93B4EA988D8FDDC186FFB7DC90A6C08F4DF435C934063199FFFFFFFFFFFFFFFF",
    )));
