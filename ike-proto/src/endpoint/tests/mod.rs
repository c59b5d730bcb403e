//! What our endpoint does as the responder of CREATE_CHILD_SA, seen from a peer that is written by hand.
#![allow(clippy::wildcard_enum_match_arm, clippy::arithmetic_side_effects, reason = "tests")]

mod foreign;

use crypto::KeGroup;

use crate::ids::EspSpi;
use crate::message::auth::ChildPart;
use crate::output::{Event, Reason};
use crate::status::PeerState;
use crate::wire::{
    DeletePayload, ExchangeType, KePayload, NoncePayload, NotifyPayload, NotifyType, Payload, Protocol,
    Transform, TransformType, ke,
};

use super::PeerId;
use foreign::Foreign;

const CREATE: ExchangeType = ExchangeType::CREATE_CHILD_SA;

fn rekey_sa<'a>(protocol: Protocol, spi: &'a [u8]) -> Payload<'a> {
    Payload::Notify(NotifyPayload { protocol, spi, kind: NotifyType::REKEY_SA, data: &[] })
}

/// The payloads of a request for a Child SA, in place of `old` if given.
fn child<'a>(part: &'a ChildPart, nonce: &'a [u8], old: Option<&'a [u8]>) -> Vec<Payload<'a>> {
    let mut payloads: Vec<Payload<'a>> = old.map(|spi| rekey_sa(Protocol::ESP, spi)).into_iter().collect();
    payloads.extend(crate::exchange::child::payloads(part));
    payloads.push(Payload::Nonce(NoncePayload { data: nonce }));
    payloads
}

fn delete(spi: EspSpi) -> [Payload<'static>; 1] {
    [Payload::Delete(DeletePayload { protocol: Protocol::ESP, spis: vec![spi] })]
}

/// Asks to rekey the first Child SA; the new one has this SPI.
fn rekey(foreign: &mut Foreign, new: u32) -> Vec<String> {
    let part = foreign.offer(EspSpi(new));
    let old = foreign.spi.0.to_be_bytes();
    foreign.ask(CREATE, &child(&part, &[3; 32], Some(&old)))
}

const AGREED: [&str; 5] = ["USE_TRANSPORT_MODE", "SA", "TS_INITIATOR", "TS_RESPONDER", "NONCE"];

#[test]
fn a_rekeyed_child_is_received_on_at_once_and_sent_on_when_the_old_one_is_deleted() {
    let mut foreign = Foreign::connect();
    let first = foreign.end(0);
    assert_eq!(foreign.installed(), [(EspSpi(0x1001), true)]);
    assert_eq!(rekey(&mut foreign, 0x1002), AGREED);
    assert_eq!(foreign.installed(), [(EspSpi(0x1001), true), (EspSpi(0x1002), false)]);
    let old = foreign.spi;
    assert_eq!(foreign.ask(ExchangeType::INFORMATIONAL, &delete(old)), ["DELETE"]);
    assert_eq!(foreign.installed(), [(EspSpi(0x1002), true)]);
    let down = Event::ChildDown { child: first, reason: Reason::Rekeyed };
    assert!(foreign.events.contains(&down));
    let up = foreign.end(0);
    assert!(foreign.events.contains(&Event::ChildUp(up)));
    let status = foreign.endpoint.peer_status(PeerId(1)).unwrap();
    assert_eq!(status.state, PeerState::Up);
    assert_eq!(foreign.endpoint.ike_sas().next().unwrap().children.len(), 1);
}

#[test]
fn a_child_with_a_key_exchange_of_its_own_has_other_keys() {
    let mut foreign = Foreign::connect();
    let mut part = foreign.offer(EspSpi(0x1002));
    part.sa.proposals[0].transforms.push(Transform::new(TransformType::KE, ke::X25519));
    let mut entropy = crypto::SeededEntropy::new(5);
    let secret = KeGroup::X25519.generate(&mut entropy).unwrap();
    let old = foreign.spi.0.to_be_bytes();
    let mut payloads = child(&part, &[3; 32], Some(&old));
    payloads.push(Payload::Ke(KePayload { group: ke::X25519, data: secret.public() }));
    let said = foreign.ask(CREATE, &payloads);
    assert_eq!(said, [&AGREED[..], &["KE"]].concat());
    assert_eq!(foreign.installed().len(), 2);
}

#[test]
fn another_group_than_the_one_sent_is_asked_for_inside_the_sa() {
    let mut foreign = Foreign::connect();
    let mut part = foreign.offer(EspSpi(0x1002));
    part.sa.proposals[0].transforms.push(Transform::new(TransformType::KE, ke::ECP_256));
    let old = foreign.spi.0.to_be_bytes();
    let mut payloads = child(&part, &[3; 32], Some(&old));
    payloads.push(Payload::Ke(KePayload { group: ke::X25519, data: &[9; 32] }));
    assert_eq!(foreign.ask(CREATE, &payloads), ["INVALID_KE_PAYLOAD"]);
    assert_eq!(foreign.installed(), [(EspSpi(0x1001), true)]);
}

#[test]
fn a_child_that_is_rekeyed_twice_before_it_is_deleted_is_replaced_once() {
    // Windows does this; another daemon crashed on it (strongSwan 84a5208d98).
    let mut foreign = Foreign::connect();
    assert_eq!(rekey(&mut foreign, 0x1002), AGREED);
    assert_eq!(rekey(&mut foreign, 0x1003), ["TEMPORARY_FAILURE"]);
    let old = foreign.spi;
    for (spi, said) in [(old, vec!["DELETE"]), (EspSpi(0x1003), vec![]), (old, vec![])] {
        assert_eq!(foreign.ask(ExchangeType::INFORMATIONAL, &delete(spi)), said);
    }
    assert_eq!(foreign.installed(), [(EspSpi(0x1002), true)]);
}

#[test]
fn a_child_that_does_not_exist_cannot_be_rekeyed() {
    let mut foreign = Foreign::connect();
    foreign.spi = EspSpi(0x7777);
    assert_eq!(rekey(&mut foreign, 0x1002), ["CHILD_SA_NOT_FOUND"]);
    assert_eq!(foreign.installed().len(), 1);
}

#[test]
fn a_rekey_notify_of_another_protocol_or_size_is_a_syntax_error() {
    // CVE-2023-38710 of another daemon: the protocol was copied into the answer.
    for (protocol, spi) in
        [(0, &[0, 0, 16, 1][..]), (1, &[1; 8]), (4, &[0, 0, 16, 1]), (255, &[]), (3, &[1; 8])]
    {
        let mut foreign = Foreign::connect();
        let part = foreign.offer(EspSpi(0x1002));
        let mut payloads = vec![rekey_sa(Protocol(protocol), spi)];
        payloads.extend(child(&part, &[3; 32], None));
        assert_eq!(foreign.ask(CREATE, &payloads), ["INVALID_SYNTAX"], "{protocol}");
        // Fatal at both ends (RFC 7296 section 2.21.3).
        assert!(foreign.installed().is_empty());
    }
}

#[test]
fn a_rekeyed_child_carries_no_less_than_before() {
    let mut foreign = Foreign::connect();
    let mut part = foreign.offer(EspSpi(0x1002));
    part.initiator_selectors[0].end_port = 443;
    let old = foreign.spi.0.to_be_bytes();
    assert_eq!(foreign.ask(CREATE, &child(&part, &[3; 32], Some(&old))), ["TS_UNACCEPTABLE"]);
    assert_eq!(foreign.installed(), [(EspSpi(0x1001), true)]);
}

#[test]
fn a_kernel_that_refuses_the_new_child_leaves_the_old_one() {
    let mut foreign = Foreign::connect();
    foreign.kernel_refuses = Some("Cannot allocate memory".into());
    assert_eq!(rekey(&mut foreign, 0x1002), ["NO_PROPOSAL_CHOSEN"]);
    assert_eq!(foreign.installed(), [(EspSpi(0x1001), true)]);
    foreign.kernel_refuses = None;
    assert_eq!(rekey(&mut foreign, 0x1003), AGREED);
}

#[test]
fn more_children_are_made_up_to_a_bound() {
    let mut foreign = Foreign::connect();
    for spi in 0x1002..0x1005 {
        let part = foreign.offer(EspSpi(spi));
        assert_eq!(foreign.ask(CREATE, &child(&part, &[3; 32], None)), AGREED);
    }
    let part = foreign.offer(EspSpi(0x1005));
    assert_eq!(foreign.ask(CREATE, &child(&part, &[3; 32], None)), ["NO_ADDITIONAL_SAS"]);
    assert_eq!(foreign.installed().len(), 4);
}

#[test]
fn a_repeated_request_for_a_child_gets_the_old_response() {
    let mut foreign = Foreign::connect();
    let part = foreign.offer(EspSpi(0x1002));
    let old = foreign.spi.0.to_be_bytes();
    let request = foreign.request(CREATE, &child(&part, &[3; 32], Some(&old)));
    foreign.deliver(&request);
    foreign.deliver(&request);
    assert_eq!(foreign.installed().len(), 2, "it is made once");
}

#[test]
fn an_ike_sa_that_is_rekeyed_keeps_its_children_and_the_old_one_goes_quietly() {
    let mut foreign = Foreign::connect();
    let (mut old, id) = foreign.rekey_ike();
    assert!(foreign.events.iter().any(|event| matches!(event, Event::IkeRekeyed { .. })));
    assert_eq!(foreign.installed(), [(EspSpi(0x1001), true)]);
    // The new SA serves at once, with message IDs from zero, and knows its child.
    assert_eq!(foreign.ask(ExchangeType::INFORMATIONAL, &[]), Vec::<String>::new());
    assert_eq!(rekey(&mut foreign, 0x1002), AGREED);
    // On the old one a rekey that crossed is put off, and the Delete is answered.
    std::mem::swap(&mut old, &mut foreign.channel);
    let next = std::mem::replace(&mut foreign.next, id);
    assert_eq!(rekey(&mut foreign, 0x1009), ["TEMPORARY_FAILURE"]);
    let bye = [Payload::Delete(DeletePayload { protocol: Protocol::IKE, spis: vec![] })];
    assert_eq!(foreign.ask(ExchangeType::INFORMATIONAL, &bye), Vec::<String>::new());
    std::mem::swap(&mut old, &mut foreign.channel);
    foreign.next = next;
    foreign.wait(20);
    assert_eq!(foreign.endpoint.ike_sas().count(), 1);
    assert!(!foreign.events.iter().any(|event| matches!(event, Event::IkeDown { .. })));
    let status = foreign.endpoint.peer_status(PeerId(1)).unwrap();
    assert_eq!((status.state, status.last_failure), (PeerState::Up, None));
}

#[test]
fn an_ike_sa_can_be_rekeyed_again_and_then_deleted_with_its_children() {
    let mut foreign = Foreign::connect();
    foreign.rekey_ike();
    // The old one is never deleted: it is forgotten after a time.
    let bye = [Payload::Delete(DeletePayload { protocol: Protocol::IKE, spis: vec![] })];
    assert_eq!(foreign.ask(ExchangeType::INFORMATIONAL, &bye), Vec::<String>::new());
    assert!(foreign.installed().is_empty());
    foreign.wait(600);
    assert_eq!(foreign.endpoint.ike_sas().count(), 0);
    assert_eq!(foreign.endpoint.peer_status(PeerId(1)).unwrap().state, PeerState::Idle);
}

#[test]
fn an_ike_rekey_without_a_key_exchange_is_a_syntax_error() {
    let mut foreign = Foreign::connect();
    let part = foreign.offer(EspSpi(0x1002));
    let payloads = [Payload::Sa(part.sa), Payload::Nonce(NoncePayload { data: &[3; 32] })];
    assert_eq!(foreign.ask(CREATE, &payloads), ["INVALID_SYNTAX"]);
}
