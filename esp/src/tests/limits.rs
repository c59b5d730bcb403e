//! What ends an SA: its numbers, and what its keys may protect.

use crypto::{Encryption, Protection};

use super::{TUNNEL, ipv4, keys, open, pair, parameters, protections, seal};
use crate::{
    Dropped, Esn, HEADROOM, InboundSa, Limit, Limits, Mode, OutboundSa, SealError, TAILROOM, Volume,
    WindowSize,
};

fn gcm() -> Protection {
    Protection::aead(Encryption::AesGcm16_128).unwrap()
}

#[test]
fn the_last_number_is_used_and_none_after_it() {
    for (esn, last) in [(Esn::No, u64::from(u32::MAX)), (Esn::Yes, u64::MAX)] {
        for protection in protections() {
            let (outbound, mut inbound) = pair(parameters(protection, esn), Mode::Tunnel, last - 2);
            let packets = [(); 2].map(|()| seal(&outbound, &ipv4(60), TUNNEL).unwrap());
            for packet in &packets {
                assert_eq!(open(&mut inbound, packet), Ok(Some((ipv4(60), 4))));
            }
            for _ in 0..3 {
                assert_eq!(seal(&outbound, &ipv4(60), TUNNEL), Err(SealError::NumbersExhausted));
            }
            assert_eq!(outbound.used().packets, last);
            assert_eq!(open(&mut inbound, &packets[1]), Err(Dropped::Replayed));
        }
    }
}

#[test]
fn no_iv_repeats_under_any_protection() {
    for protection in protections() {
        let (outbound, _) = pair(parameters(protection, Esn::Yes), Mode::Tunnel, (1 << 32) - 500);
        let iv = 8..outbound.layout().header_len();
        let ivs = (0..1000).map(|_| seal(&outbound, &ipv4(40), TUNNEL).unwrap()[iv.clone()].to_vec());
        assert_eq!(ivs.collect::<std::collections::BTreeSet<_>>().len(), 1000, "{protection:?}");
    }
}

/// Two IVs of CBC in a row differ in about half of their bits; a counter in clear would in a few.
#[test]
fn an_iv_of_cbc_does_not_tell_the_next() {
    for protection in protections().into_iter().filter(|protection| protection.integrity().is_some()) {
        let (outbound, _) = pair(parameters(protection, Esn::No), Mode::Tunnel, 0);
        let ivs: Vec<u128> = (0..100)
            .map(|_| {
                u128::from_be_bytes(seal(&outbound, &ipv4(40), TUNNEL).unwrap()[8..24].try_into().unwrap())
            })
            .collect();
        let distances: Vec<u32> = ivs.windows(2).map(|pair| (pair[0] ^ pair[1]).count_ones()).collect();
        assert!(distances.iter().all(|distance| (30..99).contains(distance)), "{distances:?}");
    }
}

#[test]
fn limits_are_reported_once_and_then_refuse_on_both_sides() {
    // 60 octets and the trailer are 64 octets of ciphertext.
    let limits = Limits {
        soft: Volume { packets: u64::MAX, octets: 3 * 64 },
        hard: Volume { packets: u64::MAX, octets: 5 * 64 },
    };
    let limited = crate::Parameters { limits, ..parameters(gcm(), Esn::Yes) };
    let outbound = OutboundSa::new(limited, keys(gcm())).unwrap();
    let mut inbound = InboundSa::new(limited, keys(gcm()), Mode::Tunnel, WindowSize::DEFAULT).unwrap();
    for sent in 1..=5 {
        let mut buffer = [&[0; HEADROOM], ipv4(60).as_slice(), &[0; TAILROOM]].concat();
        let sealed = outbound.seal(&mut buffer, HEADROOM..HEADROOM + 60, TUNNEL).unwrap();
        assert_eq!(sealed.soft_limit, (sent == 3).then_some(Limit::Octets));
        let opened = inbound.open(&mut buffer[sealed.packet]).unwrap();
        assert_eq!(opened.soft_limit, (sent == 3).then_some(Limit::Octets));
    }
    assert_eq!(seal(&outbound, &ipv4(60), TUNNEL), Err(SealError::HardLimit(Limit::Octets)));
    let (unlimited, _) = pair(parameters(gcm(), Esn::Yes), Mode::Tunnel, 5);
    assert_eq!(open(&mut inbound, &seal(&unlimited, &ipv4(60), TUNNEL).unwrap()), Err(Dropped::HardLimit));
    assert_eq!(inbound.used(), Volume { packets: 5, octets: 5 * 64 });
    assert_eq!(inbound.used(), outbound.used());
}

#[test]
fn a_hard_limit_of_packets_is_told_from_used_up_numbers() {
    let limits = Limits { hard: Volume { packets: 1, ..Volume::UNLIMITED }, ..Limits::NONE };
    let outbound =
        OutboundSa::new(crate::Parameters { limits, ..parameters(gcm(), Esn::No) }, keys(gcm())).unwrap();
    assert!(seal(&outbound, &ipv4(60), TUNNEL).is_ok());
    assert_eq!(seal(&outbound, &ipv4(60), TUNNEL), Err(SealError::HardLimit(Limit::Packets)));
}

#[test]
fn a_buffer_without_room_uses_up_no_number_and_stays_as_it_was() {
    for protection in protections() {
        let (outbound, _) = pair(parameters(protection, Esn::No), Mode::Tunnel, 0);
        let layout = outbound.layout();
        let (header, whole) = (layout.header_len(), layout.sealed_len(60));
        for (before, after) in
            [(header - 1, TAILROOM), (0, TAILROOM), (header, whole - header - 60 - 1), (header, 0)]
        {
            let mut buffer = [vec![7; before], ipv4(60), vec![7; after]].concat();
            let untouched = buffer.clone();
            assert_eq!(outbound.seal(&mut buffer, before..before + 60, TUNNEL), Err(SealError::NoRoom));
            assert_eq!(buffer, untouched);
        }
        let mut exact = [vec![7; header], ipv4(60), vec![7; whole - header - 60]].concat();
        for range in [header + 1..exact.len() + 1, usize::MAX - 1..usize::MAX, usize::MAX..usize::MAX] {
            assert_eq!(outbound.seal(&mut exact, range, TUNNEL), Err(SealError::NoRoom));
        }
        assert_eq!(outbound.used(), Volume::default());
        assert_eq!(outbound.seal(&mut exact, header..header + 60, TUNNEL).unwrap().packet, 0..whole);
        assert_eq!(outbound.used().packets, 1);
    }
}

#[test]
fn what_is_not_one_ip_packet_is_not_tunnelled() {
    let (outbound, _) = pair(parameters(gcm(), Esn::No), Mode::Tunnel, 0);
    let trailing = [ipv4(60), vec![0]].concat();
    for payload in [&[][..], &[0x45], &ipv4(60)[..59], &trailing, &[0; 60]] {
        assert_eq!(seal(&outbound, payload, TUNNEL), Err(SealError::NotAnIpPacket));
    }
    assert_eq!(outbound.used(), Volume::default());
}
