//! A bad network, restarts, dead peers and the passing of weeks: at quiescence both ends and both kernels agree.
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

use ike_proto::ids::EspSpi;
use ike_proto::output::{Command, Event, Reason};
use ike_proto::policy::{Connect, PeerPolicy, Timing};
use ike_proto::wire::ExchangeType;
use simulation::policies::policy;
use simulation::watch::message_of;
use simulation::world::peer_id;
use simulation::{Conditions, Setup, World};

const MINUTE: Duration = Duration::from_secs(60);

fn both_begin() -> Setup {
    Setup { initiator: policy(0, 1), responder: policy(1, 0) }
}

/// After bad times the network is good for a while; then everything must fit.
fn settles(world: &mut World, seed: u64) {
    world.conditions = Conditions::good();
    world.run_for(5 * MINUTE);
    assert!(world.is_up(0, 1) && world.is_up(1, 0), "seed {seed}: not up");
    assert_eq!((world.children(0, 1), world.children(1, 0)), (1, 1), "seed {seed}: duplicates stay");
    world.assert_agreed();
}

#[test]
fn a_pair_connects_through_a_bad_network() {
    for seed in 0..200 {
        let setup = if seed % 2 == 0 { Setup::default() } else { both_begin() };
        let mut world = World::pair(&setup, Conditions::bad(), seed);
        world.run_until(10 * MINUTE, "both up", |world| world.is_up(0, 1) && world.is_up(1, 0));
        settles(&mut world, seed);
    }
}

#[test]
fn a_pair_connects_when_three_datagrams_in_ten_are_lost() {
    for seed in 0..50 {
        let mut conditions = Conditions::bad();
        conditions.loss = 300;
        let mut world = World::pair(&both_begin(), conditions, seed);
        world.run_for(60 * MINUTE);
        settles(&mut world, seed);
    }
}

#[test]
fn days_of_short_lifetimes_on_a_bad_network() {
    for seed in 0..20 {
        let timing = Timing { ike_lifetime: 10 * MINUTE, ..Timing::default() };
        let setup = both_begin().both(|policy| policy.timing = Arc::new(timing.clone()));
        let mut conditions = Conditions::bad();
        conditions.loss = 50;
        let mut world = World::pair(&setup, conditions, seed);
        world.run_for(48 * 60 * MINUTE);
        settles(&mut world, seed);
    }
}

#[test]
fn a_lifetime_ends_with_a_new_sa_before_the_old_one_goes() {
    let timing = Timing { ike_lifetime: 60 * MINUTE, ..Timing::default() };
    let setup = Setup::default().both(|policy| policy.timing = Arc::new(timing.clone()));
    let mut world = World::pair(&setup, Conditions::good(), 1);
    world.run_until_up(MINUTE);
    world.nodes[0].events.clear();
    world.nodes[1].events.clear();
    for _ in 0..3600 {
        world.run_for(Duration::from_secs(1));
        assert!(world.is_up(0, 1) && world.is_up(1, 0), "traffic was interrupted");
    }
    for node in [0, 1] {
        let order: Vec<_> = world.nodes[node]
            .events
            .iter()
            .filter_map(|event| match event {
                Event::ChildUp(_) => Some("up"),
                Event::ChildDown { .. } => Some("down"),
                _ => None,
            })
            .collect();
        assert_eq!(order, ["up", "down"]);
    }
    world.assert_agreed();
}

#[test]
fn a_peer_that_restarts_is_connected_again_and_leaves_nothing_behind() {
    for seed in 0..40 {
        for who in [0, 1] {
            let mut world = World::pair(&both_begin(), Conditions::good(), seed);
            world.run_until_up(MINUTE);
            let policy = if who == 0 { policy(0, 1) } else { policy(1, 0) };
            world.restart(who, 1, &[(1 - who, policy)]);
            world.run_until(MINUTE, "up again", |world| {
                world.is_up(0, 1) && world.is_up(1, 0) && world.children(1 - who, who) == 1
            });
            settles(&mut world, seed);
            assert!(
                world.saw(1 - who, |e| matches!(e, Event::IkeDown { reason: Reason::InitialContact, .. }))
            );
        }
    }
}

#[test]
fn a_dead_peer_is_noticed_and_its_sas_are_removed() {
    let mut world = World::pair(&Setup::default(), Conditions::good(), 1);
    world.run_until_up(MINUTE);
    world.censor = Some(Box::new(|_, _| true));
    world.run_for(2 * MINUTE);
    for node in [0, 1] {
        let reason = Reason::NoAnswer(ExchangeType::INFORMATIONAL);
        assert!(world.saw(node, |e| matches!(e, Event::IkeDown { reason: r, .. } if *r == reason)), "{node}");
        assert_eq!(world.nodes[node].kernel.children().count(), 0);
    }
    world.censor = None;
    world.run_until_up(2 * MINUTE);
    settles(&mut world, 1);
}

#[test]
fn a_living_peer_is_probed_only_in_silence() {
    let mut world = World::pair(&Setup::default(), Conditions::good(), 1);
    world.run_until_up(MINUTE);
    world.wire.clear();
    world.run_for(10 * MINUTE);
    // One probe and its answer count as life for both ends: half a minute each.
    assert!((30..=44).contains(&world.wire.len()), "{} messages in ten minutes", world.wire.len());
    assert!(world.is_up(0, 1) && world.is_up(1, 0));
}

#[test]
fn a_removed_peer_is_told_and_forgotten() {
    for seed in 0..20 {
        let mut world = World::pair(&Setup::default(), Conditions::bad(), seed);
        world.run_until(10 * MINUTE, "up", |world| world.is_up(0, 1) && world.is_up(1, 0));
        world.command(0, Command::Remove(peer_id(1)));
        assert!(world.nodes[0].endpoint.peer_status(peer_id(1)).is_none());
        world.run_for(5 * MINUTE);
        assert_eq!(
            (world.nodes[0].kernel.children().count(), world.nodes[1].kernel.children().count()),
            (0, 0)
        );
        assert!(world.nodes[0].endpoint.is_idle());
    }
}

#[test]
fn a_shutdown_deletes_everything_and_is_idle() {
    let mut world = World::pair(&both_begin(), Conditions::good(), 1);
    world.run_until_up(MINUTE);
    world.command(1, Command::Shutdown);
    assert_eq!(world.nodes[1].kernel.children().count(), 0);
    world.run_for(Duration::from_secs(1));
    assert!(world.nodes[1].endpoint.is_idle());
    assert!(world.saw(0, |e| matches!(e, Event::IkeDown { reason: Reason::DeletedByPeer, .. })));
    world.run_for(MINUTE);
    assert_eq!(world.nodes[1].endpoint.ike_sas().count(), 0, "nothing is answered any more");
}

#[test]
fn a_changed_policy_makes_a_new_sa_and_an_unchanged_one_touches_nothing() {
    let mut world = World::pair(&Setup::default(), Conditions::good(), 1);
    world.run_until_up(MINUTE);
    let messages = world.wire.len();
    let timing = Arc::new(Timing { liveness: 5 * MINUTE, ..Timing::default() });
    world.command(0, Command::Configure(peer_id(1), Arc::new(policy(0, 1))));
    world.command(0, Command::Configure(peer_id(1), Arc::new(PeerPolicy { timing, ..policy(0, 1) })));
    world.run_for(Duration::from_secs(1));
    assert_eq!(world.wire.len(), messages);

    let cbc = Arc::from([simulation::policies::cbc_proposal()]);
    world.command(
        1,
        Command::Configure(
            peer_id(0),
            Arc::new(PeerPolicy { proposals: Arc::clone(&cbc), connect: Connect::Passive, ..policy(1, 0) }),
        ),
    );
    world.command(0, Command::Configure(peer_id(1), Arc::new(PeerPolicy { proposals: cbc, ..policy(0, 1) })));
    world.run_for(Duration::from_secs(10));
    settles(&mut world, 1);
    assert!(world.saw(0, |e| matches!(e, Event::IkeDown { reason: Reason::Configuration, .. })));
}

#[test]
fn kernel_limits_replace_or_end_an_sa() {
    for hard in [false, true] {
        let mut world = World::pair(&Setup::default(), Conditions::good(), 1);
        world.run_until_up(MINUTE);
        let child = world.nodes[0].kernel.children().next().unwrap();
        let (spi, destination) = (child.inbound_spi, child.local.ip());
        world.command(0, Command::Expired { spi, destination, hard });
        world.run_for(Duration::from_secs(10));
        let now = world.nodes[0].kernel.children().next().unwrap().inbound_spi;
        assert_ne!(now, spi);
        settles(&mut world, 1);
        world.command(0, Command::Expired { spi: EspSpi(0x9999), destination, hard });
        settles(&mut world, 1);
    }
}

#[test]
fn a_waiting_packet_hurries_the_first_attempt_only() {
    let mut world = World::new(2, Conditions::good(), 9);
    world.introduce(1, 0, policy(1, 0));
    world.introduce(0, 1, PeerPolicy { connect: Connect::Passive, ..policy(0, 1) });
    assert!(world.wire.is_empty(), "node 1 waits for node 0 to begin");
    world.command(1, Command::Acquire(peer_id(0)));
    world.run_until_up(Duration::from_secs(1));
    world.command(0, Command::Acquire(peer_id(1)));
    settles(&mut world, 9);
}

#[test]
fn the_same_seed_replays_the_same_run() {
    let run = || {
        let mut world = World::pair(&both_begin(), Conditions::bad(), 4711);
        world.run_for(10 * MINUTE);
        let wire = world.wire.iter().map(|(node, sent)| {
            let (header, message) = message_of(sent.path.socket, &sent.octets).unwrap();
            (*node, header.exchange, header.message_id, message.len())
        });
        wire.collect::<Vec<_>>()
    };
    let first = run();
    assert!(first.len() > 20);
    assert_eq!(first, run());
}
