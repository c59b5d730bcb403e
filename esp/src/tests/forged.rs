//! What a forger, a broken peer or a broken path may send.

use proptest::prelude::*;

use crypto::Sealer;

use super::{TUNNEL, ipv4, ipv6, keys, open, pair, parameters, protections, seal};
use crate::{Dropped, Esn, Layout, Mode, Payload, Volume};

#[test]
fn every_flipped_bit_is_refused_and_leaves_no_trace() {
    for protection in protections() {
        for esn in [Esn::No, Esn::Yes] {
            let (outbound, mut inbound) = pair(parameters(protection, esn), Mode::Tunnel, 0);
            let packet = seal(&outbound, &ipv4(40), TUNNEL).unwrap();
            for bit in 0..packet.len() * 8 {
                let mut changed = packet.clone();
                changed[bit / 8] ^= 1 << (bit % 8);
                let why = open(&mut inbound, &changed).unwrap_err();
                let expected = match bit / 8 {
                    0..4 => vec![Dropped::WrongSpi],
                    // The number 0, and lower halves that stand before the SA's first number.
                    4..8 => vec![Dropped::NotAuthentic, Dropped::Replayed, Dropped::TooOld],
                    _ => vec![Dropped::NotAuthentic],
                };
                assert!(expected.contains(&why), "{protection:?} bit {bit}: {why}");
            }
            assert_eq!(inbound.used(), Volume::default());
            let counted: u64 = Dropped::ALL.iter().map(|why| inbound.counters().dropped(*why)).sum();
            assert_eq!(counted, packet.len() as u64 * 8);
            assert!(open(&mut inbound, &packet).is_ok(), "the window has not moved");
        }
    }
}

#[test]
fn every_truncation_and_extension_is_refused() {
    for protection in protections() {
        let (outbound, mut inbound) = pair(parameters(protection, Esn::Yes), Mode::Tunnel, 0);
        let packet = seal(&outbound, &ipv4(40), TUNNEL).unwrap();
        for len in 0..packet.len() {
            let why = open(&mut inbound, &packet[..len]).unwrap_err();
            let room = Layout::of(protection).encrypted(len).is_some();
            assert_eq!(why == Dropped::TooShort, !room, "{protection:?} {len} octets: {why}");
        }
        for extra in 1..70 {
            let longer = [packet.as_slice(), &vec![0; extra]].concat();
            let why = open(&mut inbound, &longer).unwrap_err();
            let aligned = extra.is_multiple_of(protection.encryption().block_len());
            assert_eq!(why, if aligned { Dropped::NotAuthentic } else { Dropped::NotBlockAligned });
        }
    }
}

#[test]
fn the_half_that_is_not_sent_is_authenticated() {
    for protection in protections() {
        let (outbound, _) = pair(parameters(protection, Esn::Yes), Mode::Tunnel, 5 << 32);
        let packet = seal(&outbound, &ipv4(40), TUNNEL).unwrap();
        for (sent, outcome) in [(5u64 << 32, Ok(Some((ipv4(40), 4)))), (4 << 32, Err(Dropped::NotAuthentic))]
        {
            let (_, mut inbound) = pair(parameters(protection, Esn::Yes), Mode::Tunnel, sent);
            assert_eq!(open(&mut inbound, &packet), outcome);
        }
        let (_, mut short) = pair(parameters(protection, Esn::No), Mode::Tunnel, 0);
        assert_eq!(open(&mut short, &packet), Err(Dropped::NotAuthentic));
    }
}

/// An authentic packet with any plaintext, which must be whole blocks.
fn authentic(number: u32, text: &[u8]) -> Vec<u8> {
    let protection = protections()[0];
    let header = (0xc0ff_ee01_u64 << 32 | u64::from(number)).to_be_bytes();
    let mut packet = [&header[..], &u64::from(number).to_be_bytes(), text, &[0; 16]].concat();
    Sealer::new(protection, &keys(protection)).unwrap().seal_esp(&mut packet, None).unwrap();
    packet
}

#[test]
fn authentic_nonsense_is_told_apart() {
    let (four, six) = (ipv4(28), ipv6(48));
    let text = |payload: &[u8], padding: &[u8], trailer: [u8; 2]| [payload, padding, &trailer].concat();
    let cases = [
        (text(&four, &[1, 2], [2, 4]), Ok(four.len())),
        (text(&four, &[], [0, 4]), Ok(four.len())),
        (text(&six, &[1], [1, 41]), Ok(six.len())),
        (text(&four, &(1..=255).collect::<Vec<_>>(), [255, 4]), Ok(four.len())),
        (text(&four, &[1, 3], [2, 4]), Err(Dropped::BadPadding)),
        (text(&four, &[0, 0], [2, 4]), Err(Dropped::BadPadding)),
        (text(&four, &[], [29, 4]), Err(Dropped::BadPadding)),
        (text(&[], &[], [1, 4]), Err(Dropped::BadPadding)),
        (text(&[], &[], [0, 4]), Err(Dropped::BadInnerPacket)),
        (text(&four[..27], &[], [0, 4]), Err(Dropped::BadInnerPacket)),
        (text(&four, &[], [0, 41]), Err(Dropped::BadInnerPacket)),
        (text(&six, &[], [0, 4]), Err(Dropped::BadInnerPacket)),
        (text(&four, &[], [0, 17]), Err(Dropped::UnknownNextHeader)),
        (text(&four, &[], [0, 0]), Err(Dropped::UnknownNextHeader)),
    ];
    let (_, mut inbound) = pair(parameters(protections()[0], Esn::No), Mode::Tunnel, 0);
    for (number, (text, expected)) in (1..).zip(&cases) {
        let packet = authentic(number, text);
        let outcome = open(&mut inbound, &packet).map(|payload| payload.unwrap().0.len());
        assert_eq!(outcome, *expected, "case {number}");
        assert_eq!(
            open(&mut inbound, &packet),
            Err(Dropped::Replayed),
            "it was authentic: the window has moved"
        );
    }
    assert_eq!(inbound.counters().dropped(Dropped::BadPadding), 4);
    assert_eq!(inbound.counters().dropped(Dropped::BadInnerPacket), 4);
    assert_eq!(inbound.counters().dropped(Dropped::UnknownNextHeader), 2);
}

#[test]
fn transport_mode_takes_any_next_header_and_any_payload() {
    for next_header in (0..=255).filter(|next_header| *next_header != 59) {
        let (outbound, mut inbound) = pair(parameters(protections()[0], Esn::No), Mode::Transport, 0);
        let sealed = seal(&outbound, &[1, 2, 3], Payload::Transport { next_header }).unwrap();
        assert_eq!(open(&mut inbound, &sealed), Ok(Some((vec![1, 2, 3], next_header))));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn arbitrary_octets_are_refused(mut octets in prop::collection::vec(any::<u8>(), 0..200), known_spi in any::<bool>()) {
        if known_spi && octets.len() >= 4 {
            octets[..4].copy_from_slice(&0xc0ff_ee01_u32.to_be_bytes());
        }
        for protection in protections() {
            for mode in [Mode::Tunnel, Mode::Transport] {
                let (_, mut inbound) = pair(parameters(protection, Esn::Yes), mode, 3 << 32);
                prop_assert!(open(&mut inbound, &octets).is_err());
                prop_assert_eq!(inbound.used(), Volume::default());
            }
        }
    }

    #[test]
    fn any_authentic_plaintext_is_taken_or_refused_and_stays_inside(
        text in prop::collection::vec(any::<u8>(), 2..120),
        next_header in prop_oneof![Just(4u8), Just(41), Just(59), any::<u8>()],
        pad_len in 0u8..6,
        mode in prop_oneof![Just(Mode::Tunnel), Just(Mode::Transport)],
    ) {
        let (_, mut inbound) = pair(parameters(protections()[0], Esn::No), mode, 0);
        let mut text = text;
        let end = text.len();
        text[end - 2..].copy_from_slice(&[pad_len, next_header]);
        let packet = authentic(1, &text);
        match open(&mut inbound, &packet) {
            Ok(Some((payload, found))) => {
                prop_assert_eq!(found, next_header);
                prop_assert!(text.starts_with(&payload) && payload.len() + 2 <= text.len());
            }
            Ok(None) => prop_assert_eq!(next_header, 59),
            Err(_) => {}
        }
        prop_assert_eq!(inbound.used().packets, 1);
    }
}
