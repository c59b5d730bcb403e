//! Encoders and decoders against messages of iproute2 and of the kernel (see `captures/README.md`), and against
//! any octets at all. Layouts are those of little-endian hosts.

use std::net::IpAddr;

use netlink_packet_core::NLM_F_REQUEST;
use netlink_packet_xfrm::constants::{XFRM_MSG_ACQUIRE, XFRM_MSG_EXPIRE, XFRM_MSG_MAPPING, XFRMA_SRCADDR};
use proptest::prelude::*;

use super::frame::Message;
use super::{Attributes, Request, Unread, event, policy, sa};
use crate::quirks::DirectionSupport;
use crate::*;

fn octets(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn key(octets: u8) -> Secret {
    Secret::copy_from(&(0..octets).collect::<Vec<_>>())
}

/// What a request with this body says: its fixed structure, and each attribute by type.
fn said(structure: usize, body: &[u8]) -> (Vec<u8>, Vec<(u16, Vec<u8>)>) {
    let attributes = Attributes::parse(&body[structure..]).unwrap();
    let known = |kind| attributes.get(kind).map(|value| (kind, value.to_vec()));
    (body[..structure].to_vec(), (0..40).filter_map(known).collect())
}

/// The body that `write` gives.
fn body(write: impl FnOnce(&mut Request)) -> Vec<u8> {
    let mut request = Request::with_capacity(Request::MAX_MESSAGE);
    request.message(0, NLM_F_REQUEST, 1, write);
    assert!(request.bytes().len() < Request::MAX_MESSAGE);
    request.bytes()[16..].to_vec()
}

fn gcm_esn() -> Sa {
    let id = SaId::new(ip("192.0.2.1"), ip("192.0.2.2"), Spi(0xc000_0001));
    Sa {
        direction: SaDirection::In,
        parameters: SaParameters {
            esn: true,
            replay_window: 64,
            ..SaParameters::new(id, Reqid(7), Mode::Transport)
        },
        protection: Protection::aead(Aead::AesGcm16, key(20)).unwrap(),
    }
}

fn cbc_tunnel(seconds: u64) -> Sa {
    let mark = Some(Mark { value: 5, mask: 0xff });
    let id = SaId { mark, ..SaId::new(ip("192.0.2.1"), ip("192.0.2.2"), Spi(0xc000_0002)) };
    Sa {
        direction: SaDirection::In,
        parameters: SaParameters {
            replay_window: 32,
            encapsulation: Some(Encapsulation { source_port: 4500, destination_port: 4501 }),
            if_id: 9,
            soft: Limits { seconds: Some(seconds), bytes: Some(1000), packets: Some(10) },
            hard: Limits { seconds: Some(200), bytes: Some(2000), packets: Some(20) },
            ..SaParameters::new(id, Reqid(8), Mode::Tunnel)
        },
        protection: Protection::separate(Cipher::AesCbc, key(16), Integrity::HmacSha256_128, key(32))
            .unwrap(),
    }
}

fn tcp_policy() -> Policy {
    let selector = Selector {
        protocol: 6,
        source_ports: Ports::one(80),
        ..Selector::between(Prefix::host(ip("2001:db8::1")), Prefix { address: ip("2001:db8::"), length: 32 })
    };
    Policy {
        id: PolicyId {
            mark: Some(Mark { value: 5, mask: 0xff }),
            if_id: 9,
            ..PolicyId::new(selector, PolicyDirection::Out)
        },
        priority: 1234,
        action: Action::Allow,
        templates: vec![Template::transport(Family::V6, Reqid(7))],
    }
}

#[test]
fn an_sa_with_esn_is_written_as_iproute2_writes_it() {
    let theirs = octets(include_str!("../../captures/newsa-gcm-esn.hex"));
    let ours = body(|request| sa::emit(request, &gcm_esn(), DirectionSupport::Unknown));
    assert_eq!(said(224, &ours), said(224, &theirs));
}

#[test]
fn a_marked_encapsulated_tunnel_is_written_as_iproute2_writes_it() {
    let theirs = octets(include_str!("../../captures/newsa-cbc-tunnel.hex"));
    let ours = body(|request| sa::emit(request, &cbc_tunnel(100), DirectionSupport::Unknown));
    assert_eq!(said(224, &ours), said(224, &theirs));
}

#[test]
fn deletions_are_written_as_iproute2_writes_them() {
    let theirs = octets(include_str!("../../captures/delsa.hex"));
    let ours = body(|request| sa::emit_id(request, &cbc_tunnel(1).parameters.id));
    let (structure, mut attributes) = said(24, &theirs);
    attributes.retain(|(kind, _)| *kind != XFRMA_SRCADDR); // which the kernel does not look at for ESP
    assert_eq!(said(24, &ours), (structure, attributes));

    let theirs = octets(include_str!("../../captures/delpolicy.hex"));
    let prefix = |address, length| Prefix { address: ip(address), length };
    let selector = Selector::between(prefix("192.0.2.0", 24), prefix("198.51.100.0", 24));
    let id = PolicyId {
        mark: Some(Mark { value: 5, mask: 0xff }),
        if_id: 9,
        ..PolicyId::new(selector, PolicyDirection::Forward)
    };
    assert_eq!(said(64, &body(|request| policy::emit_id(request, &id))), said(64, &theirs));
}

#[test]
fn a_policy_is_written_as_iproute2_writes_it() {
    let theirs = octets(include_str!("../../captures/newpolicy-transport.hex"));
    assert_eq!(said(168, &body(|request| policy::emit(request, &tcp_policy()))), said(168, &theirs));
    assert_eq!(policy::parse(&theirs).unwrap().policy, tcp_policy());
}

#[test]
fn no_request_is_longer_than_the_room_that_is_kept() {
    let mut sa = cbc_tunnel(1);
    sa.protection =
        Protection::separate(Cipher::AesCbc, key(32), Integrity::HmacSha512_256, key(64)).unwrap();
    (sa.parameters.esn, sa.parameters.replay_window) = (true, MAX_REPLAY_WINDOW);
    let policy = Policy { templates: vec![tcp_policy().templates[0]; MAX_TEMPLATES], ..tcp_policy() };
    let lengths = [
        body(|request| sa::emit(request, &sa, DirectionSupport::Known)).len() + 16,
        body(|request| policy::emit(request, &policy)).len() + 16,
    ];
    assert_eq!(lengths, [240 + 244 + 84, 184 + 388 + 20]);
    assert!(lengths.into_iter().all(|length| length <= Request::MAX_MESSAGE));
}

#[test]
fn an_operation_prints_no_key() {
    let operation = Operation::AddSa(cbc_tunnel(1));
    assert!(format!("{operation:?}").contains("Secret(16 octets)"));
    assert!(!format!("{operation:?}").contains("13, 14, 15"));
}

#[test]
fn the_direction_is_written_only_for_kernels_that_know_it() {
    for (direction, number) in [(SaDirection::In, 1), (SaDirection::Out, 2)] {
        let sa = Sa { direction, ..cbc_tunnel(1) };
        let attribute = |support| {
            let body = body(|request| sa::emit(request, &sa, support));
            said(224, &body).1.into_iter().find(|(kind, _)| *kind == 33).map(|(_, value)| value)
        };
        assert_eq!(attribute(DirectionSupport::Known), Some(vec![number]));
        assert_eq!(attribute(DirectionSupport::Unknown), None);
    }
}

#[test]
fn an_outbound_esn_sa_has_the_window_that_its_kernel_wants() {
    let mut sa = Sa { direction: SaDirection::Out, ..gcm_esn() };
    sa.parameters.replay_window = 0;
    let window = |support| {
        let body = body(|request| sa::emit(request, &sa, support));
        let attributes = Attributes::parse(&body[224..]).unwrap();
        let value = attributes.get(23).unwrap().to_vec();
        (value[0], value[20], value.len())
    };
    assert_eq!(window(DirectionSupport::Known), (0, 0, 24));
    assert_eq!(window(DirectionSupport::Unknown), (1, 1, 24));
}

#[test]
fn the_kernels_sas_are_read() {
    let state = sa::parse(&octets(include_str!("../../captures/kernel-newsa-gcm-esn.hex"))).unwrap();
    let sent = gcm_esn();
    assert_eq!(state.parameters, sent.parameters);
    assert_eq!(state.algorithms, sent.protection.algorithms());
    assert_eq!(state.direction, Some(SaDirection::In));
    assert!(state.counters.added > 1_700_000_000);

    let state = sa::parse(&octets(include_str!("../../captures/kernel-newsa-cbc-tunnel.hex"))).unwrap();
    let sent = cbc_tunnel(1);
    assert_eq!(state.parameters, sent.parameters);
    assert_eq!(state.algorithms, sent.protection.algorithms());
    assert_eq!((state.direction, state.sent, state.received, state.last_used), (None, 0, 0, None));
}

#[test]
fn the_kernels_policies_are_read() {
    let state = policy::parse(&octets(include_str!("../../captures/kernel-newpolicy.hex"))).unwrap();
    let host = |address| Prefix::host(ip(address));
    let selector = Selector::between(host("192.0.2.1"), host("192.0.2.9"));
    assert_eq!(state.policy.id, PolicyId::new(selector, PolicyDirection::Out));
    let template = Template {
        source: ip("192.0.2.1"),
        destination: ip("192.0.2.9"),
        ..Template::transport(Family::V4, Reqid(7))
    };
    assert_eq!(state.policy.templates, [template]);
    assert_eq!((state.policy.priority, state.policy.action), (1234, Action::Allow));
}

fn event_of(kind: u16, payload: &[u8]) -> Result<Event, Unread> {
    event::parse(&Message { kind, flags: 0, sequence: 0, payload })
}

#[test]
fn an_expiry_keeps_mark_and_interface() {
    let payload = octets(include_str!("../../captures/kernel-expire.hex"));
    let Ok(Event::Expire(expire)) = event_of(XFRM_MSG_EXPIRE, &payload) else { panic!() };
    assert_eq!(expire.id, cbc_tunnel(1).parameters.id);
    assert_eq!((expire.hard, expire.reqid, expire.if_id), (false, Reqid(8), 9));
}

#[test]
fn an_acquire_tells_the_packet_the_policy_and_the_template() {
    let payload = octets(include_str!("../../captures/kernel-acquire.hex"));
    let Ok(Event::Acquire(acquire)) = event_of(XFRM_MSG_ACQUIRE, &payload) else { panic!() };
    assert_eq!((acquire.source, acquire.destination), (ip("192.0.2.1"), ip("192.0.2.9")));
    assert_eq!(acquire.selector.protocol, 17);
    assert_eq!(acquire.selector.destination_ports, Ports::one(1025));
    assert_eq!(acquire.policy_selector.destination, Prefix::host(ip("192.0.2.9")));
    assert_eq!(
        (acquire.templates[0].reqid, acquire.priority, acquire.mark, acquire.if_id),
        (Reqid(7), 1234, None, 0)
    );
}

#[test]
fn a_message_cut_anywhere_is_refused_or_read_and_never_panics() {
    let captures = [
        octets(include_str!("../../captures/kernel-newsa-gcm-esn.hex")),
        octets(include_str!("../../captures/kernel-newsa-cbc-tunnel.hex")),
        octets(include_str!("../../captures/kernel-newpolicy.hex")),
        octets(include_str!("../../captures/kernel-expire.hex")),
        octets(include_str!("../../captures/kernel-acquire.hex")),
    ];
    for capture in captures {
        for length in 0..capture.len() {
            read_all(&capture[..length]);
        }
        for fixed in [24, 64, 168, 224, 232, 280] {
            let short = &capture[..fixed.min(capture.len()) - 1];
            let results = [
                (fixed == 168).then(|| policy::parse(short).err()),
                (fixed == 224).then(|| sa::parse(short).err()),
                (fixed == 232).then(|| event_of(XFRM_MSG_EXPIRE, short).err()),
                (fixed == 280).then(|| event_of(XFRM_MSG_ACQUIRE, short).err()),
            ];
            assert!(results.into_iter().flatten().all(|error| error == Some(Unread::Malformed)));
        }
    }
}

/// Gives the octets to every decoder.
fn read_all(octets: &[u8]) {
    let _ = sa::parse(octets);
    let _ = policy::parse(octets);
    for kind in [XFRM_MSG_ACQUIRE, XFRM_MSG_EXPIRE, XFRM_MSG_MAPPING] {
        let _ = event_of(kind, octets);
    }
    let mut packet = octets;
    while let Some(message) = Message::next(&mut packet) {
        let _ = message.map(|message| message.verdict());
    }
}

proptest! {
    #[test]
    fn any_octets_are_refused_or_read(octets in proptest::collection::vec(any::<u8>(), 0..700)) {
        read_all(&octets);
    }

    #[test]
    fn a_damaged_message_is_refused_or_read(at in 0_usize..700, octet: u8, cut in 0_usize..64) {
        for hex in [
            include_str!("../../captures/kernel-newsa-gcm-esn.hex"),
            include_str!("../../captures/kernel-newsa-cbc-tunnel.hex"),
            include_str!("../../captures/kernel-acquire.hex"),
        ] {
            let mut octets = octets(hex);
            if let Some(target) = octets.get_mut(at) {
                *target = octet;
            }
            octets.truncate(octets.len().saturating_sub(cut));
            read_all(&octets);
        }
    }

    #[test]
    fn an_sa_is_read_as_it_was_written(
        esn: bool, window in 1_u32..=MAX_REPLAY_WINDOW, if_id: u32, reqid: u32, spi: u32, tunnel: bool,
        limits in any::<[u32; 6]>(), ports in any::<Option<(u16, u16)>>(), v6: bool,
    ) {
        let mut sa = gcm_esn();
        let (source, destination) = if v6 { ("2001:db8::1", "fe80::2") } else { ("192.0.2.1", "192.0.2.2") };
        let limit = |n: u32| Some(u64::from(n)).filter(|n| *n != 0);
        let [a, b, c, d, e, f] = limits.map(limit);
        sa.parameters = SaParameters {
            esn, replay_window: window, if_id,
            encapsulation: ports.map(|(s, d)| Encapsulation { source_port: s, destination_port: d }),
            soft: Limits { seconds: a, bytes: b, packets: c },
            hard: Limits { seconds: d, bytes: e, packets: f },
            ..SaParameters::new(SaId::new(ip(source), ip(destination), Spi(spi)), Reqid(reqid),
                if tunnel { Mode::Tunnel } else { Mode::Transport })
        };
        prop_assert_eq!(sa.check(), Ok(()));
        let body = body(|request| sa::emit(request, &sa, DirectionSupport::Known));
        let read = sa::parse(&body).unwrap();
        prop_assert_eq!(read.parameters, sa.parameters);
        prop_assert_eq!(read.algorithms, sa.protection.algorithms());
        prop_assert_eq!(read.direction, Some(sa.direction));
    }
}
