//! What `netlink-packet-xfrm` 0.5 lacks or gets wrong, and what stands in its place.
//!
//! | there | here |
//! |---|---|
//! | message parsers (`XfrmMessage`, `ModifyMessage`, ...) slice a payload before they look at its length: a short one panics | only its *structures* are parsed, which check; [`crate::wire`] frames the messages |
//! | `XFRM_MSG_EXPIRE` is read without its attributes, so that mark and if_id are lost | [`EXPIRE_LENGTH`] splits structure and attributes |
//! | attributes that hold keys (`AlgAead`, `AlgAuth`, `Alg`) are plain `Vec`s which `Debug` prints and nobody wipes | [`emit_protection`] writes keys straight into the wiped request; [`parse_algorithms`] reads names and lengths only |
//! | `ReplayEsn` lets `bmp_len` disagree with the bitmap that is sent | [`Replay`] has one number and derives the rest |
//! | `XFRMA_SA_DIR` (33) is unknown | [`emit_direction`], [`parse_direction`], [`DirectionSupport`] |
//!
//! Layouts (all numbers in host byte order):
//!
//! ```text
//! xfrm_algo_aead:        name (64, padded with zeros)  key length in bits (4)  ICV length in bits (4)  key
//! xfrm_algo_auth:        name (64)  key length in bits (4)  ICV length in bits (4)  key
//! xfrm_algo:             name (64)  key length in bits (4)  key
//! xfrm_replay_state_esn: bitmap words (4)  oseq (4)  seq (4)  oseq_hi (4)  seq_hi (4)  window (4)  bitmap
//! xfrm_replay_state:     oseq (4)  seq (4)  bitmap (4)
//! ```

use netlink_packet_xfrm::constants::{
    XFRMA_ALG_AEAD, XFRMA_ALG_AUTH, XFRMA_ALG_AUTH_TRUNC, XFRMA_ALG_COMP, XFRMA_ALG_CRYPT,
    XFRMA_REPLAY_ESN_VAL, XFRMA_REPLAY_VAL,
};
use netlink_packet_xfrm::{XFRM_ALG_AEAD_NAME_LEN, XFRM_REPLAY_ESN_LEN, XFRM_USER_EXPIRE_LEN};

use crate::algorithm::Keyed;
use crate::wire::sa::direction_number;
use crate::wire::{Attributes, Request, Unread};
use crate::{Aead, Algorithms, Cipher, Integrity, Protection, Sa, SaDirection};

/// Octets of `xfrm_user_expire` before its attributes.
pub(crate) const EXPIRE_LENGTH: usize = XFRM_USER_EXPIRE_LEN;

/// Attribute type of an SA's direction, since Linux 6.10.
pub(crate) const XFRMA_SA_DIR: u16 = 33;

/// Octets of an algorithm's name.
const NAME: usize = XFRM_ALG_AEAD_NAME_LEN;
/// The largest window of the field in `xfrm_usersa_info`, in packets: the kernel keeps 32 bits for it.
const LEGACY_WINDOW: u32 = 32;

/// Whether the kernel knows `XFRMA_SA_DIR`. Older ones ignore the attribute silently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DirectionSupport {
    Known,
    Unknown,
}

/// Appends the SA's direction, for kernels that know it: they then refuse what makes no sense for it.
pub(crate) fn emit_direction(request: &mut Request, direction: SaDirection, support: DirectionSupport) {
    match support {
        DirectionSupport::Known => request.attribute(XFRMA_SA_DIR, &[&[direction_number(direction)]]),
        DirectionSupport::Unknown => {}
    }
}

pub(crate) fn parse_direction(attributes: &Attributes<'_>) -> Result<Option<SaDirection>, Unread> {
    match attributes.get(XFRMA_SA_DIR).map(<[u8]>::first) {
        None => Ok(None),
        Some(Some(1)) => Ok(Some(SaDirection::In)),
        Some(Some(2)) => Ok(Some(SaDirection::Out)),
        Some(_) => Err(Unread::Malformed),
    }
}

/// Appends algorithms and keys.
pub(crate) fn emit_protection(request: &mut Request, protection: &Protection) {
    match protection.keyed() {
        Keyed::Aead { aead, key } => {
            let icv = aead.icv_bits().to_ne_bytes();
            let (name, key) = (name(aead.kernel_name()), key.expose());
            request.attribute(XFRMA_ALG_AEAD, &[&name, &bits(key), &icv, key]);
        }
        Keyed::Separate { cipher, key, integrity, integrity_key } => {
            let key = key.expose();
            request.attribute(XFRMA_ALG_CRYPT, &[&name(cipher.kernel_name()), &bits(key), key]);
            let (icv, key) = (integrity.icv_bits().to_ne_bytes(), integrity_key.expose());
            // XFRMA_ALG_AUTH would truncate HMAC-SHA2-256 to 96 bits, as a draft of RFC 4868 did.
            request.attribute(XFRMA_ALG_AUTH_TRUNC, &[&name(integrity.kernel_name()), &bits(key), &icv, key]);
        }
    }
}

/// An algorithm's name as the kernel wants it; all of ours are far shorter than the field.
fn name(name: &str) -> [u8; NAME] {
    let mut field = [0; NAME];
    for (slot, octet) in field.iter_mut().zip(name.bytes()) {
        *slot = octet;
    }
    field
}

/// A key's length in bits.
fn bits(key: &[u8]) -> [u8; 4] {
    u32::try_from(key.len().saturating_mul(8)).unwrap_or(u32::MAX).to_ne_bytes()
}

/// Reads the algorithms of an SA, and none of its keys.
pub(crate) fn parse_algorithms(attributes: &Attributes<'_>) -> Result<Algorithms, Unread> {
    if let Some(aead) = attributes.get(XFRMA_ALG_AEAD) {
        let (name, [key_bits, icv_bits]) = parse_algorithm(aead)?;
        return Ok(match Aead::from_kernel(&name, icv_bits) {
            Some(aead) => Algorithms::Aead { aead, key_bits: key_bits.saturating_sub(Algorithms::SALT_BITS) },
            None => Algorithms::Other(name),
        });
    }
    let cipher = attributes.get(XFRMA_ALG_CRYPT).map(parse_algorithm::<1>).transpose()?;
    let mac = attributes.get(XFRMA_ALG_AUTH_TRUNC).map(parse_algorithm::<2>).transpose()?;
    if let (Some((cipher, [key_bits])), Some((mac, [_, icv_bits]))) = (&cipher, &mac)
        && let (Some(cipher), Some(integrity)) =
            (Cipher::from_kernel(cipher), Integrity::from_kernel(mac, *icv_bits))
    {
        return Ok(Algorithms::Separate { cipher, key_bits: *key_bits, integrity });
    }
    let untruncated = attributes.get(XFRMA_ALG_AUTH).map(parse_algorithm::<1>).transpose()?;
    let names = [cipher.map(|c| c.0), mac.map(|m| m.0).or(untruncated.map(|m| m.0))];
    let names: Vec<String> = names.into_iter().flatten().collect();
    if names.is_empty() && attributes.get(XFRMA_ALG_COMP).is_none() {
        return Ok(Algorithms::Larval);
    }
    Ok(Algorithms::Other(names.join("+")))
}

/// Reads a name and the numbers after it.
fn parse_algorithm<const N: usize>(value: &[u8]) -> Result<(String, [u32; N]), Unread> {
    let (name, rest) = value.split_at_checked(NAME).ok_or(Unread::Malformed)?;
    let text = name.split(|octet| *octet == 0).next().unwrap_or_default();
    let text = std::str::from_utf8(text).map_err(|_| Unread::Malformed)?;
    Ok((text.to_owned(), numbers(rest)?))
}

/// Reads the first `N` numbers.
fn numbers<const N: usize>(octets: &[u8]) -> Result<[u32; N], Unread> {
    let mut numbers = [0; N];
    let mut words = octets.chunks_exact(4);
    for number in &mut numbers {
        let word = words.next().and_then(<[u8]>::first_chunk).ok_or(Unread::Malformed)?;
        *number = u32::from_ne_bytes(*word);
    }
    Ok(numbers)
}

/// How an SA's replay window is told to the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Replay {
    /// In `xfrm_usersa_info`: up to 32 packets, no ESN.
    Legacy { window: u8 },
    /// As `XFRMA_REPLAY_ESN_VAL`, with a bitmap of so many packets.
    Bitmap { window: u32 },
}

impl Replay {
    pub(crate) fn of(sa: &Sa, support: DirectionSupport) -> Self {
        let window = sa.parameters.replay_window;
        if !sa.parameters.esn && window <= LEGACY_WINDOW {
            return Self::Legacy { window: u8::try_from(window).unwrap_or(u8::MAX) };
        }
        match (sa.direction, support) {
            // Without a direction the kernel takes the SA for an inbound one and wants a window.
            (SaDirection::Out, DirectionSupport::Unknown) => Self::Bitmap { window: 1 },
            (SaDirection::In | SaDirection::Out, _) => Self::Bitmap { window },
        }
    }

    pub(crate) fn legacy_window(self) -> u8 {
        match self {
            Self::Legacy { window } => window,
            Self::Bitmap { .. } => 0,
        }
    }

    pub(crate) fn emit(self, request: &mut Request) {
        let Self::Bitmap { window } = self else { return };
        let words = window.div_ceil(u32::BITS);
        let counters = [0; XFRM_REPLAY_ESN_LEN - 8];
        // Without the bitmap itself: the kernel then starts with an empty one, of so many words.
        request.attribute(XFRMA_REPLAY_ESN_VAL, &[&words.to_ne_bytes(), &counters, &window.to_ne_bytes()]);
    }
}

/// The state of an SA's sequence numbers.
pub(crate) struct ReplayState {
    pub(crate) window: u32,
    pub(crate) sent: u64,
    pub(crate) received: u64,
}

/// Reads either form; `legacy_window` is that of `xfrm_usersa_info`.
pub(crate) fn parse_replay(attributes: &Attributes<'_>, legacy_window: u8) -> Result<ReplayState, Unread> {
    if let Some(value) = attributes.get(XFRMA_REPLAY_ESN_VAL) {
        let [_, oseq, seq, oseq_hi, seq_hi, window] = numbers(value)?;
        let wide = |high, low| u64::from(high) << 32 | u64::from(low);
        return Ok(ReplayState { window, sent: wide(oseq_hi, oseq), received: wide(seq_hi, seq) });
    }
    let [oseq, seq] = attributes.get(XFRMA_REPLAY_VAL).map_or(Ok([0, 0]), numbers)?;
    Ok(ReplayState { window: legacy_window.into(), sent: oseq.into(), received: seq.into() })
}
