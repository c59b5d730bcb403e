//! ESP packets and SK payloads under one sealer: the same octets where both are defined, and the unsent half of a
//! sequence number in its place.

use std::collections::BTreeSet;

use super::{keys, protections, sealer};
use crate::{EspIv, OpenError, PacketKeys, SealError, Sealer, Secret, WrongKeyLength};

const HEADER: [u8; 8] = [1, 2, 3, 4, 0, 0, 0, 5];
const HIGH: u32 = 0x0607_0809;

/// `header | IV | plaintext | room`, of recognisable octets.
fn clear(sealer: &Sealer, header: &[u8], blocks: usize) -> Vec<u8> {
    let text = (0..=u8::MAX).cycle().take(blocks * sealer.block_len());
    let mut packet = [header, &vec![0xaa; sealer.iv_len()]].concat();
    packet.extend(text);
    packet.resize(packet.len() + sealer.icv_len(), 0);
    packet
}

#[test]
fn without_an_unsent_half_a_packet_is_sealed_as_any_other() {
    for protection in protections() {
        let sealer = sealer(protection, 1);
        let mut packet = clear(&sealer, &HEADER, 3);
        let mut other = packet[..packet.len() - sealer.icv_len()].to_vec();
        sealer.seal_esp(&mut packet, None).unwrap();
        sealer.seal(&mut other, HEADER.len()).unwrap();
        assert_eq!(packet, other);
        sealer.open_esp(&mut packet, None).unwrap();
        let text = HEADER.len() + sealer.iv_len()..packet.len() - sealer.icv_len();
        assert_eq!(packet[text.clone()], clear(&sealer, &HEADER, 3)[text]);
    }
}

/// An AEAD's associated data has the half before the rest; an HMAC ends with it.
#[test]
fn the_unsent_half_is_authenticated_where_the_rfcs_put_it() {
    for protection in protections() {
        let sealer = sealer(protection, 1);
        let mut packet = clear(&sealer, &HEADER, 3);
        sealer.seal_esp(&mut packet, Some(HIGH)).unwrap();
        let icv_at = packet.len() - sealer.icv_len();
        if protection.integrity().is_none() {
            let spliced = [&HEADER[..4], &HIGH.to_be_bytes(), &HEADER[4..]].concat();
            let mut whole = [&spliced, &clear(&sealer, &HEADER, 3)[HEADER.len()..icv_at]].concat();
            sealer.seal(&mut whole, spliced.len()).unwrap();
            assert_eq!(packet[HEADER.len()..], whole[spliced.len()..]);
        } else {
            let hmac = protection.integrity().unwrap().algorithm();
            let key = ring::hmac::Key::new(hmac, keys(protection, 1).integrity.expose());
            let tag = ring::hmac::sign(&key, &[&packet[..icv_at], &HIGH.to_be_bytes()].concat());
            assert!(tag.as_ref().starts_with(&packet[icv_at..]));
        }
        for high in [None, Some(HIGH ^ 1), Some(0)] {
            assert_eq!(sealer.open_esp(&mut packet.clone(), high), Err(OpenError::NotAuthentic));
        }
        assert_eq!(sealer.open_esp(&mut packet, Some(HIGH)), Ok(()));
    }
}

#[test]
fn what_has_no_text_or_not_whole_blocks_is_refused() {
    for protection in protections() {
        let sealer = sealer(protection, 1);
        let least = HEADER.len() + sealer.iv_len() + sealer.icv_len();
        for len in 0..=least {
            assert_eq!(sealer.seal_esp(&mut vec![0; len], None), Err(SealError::TooShort));
            assert_eq!(sealer.open_esp(&mut vec![0; len], None), Err(OpenError::TooShort));
        }
        for odd in 1..sealer.block_len() {
            let mut packet = vec![0; least + odd];
            assert_eq!(sealer.seal_esp(&mut packet, Some(1)), Err(SealError::NotBlockAligned));
            assert_eq!(sealer.open_esp(&mut packet, Some(1)), Err(OpenError::NotBlockAligned));
        }
    }
}

#[test]
fn an_iv_is_the_counter_for_an_aead_and_hides_it_for_cbc() {
    for protection in protections() {
        let ivs = EspIv::new(protection, &keys(protection, 1)).unwrap();
        let of = |counter: u64| {
            let mut iv = vec![0xee; protection.encryption().iv_len()];
            ivs.write(counter, &mut iv);
            iv
        };
        if protection.integrity().is_none() {
            assert_eq!(of(0x0102_0304_0506_0708), [1, 2, 3, 4, 5, 6, 7, 8]);
        } else {
            let other = EspIv::new(protection, &keys(protection, 2)).unwrap();
            let mut iv = [0; 16];
            other.write(1, &mut iv);
            assert_ne!(of(1), iv, "another key gives other IVs");
            assert!(!of(1).windows(4).any(|octets| octets == [0; 4]));
        }
        assert_eq!((0..1000).map(of).collect::<BTreeSet<_>>().len(), 1000);
    }
}

#[test]
fn an_integrity_key_of_another_length_gives_no_ivs() {
    for protection in protections().into_iter().filter(|protection| protection.integrity().is_some()) {
        let short = PacketKeys {
            encryption: Secret::new(vec![1; protection.encryption_key_len()]),
            integrity: Secret::new(vec![1; protection.integrity_key_len() - 1]),
        };
        assert_eq!(EspIv::new(protection, &short).map(|_| ()), Err(WrongKeyLength));
    }
}
