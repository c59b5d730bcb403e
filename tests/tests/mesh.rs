//! Many nodes that start at the same instant on a bad network: one IKE SA and one Child SA for each pair, at both ends.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    clippy::arithmetic_side_effects,
    reason = "a test"
)]

use std::time::Duration;

use ike_proto::ids::Role;
use ike_proto::output::Event;
use simulation::policies::policy;
use simulation::world::peer_id;
use simulation::{Conditions, World};

const NODES: usize = 100;
const PAIRS: usize = NODES * (NODES - 1) / 2;

/// Handshakes for each hundred that are needed: "crossing streams" cost one more each.
const MOST_PER_HUNDRED: usize = 102;

#[test]
fn a_hundred_nodes_that_start_at_once_become_a_mesh_without_duplicates() {
    for seed in 0..10 {
        let mut conditions = Conditions::good();
        (conditions.jitter, conditions.loss) = (Duration::from_millis(30), 50);
        let mut world = World::new(NODES, conditions, seed);
        for node in 0..NODES {
            for peer in (0..NODES).filter(|peer| *peer != node) {
                world.introduce(node, peer, policy(node, peer));
            }
        }
        let all_up = |world: &World| (0..NODES).all(|a| (0..NODES).all(|b| a == b || world.is_up(a, b)));
        while !all_up(&world) {
            world.run_for(Duration::from_millis(100));
            assert!(world.now.elapsed() < Duration::from_secs(120), "seed {seed}: not all pairs are up");
        }
        let took = world.now.elapsed();
        world.conditions.loss = 0;
        world.run_for(Duration::from_secs(60));
        world.assert_agreed();
        for node in 0..NODES {
            assert_eq!(world.nodes[node].endpoint.ike_sas().count(), NODES - 1, "seed {seed}");
            for peer in (0..NODES).filter(|peer| *peer != node) {
                let children =
                    world.nodes[node].endpoint.ike_sas_of(peer_id(peer)).map(|sa| sa.children.len());
                assert_eq!(children.collect::<Vec<_>>(), [1], "seed {seed}: {node} with {peer}");
            }
        }
        let handshakes: usize = (0..NODES).map(|node| handshakes(&world, node)).sum();
        println!("seed {seed}: {PAIRS} pairs up after {took:?} with {handshakes} handshakes");
        assert!(handshakes * 100 <= PAIRS * MOST_PER_HUNDRED, "seed {seed}: {handshakes} handshakes");
    }
}

fn handshakes(world: &World, node: usize) -> usize {
    let ups = world.nodes[node].events.iter();
    ups.filter(|event| matches!(event, Event::IkeUp { role: Role::Initiator, .. })).count()
}
