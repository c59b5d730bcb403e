//! Whole SAs: packets of others, round trips, whatever a peer or a forger may send.
#![allow(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows panics, which is what it should do"
)]

mod forged;
mod limits;
mod round_trip;
mod vectors;
mod window;

use crypto::{Encryption, Integrity, PacketKeys, Protection, Secret};

use crate::replay::Replay;
use crate::{
    Content, Esn, HEADROOM, InboundSa, Limits, Mode, OutboundSa, Parameters, Payload, SealError, Spi,
    TAILROOM, WindowSize,
};

/// Every protection that can be negotiated.
pub(crate) fn protections() -> Vec<Protection> {
    let aeads = [Encryption::AesGcm16_128, Encryption::AesGcm16_256, Encryption::ChaCha20Poly1305];
    let macs = [Integrity::HmacSha2_256_128, Integrity::HmacSha2_384_192, Integrity::HmacSha2_512_256];
    let mut all: Vec<_> = aeads.into_iter().filter_map(Protection::aead).collect();
    for cbc in [Encryption::AesCbc128, Encryption::AesCbc256] {
        all.extend(macs.into_iter().filter_map(|mac| Protection::cbc(cbc, mac)));
    }
    assert_eq!(all.len(), 9);
    all
}

/// An IPv4 packet of `len` octets, at least 20.
pub(crate) fn ipv4(len: u16) -> Vec<u8> {
    let mut packet = numbered(usize::from(len));
    packet[0] = 0x45;
    packet[2..4].copy_from_slice(&len.to_be_bytes());
    packet
}

/// An IPv6 packet of `len` octets, at least 40.
pub(crate) fn ipv6(len: u16) -> Vec<u8> {
    let mut packet = numbered(usize::from(len));
    packet[0] = 0x60;
    packet[4..6].copy_from_slice(&(len - 40).to_be_bytes());
    packet
}

/// Octets that tell where they stood.
fn numbered(len: usize) -> Vec<u8> {
    (0..251).cycle().take(len).collect()
}

fn keys(protection: Protection) -> PacketKeys {
    PacketKeys {
        encryption: Secret::new(numbered(protection.encryption_key_len())),
        integrity: Secret::new(numbered(protection.integrity_key_len())),
    }
}

fn parameters(protection: Protection, esn: Esn) -> Parameters {
    Parameters { spi: Spi::new(0xc0ff_ee01).unwrap(), protection, esn, limits: Limits::NONE }
}

const TUNNEL: Payload = Payload::Tunnel { pad_to: 0 };

/// Both ends of an SA after `sent` packets, the last of which has arrived.
fn pair(parameters: Parameters, mode: Mode, sent: u64) -> (OutboundSa, InboundSa) {
    let keys = keys(parameters.protection);
    let replay = Replay::at(WindowSize::DEFAULT, sent);
    (
        OutboundSa::after(sent, parameters, &keys).unwrap(),
        InboundSa::with(replay, parameters, &keys, mode).unwrap(),
    )
}

/// The ESP packet around `payload`.
fn seal(sa: &OutboundSa, octets: &[u8], payload: Payload) -> Result<Vec<u8>, SealError> {
    let tfc = if let Payload::Tunnel { pad_to } = payload { pad_to } else { 0 };
    let mut buffer = [&[0xee; HEADROOM], octets, &vec![0xee; TAILROOM + tfc]].concat();
    let sealed = sa.seal(&mut buffer, HEADROOM..HEADROOM + octets.len(), payload)?;
    Ok(buffer[sealed.packet].to_vec())
}

/// Payload and next header of an ESP packet.
fn open(sa: &mut InboundSa, packet: &[u8]) -> Result<Option<(Vec<u8>, u8)>, crate::Dropped> {
    let mut packet = packet.to_vec();
    match sa.open(&mut packet)?.content {
        Content::Payload { at, next_header } => Ok(Some((packet[at].to_vec(), next_header))),
        Content::Dummy => Ok(None),
    }
}
