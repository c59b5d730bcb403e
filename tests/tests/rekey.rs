//! Child SAs are rekeyed before they grow old, by one end or by both at once: no packet is sent into nothing, and in
//! the end there is one.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    clippy::arithmetic_side_effects,
    reason = "a test"
)]

use std::sync::Arc;
use std::time::Duration;

use crypto::KeGroup;
use ike_proto::output::{Command, Event, Reason};
use ike_proto::policy::{EspProposal, Timing};
use ike_proto::wire::ExchangeType;
use simulation::policies::{esp_proposal, policy};
use simulation::watch::message_of;
use simulation::world::peer_id;
use simulation::{Conditions, Setup, World};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

fn with_child_lifetime(lifetime: Duration) -> Setup {
    let timing = Timing { child_lifetime: lifetime, ..Timing::default() };
    let setup = Setup { initiator: policy(0, 1), responder: policy(1, 0) };
    setup.both(|policy| policy.timing = Arc::new(timing.clone()))
}

/// A pair that is up on a good network, watched for packets that are sent into nothing.
fn watched(setup: &Setup, seed: u64) -> World {
    let mut world = World::pair(setup, Conditions::good(), seed);
    world.conditions.latency = Duration::from_millis(40);
    world.conditions.work = Duration::from_millis(5);
    world.run_until_up(MINUTE);
    world.run_for(SECOND);
    world.no_black_hole = true;
    world
}

/// The kernel says that the Child SA of this node has carried enough.
fn worn_out(world: &mut World, node: usize) {
    let child = world.nodes[node].kernel.outbound().unwrap();
    let (spi, destination) = (child.inbound_spi, child.local.ip());
    world.command(node, Command::Expired { spi, destination, hard: false });
}

fn one_child(world: &World, seed: u64) {
    world.assert_agreed();
    assert_eq!((world.children(0, 1), world.children(1, 0)), (1, 1), "seed {seed}");
    for node in [0, 1] {
        assert_eq!(world.nodes[node].endpoint.ike_sas().count(), 1, "seed {seed}");
    }
}

fn exchanges(world: &World, exchange: ExchangeType) -> usize {
    let of = |sent: &simulation::world::Sent| {
        message_of(sent.1.path.socket, &sent.1.octets).is_some_and(|(header, _)| header.exchange == exchange)
    };
    world.wire.iter().filter(|sent| of(sent)).count()
}

#[test]
fn a_child_is_rekeyed_all_day_without_a_packet_sent_into_nothing() {
    let mut world = watched(&with_child_lifetime(10 * MINUTE), 1);
    for _ in 0..24 * 60 {
        world.run_for(MINUTE);
        assert!(world.is_up(0, 1) && world.is_up(1, 0));
    }
    assert!(exchanges(&world, ExchangeType::CREATE_CHILD_SA) > 2 * 100);
    assert!(world.saw(1, |e| matches!(e, Event::ChildDown { reason: Reason::Rekeyed, .. })));
    assert!(!world.saw(0, |e| matches!(e, Event::AttemptFailed { .. } | Event::RekeyFailed { .. })));
    world.run_for(MINUTE);
    one_child(&world, 1);
}

#[test]
fn an_ike_sa_is_replaced_for_hours_by_one_end_at_a_time_without_a_packet_sent_into_nothing() {
    for seed in 0..20 {
        let timing = Timing { ike_lifetime: MINUTE, ..Timing::default() };
        let setup = with_child_lifetime(60 * MINUTE).both(|policy| policy.timing = Arc::new(timing.clone()));
        let mut world = watched(&setup, seed);
        world.run_for(3 * 60 * MINUTE);
        world.assert_agreed();
        assert!(world.is_up(0, 1) && world.is_up(1, 0));
        let ups = |node: usize| {
            world.nodes[node].events.iter().filter(|event| matches!(event, Event::IkeUp { .. })).count()
        };
        assert!((150..=240).contains(&ups(0)), "seed {seed}: {} IKE SAs in three hours", ups(0));
    }
}

#[test]
fn both_ends_that_rekey_at_once_end_with_one_child() {
    for seed in 0..100 {
        let mut world = watched(&with_child_lifetime(60 * MINUTE), seed);
        let before = exchanges(&world, ExchangeType::CREATE_CHILD_SA);
        worn_out(&mut world, 0);
        worn_out(&mut world, 1);
        world.run_for(10 * SECOND);
        one_child(&world, seed);
        assert_eq!(exchanges(&world, ExchangeType::CREATE_CHILD_SA), before + 4, "both asked, both answered");
    }
}

#[test]
fn rekeyings_that_cross_half_way_end_with_one_child() {
    // The second one begins anywhere between the first one's request and its Delete.
    for delay in (0..200).step_by(7) {
        let mut world = watched(&with_child_lifetime(60 * MINUTE), delay);
        worn_out(&mut world, 0);
        world.run_for(Duration::from_millis(delay));
        worn_out(&mut world, 1);
        world.run_for(30 * SECOND);
        one_child(&world, delay);
    }
}

#[test]
fn rekeyings_on_a_bad_network_end_with_one_child() {
    for seed in 0..100 {
        let mut world = World::pair(&with_child_lifetime(5 * MINUTE), Conditions::bad(), seed);
        world.run_for(2 * 60 * MINUTE);
        world.conditions = Conditions::good();
        world.run_for(5 * MINUTE);
        assert!(world.is_up(0, 1) && world.is_up(1, 0), "seed {seed}");
        one_child(&world, seed);
    }
}

#[test]
fn a_key_exchange_of_its_own_is_made_when_the_policy_says_so() {
    let esp = EspProposal { groups: vec![KeGroup::X25519, KeGroup::P256], ..esp_proposal() };
    let mut setup = with_child_lifetime(60 * MINUTE).both(|p| p.child.proposals = Arc::from([esp.clone()]));
    let other = EspProposal { groups: vec![KeGroup::P256], ..esp_proposal() };
    let mut world = watched(&setup, 1);
    worn_out(&mut world, 0);
    world.run_for(5 * SECOND);
    one_child(&world, 1);
    assert_eq!(exchanges(&world, ExchangeType::CREATE_CHILD_SA), 2);

    // The responder wants the other group: one more round.
    setup.responder.child.proposals = Arc::from([other]);
    let mut world = watched(&setup, 2);
    worn_out(&mut world, 0);
    world.run_for(5 * SECOND);
    one_child(&world, 2);
    assert_eq!(exchanges(&world, ExchangeType::CREATE_CHILD_SA), 4);
}

#[test]
fn a_peer_with_other_groups_keeps_the_old_child_and_is_told_of() {
    let groups = |groups: &[KeGroup]| Arc::from([EspProposal { groups: groups.to_vec(), ..esp_proposal() }]);
    let mut setup = with_child_lifetime(60 * MINUTE);
    setup.initiator.child.proposals = groups(&[KeGroup::X25519]);
    setup.responder.child.proposals = groups(&[KeGroup::P384]);
    let mut world = watched(&setup, 1);
    worn_out(&mut world, 0);
    world.run_for(5 * SECOND);
    assert!(world.saw(0, |e| matches!(e, Event::RekeyFailed { reason: Reason::PeerRefused(..), .. })));
    assert!(world.saw(1, |e| matches!(e, Event::Refused { reason: Reason::NoProposalChosen, .. })));
    one_child(&world, 1);
}

#[test]
fn a_kernel_that_refuses_the_successor_leads_to_a_fresh_start() {
    let mut world = watched(&with_child_lifetime(60 * MINUTE), 1);
    world.no_black_hole = false;
    world.nodes[0].kernel.refuses = Some("Cannot allocate memory".into());
    worn_out(&mut world, 0);
    world.run_for(SECOND);
    world.nodes[0].kernel.refuses = None;
    world.run_until_up(MINUTE);
    world.run_for(MINUTE);
    one_child(&world, 1);
}

#[test]
fn a_removed_peer_in_the_middle_of_a_rekeying_leaves_nothing() {
    for delay in (0..150).step_by(11) {
        let mut world = watched(&with_child_lifetime(60 * MINUTE), delay);
        world.no_black_hole = false;
        worn_out(&mut world, 0);
        world.run_for(Duration::from_millis(delay));
        world.command(1, Command::Remove(peer_id(0)));
        world.run_for(MINUTE);
        assert_eq!(
            (world.nodes[0].kernel.children().count(), world.nodes[1].kernel.children().count()),
            (0, 0)
        );
    }
}
