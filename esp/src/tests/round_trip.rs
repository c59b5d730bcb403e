//! What one end seals the other opens: every algorithm, mode, number size and length.

use super::{TUNNEL, ipv4, ipv6, numbered, open, pair, parameters, protections, seal};
use crate::{Dropped, Esn, HEADROOM, Mode, Payload, TAILROOM};

/// The longest payload that is tried, in octets: a jumbo frame.
const LONGEST: u16 = 9000;

/// All short lengths, where padding changes, and some long ones.
fn lengths(least: u16) -> impl Iterator<Item = u16> {
    (least..least + 150).chain((least + 150..LONGEST).step_by(977)).chain(LONGEST - 17..=LONGEST)
}

#[test]
fn every_payload_comes_out_as_it_went_in() {
    for protection in protections() {
        for esn in [Esn::No, Esn::Yes] {
            let (outbound, mut inbound) = pair(parameters(protection, esn), Mode::Tunnel, 0);
            let packets = lengths(20).map(|len| (ipv4(len), 4)).chain(lengths(40).map(|len| (ipv6(len), 41)));
            for (packet, next_header) in packets {
                let sealed = seal(&outbound, &packet, TUNNEL).unwrap();
                assert_eq!(sealed.len(), outbound.layout().sealed_len(packet.len()));
                assert!(open(&mut inbound, &sealed) == Ok(Some((packet, next_header))));
            }
            let (outbound, mut inbound) = pair(parameters(protection, esn), Mode::Transport, 0);
            for len in lengths(0) {
                let payload = numbered(usize::from(len));
                let sealed = seal(&outbound, &payload, Payload::Transport { next_header: 6 }).unwrap();
                assert!(open(&mut inbound, &sealed) == Ok(Some((payload, 6))));
            }
        }
    }
}

/// One protection of either kind, and every length.
#[test]
fn every_length_up_to_a_jumbo_frame_comes_through() {
    let all = protections();
    for protection in [all[0], all[3]] {
        let (outbound, mut inbound) = pair(parameters(protection, Esn::Yes), Mode::Transport, 0);
        for len in 0..=LONGEST {
            let payload = numbered(usize::from(len));
            let sealed = seal(&outbound, &payload, Payload::Transport { next_header: 17 }).unwrap();
            assert!(open(&mut inbound, &sealed) == Ok(Some((payload, 17))), "{len}");
        }
    }
}

#[test]
fn nothing_outside_of_the_packet_is_touched() {
    for protection in protections() {
        let (outbound, _) = pair(parameters(protection, Esn::No), Mode::Tunnel, 0);
        let mut buffer = [&[0xaa; 3 * HEADROOM], ipv4(77).as_slice(), &[0xbb; 3 * TAILROOM]].concat();
        let sealed = outbound.seal(&mut buffer, 3 * HEADROOM..3 * HEADROOM + 77, TUNNEL).unwrap();
        assert!(buffer[..sealed.packet.start].iter().all(|octet| *octet == 0xaa));
        assert!(buffer[sealed.packet.end..].iter().all(|octet| *octet == 0xbb));
        assert_eq!(sealed.packet.start, 3 * HEADROOM - outbound.layout().header_len());
    }
}

#[test]
fn tfc_padding_hides_the_length_and_is_cut_off_in_tunnel_mode() {
    for protection in protections() {
        let (outbound, mut inbound) = pair(parameters(protection, Esn::Yes), Mode::Tunnel, 0);
        let expected = outbound.layout().sealed_len(1400);
        for packet in [ipv4(20), ipv4(1399), ipv6(40), ipv6(1400)] {
            let sealed = seal(&outbound, &packet, Payload::Tunnel { pad_to: 1400 }).unwrap();
            assert_eq!(sealed.len(), expected);
            assert_eq!(open(&mut inbound, &sealed).unwrap().unwrap().0, packet);
        }
        let longer = seal(&outbound, &ipv4(1500), Payload::Tunnel { pad_to: 1400 }).unwrap();
        assert_eq!(longer.len(), outbound.layout().sealed_len(1500));
    }
}

#[test]
fn a_dummy_is_dropped_without_an_error_and_counted() {
    for mode in [Mode::Tunnel, Mode::Transport] {
        for protection in protections() {
            let (outbound, mut inbound) = pair(parameters(protection, Esn::Yes), mode, 0);
            for len in [0, 1, 700] {
                let sealed = seal(&outbound, &numbered(len), Payload::Dummy).unwrap();
                assert_eq!(open(&mut inbound, &sealed), Ok(None));
                assert_eq!(open(&mut inbound, &sealed), Err(Dropped::Replayed));
            }
            assert_eq!((inbound.counters().dummies, inbound.used().packets), (3, 3));
            assert_eq!(inbound.counters().dropped(Dropped::Replayed), 3);
        }
    }
}

/// With extended numbers a packet before the window counts as one 2^32 later, which it is not.
#[test]
fn late_packets_are_taken_once_and_those_before_the_window_never() {
    for (esn, too_old) in [(Esn::No, Dropped::TooOld), (Esn::Yes, Dropped::NotAuthentic)] {
        let (outbound, mut inbound) = pair(parameters(protections()[0], esn), Mode::Tunnel, 0);
        let packets: Vec<_> = (0..5000).map(|_| seal(&outbound, &ipv4(28), TUNNEL).unwrap()).collect();
        assert!(open(&mut inbound, &packets[4999]).is_ok());
        assert!(open(&mut inbound, &packets[4999 - 4095]).is_ok());
        assert_eq!(open(&mut inbound, &packets[4999 - 4095]), Err(Dropped::Replayed));
        assert_eq!(open(&mut inbound, &packets[4999 - 4096]), Err(too_old));
    }
}

/// The receiver sees every number once, so no two packets had the same nonce.
#[test]
fn threads_may_share_the_sending_half() {
    for protection in protections() {
        let (outbound, mut inbound) = pair(parameters(protection, Esn::Yes), Mode::Tunnel, 0);
        let packets: Vec<Vec<u8>> = std::thread::scope(|scope| {
            let send = || (0..500).map(|_| seal(&outbound, &ipv4(28), TUNNEL).unwrap()).collect::<Vec<_>>();
            let threads = [(); 4].map(|()| scope.spawn(send));
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        for packet in &packets {
            assert!(open(&mut inbound, packet).is_ok());
        }
        assert_eq!((inbound.used().packets, outbound.used().packets), (2000, 2000));
    }
}
