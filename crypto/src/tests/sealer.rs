//! What holds for every protection: a round trip gives the packet back, and any change is refused.

use proptest::prelude::*;

use super::{keys, protections, sealer};
use crate::{OpenError, PacketKeys, Protection, SealError, Sealer, Secret, WrongKeyLength};

/// `aad | IV | plaintext` of recognisable octets, the plaintext of `blocks` blocks.
fn clear(sealer: &Sealer, aad_len: usize, blocks: usize) -> Vec<u8> {
    let len = aad_len + sealer.iv_len() + blocks * sealer.block_len();
    (0..=u8::MAX).cycle().take(len).collect()
}

fn sealed(sealer: &Sealer, aad_len: usize, blocks: usize) -> Vec<u8> {
    let mut packet = clear(sealer, aad_len, blocks);
    sealer.seal(&mut packet, aad_len).unwrap();
    packet
}

#[test]
fn every_flipped_bit_is_refused() {
    for protection in protections() {
        let sealer = sealer(protection, 1);
        let packet = sealed(&sealer, 32, 3);
        assert!(sealer.open(&mut packet.clone(), 32).is_ok());
        for bit in 0..packet.len() * 8 {
            let mut changed = packet.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(
                sealer.open(&mut changed, 32),
                Err(OpenError::NotAuthentic),
                "{protection:?}, bit {bit}"
            );
        }
    }
}

#[test]
fn every_truncation_and_extension_is_refused() {
    for protection in protections() {
        let sealer = sealer(protection, 1);
        let packet = sealed(&sealer, 32, 3);
        for len in 0..packet.len() {
            assert!(sealer.open(&mut packet[..len].to_vec(), 32).is_err(), "{protection:?}, {len} octets");
        }
        for extra in 1..=16 {
            let mut longer = packet.clone();
            longer.resize(packet.len() + extra, 0);
            assert!(sealer.open(&mut longer, 32).is_err(), "{protection:?}, {extra} more");
        }
    }
}

/// An AEAD tells associated data and IV apart; the HMAC covers the same octets wherever the line between them is,
/// so there only the alignment can differ, and the caller's parser is what fixes the line.
#[test]
fn an_aead_refuses_another_split_of_the_same_octets() {
    for protection in protections().into_iter().filter(|protection| protection.integrity().is_none()) {
        let sealer = sealer(protection, 1);
        let packet = sealed(&sealer, 32, 40);
        for aad_len in (0..packet.len()).filter(|len| *len != 32) {
            assert!(sealer.open(&mut packet.clone(), aad_len).is_err());
        }
    }
}

#[test]
fn a_packet_under_other_keys_is_refused() {
    for protection in protections() {
        let packet = sealed(&sealer(protection, 1), 32, 3);
        for (encryption, integrity) in [(2, 2), (1, 2), (2, 1)] {
            let mixed = PacketKeys {
                encryption: keys(protection, encryption).encryption,
                integrity: keys(protection, integrity).integrity,
            };
            let opened = Sealer::new(protection, &mixed)
                .unwrap()
                .open(&mut packet.clone(), 32)
                .map(|text| text.to_vec());
            let same_authenticator = match protection.integrity() {
                Some(_) => integrity == 1,
                None => encryption == 1,
            };
            let clear = clear(&sealer(protection, 1), 32, 3);
            let text = &clear[32 + protection.encryption().iv_len()..];
            match opened {
                Ok(opened) => assert!(same_authenticator && (opened == text) == (encryption == 1)),
                Err(error) => assert!(!same_authenticator && error == OpenError::NotAuthentic),
            }
        }
    }
}

#[test]
fn keys_of_another_length_are_refused() {
    for protection in protections() {
        let (encryption, integrity) = (protection.encryption_key_len(), protection.integrity_key_len());
        let wrong =
            [(encryption - 1, integrity), (encryption + 1, integrity), (encryption, integrity + 1), (0, 0)];
        for (encryption, integrity) in wrong {
            let keys = PacketKeys {
                encryption: Secret::new(vec![1; encryption]),
                integrity: Secret::new(vec![1; integrity]),
            };
            assert_eq!(Sealer::new(protection, &keys).map(|_| ()), Err(WrongKeyLength));
        }
    }
}

#[test]
fn plaintexts_that_are_empty_or_not_whole_blocks_are_not_sealed() {
    for protection in protections() {
        let sealer = sealer(protection, 1);
        for len in 0..8 + sealer.iv_len() + 1 {
            let mut packet = vec![0; len];
            assert_eq!(sealer.seal(&mut packet, 8), Err(SealError::TooShort));
        }
        for odd in 1..sealer.block_len() {
            let mut packet = vec![0; 8 + sealer.iv_len() + 16 + odd];
            let before = packet.clone();
            assert_eq!(sealer.seal(&mut packet, 8), Err(SealError::NotBlockAligned));
            assert_eq!(packet, before);
        }
    }
}

/// Without the right length, CBC must stop before it compares: the last block would be cut off.
#[test]
fn ciphertexts_that_are_not_whole_blocks_are_not_opened() {
    for protection in protections().into_iter().filter(|protection| protection.integrity().is_some()) {
        let sealer = sealer(protection, 1);
        for odd in 1..16 {
            let mut packet = vec![0; 8 + 16 + 16 + odd + sealer.icv_len()];
            assert_eq!(sealer.open(&mut packet, 8), Err(OpenError::NotBlockAligned));
        }
    }
}

fn any_protection() -> impl Strategy<Value = Protection> {
    prop::sample::select(protections())
}

proptest! {
    #[test]
    fn what_is_sealed_opens_again(
        protection in any_protection(), key: u8, aad_len in 0_usize..80, blocks in 1_usize..200,
    ) {
        let sealer = sealer(protection, key);
        let before = clear(&sealer, aad_len, blocks);
        let mut packet = before.clone();
        sealer.seal(&mut packet, aad_len).unwrap();

        let text = aad_len + sealer.iv_len();
        prop_assert_eq!(packet.len(), before.len() + sealer.icv_len());
        prop_assert_eq!(&packet[..text], &before[..text]);
        let opened = sealer.open(&mut packet, aad_len).unwrap();
        prop_assert_eq!(&*opened, &before[text..]);
    }

    #[test]
    fn octets_from_anywhere_are_refused_without_a_panic(
        protection in any_protection(),
        mut packet in prop::collection::vec(any::<u8>(), 0..300),
        aad_len in prop_oneof![0_usize..320, any::<usize>(), Just(usize::MAX)],
    ) {
        prop_assert!(sealer(protection, 1).open(&mut packet, aad_len).is_err());
    }

    #[test]
    fn any_packet_is_sealed_or_refused_without_a_panic(
        protection in any_protection(),
        mut packet in prop::collection::vec(any::<u8>(), 0..300),
        aad_len in prop_oneof![0_usize..320, any::<usize>(), Just(usize::MAX)],
    ) {
        let sealer = sealer(protection, 1);
        let text = packet.len().checked_sub(aad_len).and_then(|rest| rest.checked_sub(sealer.iv_len()));
        let fits = text.is_some_and(|len| len > 0 && len.is_multiple_of(sealer.block_len()));
        prop_assert_eq!(sealer.seal(&mut packet, aad_len).is_ok(), fits);
    }
}
