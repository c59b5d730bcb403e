//! The key schedule: SKEYSEED, SK_* and KEYMAT (RFC 7296 2.14, 2.17, 2.18; RFC 5282 7).

use std::fmt;

use crate::prf::{Prf, PrfPlusTooLong};
use crate::protection::{PacketKeys, Protection};
use crate::sealer::{Sealer, WrongKeyLength};
use crate::secret::Secret;

/// The algorithms of an IKE SA that decide its keys.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IkeSuite {
    /// How IKE messages are protected.
    pub protection: Protection,
    /// The negotiated PRF.
    pub prf: Prf,
}

/// What the keys of an IKE SA are bound to besides SKEYSEED.
#[derive(Copy, Clone, Debug)]
pub struct IkeContext<'a> {
    /// The initiator's nonce, without the payload header.
    pub ni: &'a [u8],
    /// The responder's nonce.
    pub nr: &'a [u8],
    /// The initiator's SPI of the IKE SA being keyed.
    pub spi_i: [u8; 8],
    /// The responder's SPI of the IKE SA being keyed.
    pub spi_r: [u8; 8],
}

/// `SKEYSEED = prf(Ni | Nr, g^ir)` (RFC 7296 2.14), for a new IKE SA.
pub fn skeyseed(prf: Prf, ni: &[u8], nr: &[u8], shared: &Secret) -> Secret {
    prf.compute(&[ni, nr].concat(), &[shared.expose()])
}

/// `SKEYSEED = prf(SK_d (old), g^ir (new) | Ni | Nr)` (RFC 7296 2.18), for an IKE SA that replaces another.
///
/// "The old and new IKE SA may have selected a different PRF. Because the rekeying exchange belongs to the old IKE
/// SA, it is the old IKE SA's PRF that is used to generate SKEYSEED."
pub fn skeyseed_rekeyed(old_prf: Prf, old_sk_d: &Secret, shared: &Secret, ni: &[u8], nr: &[u8]) -> Secret {
    old_prf.compute(old_sk_d.expose(), &[shared.expose(), ni, nr])
}

/// The seven secrets of an IKE SA, raw and in the order in which prf+ gives them.
#[derive(Debug)]
pub struct IkeKeyMaterial {
    /// SK_d: derives the keys of Child SAs and of the next IKE SA.
    pub sk_d: Secret,
    /// SK_ai: integrity, initiator to responder; empty with an AEAD.
    pub sk_ai: Secret,
    /// SK_ar: integrity, responder to initiator; empty with an AEAD.
    pub sk_ar: Secret,
    /// SK_ei: encryption, initiator to responder; with an AEAD, key and salt.
    pub sk_ei: Secret,
    /// SK_er: encryption, responder to initiator; with an AEAD, key and salt.
    pub sk_er: Secret,
    /// SK_pi: goes into the initiator's AUTH.
    pub sk_pi: Secret,
    /// SK_pr: goes into the responder's AUTH.
    pub sk_pr: Secret,
}

/// Derives the secrets of an IKE SA (RFC 7296 2.14):
///
/// ```text
/// {SK_d | SK_ai | SK_ar | SK_ei | SK_er | SK_pi | SK_pr} = prf+ (SKEYSEED, Ni | Nr | SPIi | SPIr)
/// ```
///
/// After a rekey, `suite` is the new SA's; the old PRF made SKEYSEED and no more.
///
/// # Errors
/// [`PrfPlusTooLong`]; no suite that can be built here asks for so much.
pub fn ike_key_material(
    suite: IkeSuite,
    skeyseed: &Secret,
    context: &IkeContext<'_>,
) -> Result<IkeKeyMaterial, PrfPlusTooLong> {
    let key_len = suite.prf.key_len();
    let integrity_len = suite.protection.integrity_key_len();
    let encryption_len = suite.protection.encryption_key_len();
    let lengths = [key_len, integrity_len, integrity_len, encryption_len, encryption_len, key_len, key_len];
    let seed: [&[u8]; 4] = [context.ni, context.nr, &context.spi_i, &context.spi_r];

    let [sk_d, sk_ai, sk_ar, sk_ei, sk_er, sk_pi, sk_pr] = expand(suite.prf, skeyseed, &seed, lengths)?;
    Ok(IkeKeyMaterial { sk_d, sk_ai, sk_ar, sk_ei, sk_er, sk_pi, sk_pr })
}

/// The keys of an IKE SA, ready for use.
#[derive(Debug)]
pub struct IkeKeys {
    /// SK_d: derives the keys of Child SAs and of the next IKE SA.
    pub sk_d: Secret,
    /// Protects messages from the original initiator to the original responder (SK_ei, SK_ai).
    pub initiator: Sealer,
    /// Protects messages from the original responder to the original initiator (SK_er, SK_ar).
    pub responder: Sealer,
    /// SK_pi: goes into the initiator's AUTH.
    pub sk_pi: Secret,
    /// SK_pr: goes into the responder's AUTH.
    pub sk_pr: Secret,
}

/// [`ike_key_material`], with the four packet keys already in their [`Sealer`]s.
///
/// # Errors
/// [`KeyScheduleError`]; no suite that can be built here causes one.
pub fn ike_keys(
    suite: IkeSuite,
    skeyseed: &Secret,
    context: &IkeContext<'_>,
) -> Result<IkeKeys, KeyScheduleError> {
    let IkeKeyMaterial { sk_d, sk_ai, sk_ar, sk_ei, sk_er, sk_pi, sk_pr } =
        ike_key_material(suite, skeyseed, context)?;
    let initiator = PacketKeys { encryption: sk_ei, integrity: sk_ai };
    let responder = PacketKeys { encryption: sk_er, integrity: sk_ar };
    Ok(IkeKeys {
        sk_d,
        initiator: Sealer::new(suite.protection, &initiator)?,
        responder: Sealer::new(suite.protection, &responder)?,
        sk_pi,
        sk_pr,
    })
}

/// The keys of a Child SA; "initiator" is that of the exchange which made it (RFC 7296 2.17).
#[derive(Debug)]
pub struct ChildKeys {
    /// For packets from the initiator to the responder.
    pub initiator_to_responder: PacketKeys,
    /// For packets from the responder to the initiator.
    pub responder_to_initiator: PacketKeys,
}

/// Derives the keys of a Child SA (RFC 7296 2.17):
///
/// ```text
/// KEYMAT = prf+(SK_d, Ni | Nr)                      without a key exchange of its own
/// KEYMAT = prf+(SK_d, g^ir (new) | Ni | Nr)         with one
/// ```
///
/// "All keys for SAs carrying data from the initiator to the responder are taken before SAs going from the
/// responder to the initiator", and of each the encryption key comes first.
///
/// # Errors
/// [`PrfPlusTooLong`]; no protection that can be built here asks for so much.
pub fn child_keys(
    prf: Prf,
    sk_d: &Secret,
    shared: Option<&Secret>,
    ni: &[u8],
    nr: &[u8],
    protection: Protection,
) -> Result<ChildKeys, PrfPlusTooLong> {
    let encryption_len = protection.encryption_key_len();
    let integrity_len = protection.integrity_key_len();
    let lengths = [encryption_len, integrity_len, encryption_len, integrity_len];
    let seed: [&[u8]; 3] = [shared.map(Secret::expose).unwrap_or_default(), ni, nr];

    let [encr_i, integ_i, encr_r, integ_r] = expand(prf, sk_d, &seed, lengths)?;
    Ok(ChildKeys {
        initiator_to_responder: PacketKeys { encryption: encr_i, integrity: integ_i },
        responder_to_initiator: PacketKeys { encryption: encr_r, integrity: integ_r },
    })
}

/// Cuts `prf+ (key, seed)` into secrets of the given lengths, in order.
fn expand<const N: usize>(
    prf: Prf,
    key: &Secret,
    seed: &[&[u8]],
    lengths: [usize; N],
) -> Result<[Secret; N], PrfPlusTooLong> {
    let total = lengths.iter().fold(0_usize, |sum, len| sum.saturating_add(*len));
    let material = prf.plus(key.expose(), seed, total)?;
    let mut octets = material.expose().iter().copied();
    Ok(lengths.map(|len| {
        let mut secret = Vec::with_capacity(len);
        secret.extend(octets.by_ref().take(len));
        Secret::new(secret)
    }))
}

/// Why an IKE SA got no keys.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum KeyScheduleError {
    /// The suite asks for more keying material than prf+ defines.
    TooLong(PrfPlusTooLong),
    /// A key does not have its algorithm's length.
    KeyLength(WrongKeyLength),
}

impl From<PrfPlusTooLong> for KeyScheduleError {
    fn from(error: PrfPlusTooLong) -> KeyScheduleError {
        KeyScheduleError::TooLong(error)
    }
}

impl From<WrongKeyLength> for KeyScheduleError {
    fn from(error: WrongKeyLength) -> KeyScheduleError {
        KeyScheduleError::KeyLength(error)
    }
}

impl fmt::Display for KeyScheduleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyScheduleError::TooLong(error) => error.fmt(f),
            KeyScheduleError::KeyLength(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for KeyScheduleError {}
