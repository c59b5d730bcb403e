//! Datagrams of any kind from anybody: counted drops, bounded answers, and nothing else changes.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    clippy::arithmetic_side_effects,
    reason = "a test"
)]

use std::net::SocketAddr;
use std::time::Duration;

use crypto::{Entropy, SeededEntropy};
use ike_proto::endpoint::{Endpoint, EndpointConfig, Limits};
use ike_proto::output::{DropCause, Event, Path, Socket, Transmit};
use ike_proto::wire::{
    ExchangeType, Flags, Header, NotifyPayload, NotifyType, Payload, emit_chain, parse_chain, patch_length,
};
use simulation::policies::address;
use simulation::watch::message_of;
use simulation::{Conditions, Setup, World};

const MINUTE: Duration = Duration::from_secs(60);

fn from(port: u16) -> Path {
    Path {
        local: SocketAddr::new(address(1), 500),
        remote: SocketAddr::new(address(0), port),
        socket: Socket::Ike,
    }
}

fn stranger(last: u8) -> Path {
    Path { remote: SocketAddr::new([203, 0, 113, last].into(), 500), ..from(500) }
}

fn connected() -> World {
    let mut world = World::pair(&Setup::default(), Conditions::good(), 1);
    world.run_until_up(MINUTE);
    world
}

/// The first datagram that node 0 sent: a valid IKE_SA_INIT request.
fn init_request(world: &World) -> Vec<u8> {
    world.wire[0].1.octets.clone()
}

fn answers(world: &World, since: usize) -> Vec<(Header, Vec<u8>)> {
    let sent = world.wire[since..].iter().filter(|(node, _)| *node == 1);
    sent.map(|(_, Transmit { path, octets })| {
        let (header, message) = message_of(path.socket, octets).unwrap();
        (header, message.to_vec())
    })
    .collect()
}

fn first_notify(answer: &(Header, Vec<u8>)) -> NotifyType {
    let payloads = parse_chain(answer.0.next_payload, &answer.1[Header::LEN..]).unwrap();
    let Some(Payload::Notify(notify)) = payloads.first() else { panic!("{payloads:?}") };
    notify.kind
}

#[test]
fn garbage_and_mutations_change_nothing() {
    let mut world = connected();
    let real: Vec<Vec<u8>> = world.wire.iter().map(|(_, sent)| sent.octets.clone()).collect();
    let mut dice = SeededEntropy::new(99);
    for round in 0..20_000_u32 {
        let mut noise = [0; 8];
        dice.public(&mut noise);
        let mut octets = real[usize::from(noise[0]) % real.len()].clone();
        if round % 10 == 0 {
            octets = vec![0; usize::from(noise[1])];
            dice.public(&mut octets);
        }
        for change in 0..noise[2] % 4 {
            let at = usize::from(u16::from_be_bytes([noise[3], noise[4]])) * usize::from(change + 1);
            if let Some(octet) = octets.get_mut(at % real[0].len()) {
                *octet ^= noise[5] | 1;
            }
        }
        octets.truncate(octets.len().saturating_sub(usize::from(noise[6] % 3)));
        let path = if noise[7] % 2 == 0 { from(500) } else { stranger(noise[7]) };
        let node = usize::from(noise[1] % 2);
        world.inject(node, path, &octets);
    }
    world.run_for(MINUTE);
    assert!(world.is_up(0, 1) && world.is_up(1, 0));
    assert_eq!((world.children(0, 1), world.children(1, 0)), (1, 1));
    world.assert_agreed();
    world.run_for(MINUTE);
    assert_eq!(world.nodes[1].endpoint.half_open(), 0, "half-open state stays");
}

#[test]
fn replayed_messages_of_a_living_sa_change_nothing() {
    let mut world = connected();
    let old: Vec<_> = world.wire.clone();
    for _ in 0..3 {
        for (sender, sent) in &old {
            let path = Path { local: sent.path.remote, remote: sent.path.local, socket: sent.path.socket };
            world.inject(1 - sender, path, &sent.octets);
        }
        world.run_for(MINUTE);
    }
    assert!(world.is_up(0, 1) && world.is_up(1, 0));
    assert_eq!(world.nodes[1].endpoint.ike_sas().count(), 1);
    world.assert_agreed();
}

#[test]
fn a_higher_major_version_is_answered_in_the_header_and_not_too_often() {
    let mut world = connected();
    let since = world.wire.len();
    let mut message = init_request(&world);
    message[17] = 0x30;
    for _ in 0..1000 {
        world.inject(1, stranger(1), &message);
    }
    let answers = answers(&world, since);
    assert_eq!(answers.len(), 20, "the rate is bounded");
    assert_eq!((answers[0].0.major, answers[0].0.flags.response), (2, true));
    assert_eq!(first_notify(&answers[0]), NotifyType::INVALID_MAJOR_VERSION);
}

#[test]
fn an_unknown_spi_is_answered_in_clear_once_and_a_response_never() {
    let mut world = connected();
    let since = world.wire.len();
    // IKE_AUTH of an SA that does not exist, then the same marked as a response.
    let mut message = world.wire[2].1.octets.clone();
    message[8] ^= 0xff;
    world.inject(1, stranger(1), &message);
    message[19] |= 0x20;
    world.inject(1, stranger(1), &message);
    let answers = answers(&world, since);
    assert_eq!(answers.len(), 1);
    assert_eq!(first_notify(&answers[0]), NotifyType::INVALID_IKE_SPI);
    assert_eq!(answers[0].0.message_id.0, 1);
}

#[test]
fn init_requests_with_a_responder_spi_or_an_id_leave_no_state() {
    let mut world = connected();
    for (at, value) in [(8, 1), (23, 1)] {
        let mut message = init_request(&world);
        message[at] = value;
        for port in 0..50 {
            world.inject(1, from(port), &message);
        }
    }
    assert_eq!(world.nodes[1].endpoint.half_open(), 0);
    assert_eq!(world.nodes[1].endpoint.ike_sas().count(), 1);
}

#[test]
fn informational_before_authentication_is_dropped() {
    // CVE-2019-12312 of another daemon: INFORMATIONAL right after IKE_SA_INIT.
    let mut world = World::pair(&Setup::default(), Conditions::good(), 1);
    world.censor = Some(Box::new(|node, sent| {
        node == 0 && message_of(sent.path.socket, &sent.octets).unwrap().0.exchange == ExchangeType::IKE_AUTH
    }));
    world.run_for(Duration::from_millis(100));
    let auth = world.wire[2].1.octets.clone();
    for exchange in [ExchangeType::INFORMATIONAL, ExchangeType::CREATE_CHILD_SA] {
        let mut message = auth.clone();
        message[18] = exchange.0;
        world.inject(1, from(500), &message);
    }
    assert!(world.saw(1, |e| matches!(e, Event::Dropped { cause: DropCause::Unexpected, .. })));
    world.inject(1, from(500), &auth);
    world.censor = None;
    world.run_until_up(MINUTE);
}

#[test]
fn a_flood_of_init_requests_is_bounded_and_a_real_peer_still_gets_in() {
    let mut world = World::pair(&Setup::default(), Conditions::good(), 1);
    let limits = Limits {
        half_open: 40,
        cookie: 20,
        cookie_per_prefix: 4,
        half_open_per_prefix: 8,
        ..Limits::default()
    };
    let config = EndpointConfig {
        limits,
        default_proposals: std::sync::Arc::from([simulation::policies::ike_proposal()]),
        ..EndpointConfig::default()
    };
    world.nodes[1].endpoint = Endpoint::new(config, Box::new(SeededEntropy::new(5)));
    world.introduce(1, 0, Setup::default().responder);
    world.run_for(Duration::from_micros(500));
    let genuine = init_request(&world);
    let since = world.wire.len();
    for n in 0..2000_u16 {
        let mut message = genuine.clone();
        let [high, low] = n.to_be_bytes();
        (message[0], message[1]) = (high, low);
        world.inject(1, stranger(low), &message);
    }
    assert_eq!(world.nodes[1].endpoint.half_open(), 20, "beyond the threshold a cookie is demanded");
    let answers = answers(&world, since);
    let (cookies, agreed): (Vec<_>, Vec<_>) = answers.iter().partition(|a| a.0.responder_spi.is_zero());
    assert_eq!((cookies.len() + agreed.len(), agreed.len()), (2000, 20));
    assert!(cookies.iter().all(|answer| first_notify(answer) == NotifyType::COOKIE));
    world.run_until_up(MINUTE);
    world.run_for(MINUTE);
    assert_eq!(world.nodes[1].endpoint.half_open(), 0, "and nothing is left of it");
}

#[test]
fn refusals_in_clear_do_not_end_an_attempt_that_the_real_peer_answers() {
    // Somebody on the path forges NO_PROPOSAL_CHOSEN faster than the responder answers (RFC 7296 section 2.4).
    let mut world = World::pair(&Setup::default(), Conditions::good(), 1);
    world.conditions.latency = Duration::from_millis(200);
    world.run_for(Duration::from_millis(1));
    let request = init_request(&world);
    let mut forged = request[..28].to_vec();
    forged[16] = 41;
    (forged[19], forged[27]) = (0x20, 36);
    forged.extend_from_slice(&[0, 0, 0, 8, 0, 0, 0, 14]);
    let path = Path { local: from(500).remote, remote: from(500).local, socket: Socket::Ike };
    world.inject(0, path, &forged);
    assert!(world.saw(0, |e| matches!(e, Event::Dropped { cause: DropCause::UnauthenticatedNotify, .. })));
    world.run_until_up(Duration::from_secs(5));
    assert!(!world.saw(0, |e| matches!(e, Event::AttemptFailed { .. })));
}

#[test]
fn keepalives_and_stray_esp_on_the_nat_port_are_dropped() {
    let mut world = connected();
    let path = Path { socket: Socket::NatTraversal, ..from(4500) };
    let before = world.nodes[1].events.len();
    world.inject(1, path, &[0xff]);
    assert_eq!(world.nodes[1].events.len(), before);
    world.inject(1, path, &[0, 0, 1, 0, 1, 2, 3, 4]);
    world.inject(1, path, &[]);
    assert_eq!(world.nodes[1].events.len(), before + 2);
}

/// An unprotected response of node 1's to node 0's IKE_SA_INIT request, with one notify in it.
fn forged(request: &[u8], kind: NotifyType, data: &[u8]) -> Vec<u8> {
    let header = Header::parse(request).unwrap();
    let flags = Flags { initiator: false, response: true };
    let mut body = Vec::new();
    let notify = Payload::Notify(NotifyPayload::new(kind, data));
    let next_payload = emit_chain(&[notify], &mut body).unwrap();
    let mut message = Vec::new();
    Header { next_payload, flags, ..header }.emit(&mut message);
    message.extend_from_slice(&body);
    patch_length(&mut message);
    message
}

/// A pair whose responder is not heard: node 0 has sent its first request and waits.
fn waiting() -> World {
    let mut world = World::pair(&Setup::default(), Conditions::good(), 1);
    world.censor = Some(Box::new(|_, _| true));
    world.run_for(Duration::from_millis(1));
    world
}

fn to_initiator() -> Path {
    Path { local: from(500).remote, remote: from(500).local, socket: Socket::Ike }
}

#[test]
fn a_cookie_of_no_octets_or_of_too_many_is_ignored() {
    for (length, answered) in [(0, false), (1, true), (64, true), (65, false), (2000, false)] {
        let mut world = waiting();
        let since = world.wire.len();
        let message = forged(&init_request(&world), NotifyType::COOKIE, &vec![7; length]);
        world.inject(0, to_initiator(), &message);
        assert_eq!(world.wire.len() > since, answered, "{length} octets");
        if answered {
            let again = &world.wire[since].1.octets;
            let (header, message) = message_of(Socket::Ike, again).unwrap();
            let payloads = parse_chain(header.next_payload, &message[Header::LEN..]).unwrap();
            let Payload::Notify(first) = &payloads[0] else { panic!("the cookie comes first: {payloads:?}") };
            assert_eq!(first.data.len(), length);
            let original = init_request(&world);
            assert!(again.ends_with(&original[Header::LEN..]), "all other payloads are unchanged");
        }
    }
}

#[test]
fn cookies_without_end_are_answered_a_bounded_number_of_times() {
    let mut world = waiting();
    let since = world.wire.len();
    let message = forged(&init_request(&world), NotifyType::COOKIE, &[7; 16]);
    for _ in 0..1000 {
        world.inject(0, to_initiator(), &message);
    }
    assert!(world.wire.len() - since <= 5, "{} answers", world.wire.len() - since);
    world.censor = None;
    world.run_until_up(MINUTE);
}

#[test]
fn a_group_that_was_not_offered_or_that_was_just_sent_is_not_retried() {
    for group in [31_u16, 14, 1024, 1025, 0] {
        let mut world = waiting();
        let since = world.wire.len();
        let request = init_request(&world);
        world.inject(
            0,
            to_initiator(),
            &forged(&request, NotifyType::INVALID_KE_PAYLOAD, &group.to_be_bytes()),
        );
        assert_eq!(world.wire.len(), since, "group {group}");
    }
}

#[test]
fn an_invalid_key_exchange_value_is_dropped_and_one_of_wrong_length_is_a_syntax_error() {
    let request = init_request(&waiting());
    let header = Header::parse(&request).unwrap();
    let with_value = |data: &[u8]| {
        let mut payloads = parse_chain(header.next_payload, &request[Header::LEN..]).unwrap();
        for payload in &mut payloads {
            if let Payload::Ke(ke) = payload {
                ke.data = data;
            }
        }
        let (mut message, mut body) = (Vec::new(), Vec::new());
        let next_payload = emit_chain(&payloads, &mut body).unwrap();
        Header { next_payload, ..header }.emit(&mut message);
        message.extend_from_slice(&body);
        patch_length(&mut message);
        message
    };
    // CVE-2015-3240 of another daemon: a value of zero. Points of low order give a shared secret of zero (RFC 7748).
    let one = {
        let mut one = [0; 32];
        one[0] = 1;
        one
    };
    for value in [[0; 32], one] {
        let mut world = connected();
        let since = world.wire.len();
        world.inject(1, stranger(9), &with_value(&value));
        assert_eq!(world.wire.len(), since);
        assert!(world.saw(1, |e| matches!(e, Event::Dropped { cause: DropCause::InvalidKeyExchange, .. })));
    }
    // CVE-2023-41913 of another daemon: the length was not checked.
    for length in [0, 31, 33, 256] {
        let mut world = connected();
        let since = world.wire.len();
        world.inject(1, stranger(9), &with_value(&vec![5; length]));
        let answers = answers(&world, since);
        assert_eq!(
            answers.iter().map(first_notify).collect::<Vec<_>>(),
            [NotifyType::INVALID_SYNTAX],
            "{length}"
        );
        assert_eq!(world.nodes[1].endpoint.half_open(), 0);
    }
}
