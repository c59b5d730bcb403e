//! Two nodes connect: every suite, mode and kind of identity, both ends agreeing on what they made.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    clippy::arithmetic_side_effects,
    reason = "a test"
)]

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crypto::{Encryption, Integrity, KeGroup, Prf};
use ike_proto::endpoint::{Encapsulation, EndpointConfig};
use ike_proto::ids::Role;
use ike_proto::output::{Command, Event, Socket};
use ike_proto::policy::{Esn, EspProposal, Identity, IkeProposal, Mode, PeerPolicy, Selector};
use ike_proto::wire::{ExchangeType, TrafficSelector};
use simulation::policies::{address, esp_proposal, ike_proposal, policy};
use simulation::watch::message_of;
use simulation::world::peer_id;
use simulation::{Conditions, Node, Setup, World};

const SOON: Duration = Duration::from_secs(5);

fn connects(setup: &Setup) -> World {
    let mut world = World::pair(setup, Conditions::good(), 1);
    world.run_until_up(SOON);
    world.assert_agreed();
    assert_eq!((world.children(0, 1), world.children(1, 0)), (1, 1));
    world
}

#[test]
fn a_pair_connects_in_four_messages() {
    let world = connects(&Setup::default());
    let exchanges: Vec<_> = world
        .wire
        .iter()
        .map(|(node, sent)| (*node, message_of(sent.path.socket, &sent.octets).unwrap().0.exchange))
        .collect();
    let (init, auth) = (ExchangeType::IKE_SA_INIT, ExchangeType::IKE_AUTH);
    assert_eq!(exchanges, [(0, init), (1, init), (0, auth), (1, auth)]);
    assert!(world.saw(0, |e| matches!(e, Event::IkeUp { role: Role::Initiator, .. })));
    assert!(world.saw(1, |e| matches!(e, Event::IkeUp { role: Role::Responder, .. })));
    assert!(world.saw(1, |e| matches!(e, Event::ChildUp(end) if end.peer == peer_id(0))));
}

#[test]
fn every_ike_suite_connects() {
    let aead = [Encryption::AesGcm16_128, Encryption::AesGcm16_256, Encryption::ChaCha20Poly1305];
    let cbc = [Encryption::AesCbc128, Encryption::AesCbc256];
    let integrity = [Integrity::HmacSha2_256_128, Integrity::HmacSha2_384_192, Integrity::HmacSha2_512_256];
    let mut suites: Vec<(Encryption, Vec<Integrity>)> = aead.map(|cipher| (cipher, vec![])).to_vec();
    suites.extend(cbc.iter().flat_map(|cipher| integrity.map(|integrity| (*cipher, vec![integrity]))));
    for (encryption, integrity) in suites {
        for prf in [Prf::HmacSha2_256, Prf::HmacSha2_384, Prf::HmacSha2_512] {
            let proposal = IkeProposal {
                encryption: vec![encryption],
                integrity: integrity.clone(),
                prf: vec![prf],
                groups: vec![KeGroup::X25519],
            };
            connects(&Setup::default().both(|policy| policy.proposals = Arc::from([proposal.clone()])));
        }
    }
}

#[test]
fn every_group_connects() {
    let groups = [
        KeGroup::X25519,
        KeGroup::P256,
        KeGroup::P384,
        KeGroup::Modp2048,
        KeGroup::Modp3072,
        KeGroup::Modp4096,
    ];
    for group in groups {
        let proposal = IkeProposal { groups: vec![group], ..ike_proposal() };
        let world = connects(&Setup::default().both(|p| p.proposals = Arc::from([proposal.clone()])));
        let sa = world.nodes[0].endpoint.ike_sas().next().unwrap();
        assert_eq!(sa.suite.unwrap().1, group);
    }
}

#[test]
fn every_esp_suite_connects() {
    let plain = |encryption| EspProposal { encryption: vec![encryption], ..esp_proposal() };
    let cbc = |integrity| EspProposal { integrity: vec![integrity], ..plain(Encryption::AesCbc256) };
    let esn = EspProposal { esn: vec![Esn::Yes, Esn::No], ..esp_proposal() };
    for proposal in [
        plain(Encryption::AesGcm16_256),
        plain(Encryption::ChaCha20Poly1305),
        cbc(Integrity::HmacSha2_256_128),
        cbc(Integrity::HmacSha2_384_192),
        cbc(Integrity::HmacSha2_512_256),
        esn,
    ] {
        let wanted = proposal.esn[0];
        let world = connects(&Setup::default().both(|p| p.child.proposals = Arc::from([proposal.clone()])));
        assert_eq!(world.nodes[0].kernel.children().next().unwrap().esn, wanted);
    }
}

#[test]
fn every_kind_of_identity_connects() {
    for (ours, theirs) in [
        (Identity::address(address(0)), Identity::address(address(1))),
        (
            Identity::address("2001:db8::1".parse().unwrap()),
            Identity::address("2001:db8::2".parse().unwrap()),
        ),
        (Identity::email("a@example.net"), Identity::email("b@example.net")),
        (Identity::key_id(&[0, 1, 2]), Identity::key_id(&[0, 1, 3])),
        (Identity::fqdn("a"), Identity::key_id(b"a")),
    ] {
        let mut setup = Setup::default();
        (setup.initiator.local_identity, setup.initiator.remote_identity) = (ours.clone(), theirs.clone());
        (setup.responder.local_identity, setup.responder.remote_identity) = (theirs, ours);
        connects(&setup);
    }
}

#[test]
fn ipv6_connects() {
    let (a, b): (IpAddr, IpAddr) = ("2001:db8::1".parse().unwrap(), "2001:db8::2".parse().unwrap());
    let mut world = World::new(2, Conditions::good(), 1);
    world.nodes[0].address = a;
    world.nodes[1].address = b;
    world.introduce(0, 1, PeerPolicy { local: Some(a), remote: b, ..policy(0, 1) });
    world.introduce(1, 0, PeerPolicy { local: Some(b), remote: a, ..policy(1, 0) });
    world.run_until_up(SOON);
    world.assert_agreed();
}

fn net(third: u8) -> Selector {
    let (start, end) = (IpAddr::from([10, 9, third, 0]), IpAddr::from([10, 9, third, 255]));
    Selector::Range(TrafficSelector::new(0, 0, u16::MAX, start, end).unwrap())
}

#[test]
fn tunnel_mode_carries_the_prefixes() {
    let mut setup = Setup::default().both(|policy| policy.child.mode = Mode::Tunnel);
    (setup.initiator.child.local, setup.initiator.child.remote) = (vec![net(1), net(2)], vec![net(3)]);
    (setup.responder.child.local, setup.responder.child.remote) = (vec![net(3)], vec![net(1), net(2)]);
    let world = connects(&setup);
    let child = world.nodes[0].kernel.children().next().unwrap();
    assert_eq!((child.mode, child.local_selectors.len(), child.remote_selectors.len()), (Mode::Tunnel, 2, 1));
}

#[test]
fn the_responder_narrows_to_what_both_want() {
    let mut setup = Setup::default().both(|policy| policy.child.mode = Mode::Tunnel);
    (setup.initiator.child.local, setup.initiator.child.remote) = (vec![net(1), net(2)], vec![net(3)]);
    (setup.responder.child.local, setup.responder.child.remote) = (vec![net(3)], vec![net(2)]);
    let world = connects(&setup);
    let child = world.nodes[0].kernel.children().next().unwrap();
    assert_eq!(child.local_selectors.len(), 1);
}

#[test]
fn without_a_configured_address_the_host_is_asked_for_its_route() {
    let mut setup = Setup::default();
    setup.initiator.local = None;
    let world = connects(&setup);
    assert_eq!(world.nodes[0].endpoint.ike_sas().next().unwrap().path.local.ip(), address(0));
}

#[test]
fn the_group_that_the_responder_asks_for_is_used() {
    let two = IkeProposal { groups: vec![KeGroup::X25519, KeGroup::P256], ..ike_proposal() };
    let one = IkeProposal { groups: vec![KeGroup::P256], ..ike_proposal() };
    let mut setup = Setup::default();
    setup.initiator.proposals = Arc::from([two]);
    setup.responder.proposals = Arc::from([one]);
    let world = connects(&setup);
    assert_eq!(world.wire.len(), 6, "one more round trip for INVALID_KE_PAYLOAD");
    assert_eq!(world.nodes[0].endpoint.ike_sas().next().unwrap().suite.unwrap().1, KeGroup::P256);
}

#[test]
fn a_proposal_of_several_is_found() {
    let cbc = simulation::policies::cbc_proposal();
    let mut setup = Setup::default();
    setup.initiator.proposals = Arc::from([ike_proposal(), cbc.clone()]);
    setup.responder.proposals = Arc::from([cbc]);
    connects(&setup);
}

#[test]
fn both_ends_that_start_at_once_end_with_one_sa() {
    for seed in 0..50 {
        let setup = Setup { initiator: policy(0, 1), responder: policy(1, 0) };
        let mut conditions = Conditions::good();
        conditions.jitter = Duration::from_millis(20);
        let mut world = World::pair(&setup, conditions, seed);
        world.command(0, Command::Connect(peer_id(1)));
        world.command(1, Command::Connect(peer_id(0)));
        world.run_until_up(SOON);
        world.run_for(Duration::from_secs(60));
        world.assert_agreed();
        assert_eq!((world.children(0, 1), world.children(1, 0)), (1, 1), "seed {seed}");
        assert!(world.is_up(0, 1) && world.is_up(1, 0));
    }
}

#[test]
fn of_two_that_may_begin_one_begins() {
    let setup = Setup { initiator: policy(0, 1), responder: policy(1, 0) };
    let world = connects(&setup);
    assert!(world.wire.iter().all(|(_, sent)| sent.path.socket == Socket::Ike));
    assert_eq!(world.wire.len(), 4);
}

#[test]
fn behind_a_nat_both_ends_move_to_port_4500_and_encapsulate() {
    let public: IpAddr = [203, 0, 113, 7].into();
    let mut setup = Setup::default().both(|policy| policy.child.mode = Mode::Tunnel);
    (setup.initiator.child.local, setup.initiator.child.remote) = (vec![net(1)], vec![net(3)]);
    (setup.responder.child.local, setup.responder.child.remote) = (vec![net(3)], vec![net(1)]);
    let mut world = World::pair(&setup, Conditions::good(), 1);
    world.nat.insert(0, public);
    world.run_until_up(SOON);
    let child = world.nodes[1].kernel.children().next().unwrap();
    assert!(child.encapsulated && world.nodes[0].kernel.children().next().unwrap().encapsulated);
    assert_eq!((child.remote.ip(), child.remote.port(), child.local.port()), (public, 14_500, 4500));
    let sa = world.nodes[0].endpoint.ike_sas().next().unwrap();
    assert_eq!((sa.nat, sa.path.socket), ((true, false), Socket::NatTraversal));
    world.wire.clear();
    world.run_for(Duration::from_secs(100));
    let keepalives = world.wire.iter().filter(|(node, sent)| *node == 0 && sent.octets == [0xff]).count();
    assert_eq!(keepalives, 5, "one in twenty seconds, from the end behind the NAT");
    assert!(world.wire.iter().all(|(node, sent)| *node == 0 || sent.octets.len() > 1));
}

#[test]
fn an_end_that_wants_its_packets_in_udp_gets_them_without_a_nat() {
    for (feigning, nats) in [
        ([true, false], [(true, false), (false, true)]),
        ([false, true], [(false, true), (true, false)]),
        ([true, true], [(true, true); 2]),
    ] {
        let setup = Setup::default();
        let mut world = World::new(2, Conditions::good(), 1);
        for (index, _) in feigning.iter().enumerate().filter(|(_, feigns)| **feigns) {
            let config = EndpointConfig {
                default_proposals: Arc::from([ike_proposal()]),
                encapsulation: Encapsulation::Always,
                ..EndpointConfig::default()
            };
            world.nodes[index] = Node::new(address(index), config, 7 + index as u64);
        }
        world.introduce(0, 1, setup.initiator.clone());
        world.introduce(1, 0, setup.responder.clone());
        world.run_until_up(SOON);
        world.assert_agreed();
        for (node, nat) in world.nodes.iter().zip(nats) {
            let (child, sa) =
                (node.kernel.children().next().unwrap(), node.endpoint.ike_sas().next().unwrap());
            assert!(child.encapsulated && child.mode == Mode::Transport, "{feigning:?}");
            assert_eq!((child.local.port(), child.remote.port()), (4500, 4500));
            assert_eq!((sa.nat, sa.path.socket), (nat, Socket::NatTraversal));
        }
    }
}
