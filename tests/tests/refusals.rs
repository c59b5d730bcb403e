//! What does not fit is refused by the right notify, and named at both ends.
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

use crypto::Encryption;
use ike_proto::output::{Command, DropCause, Event, Reason};
use ike_proto::policy::{Connect, Identity, IkeProposal, Mode, PeerPolicy, Selector};
use ike_proto::status::PeerState;
use ike_proto::wire::{ExchangeType, NotifyType, TrafficSelector};
use simulation::policies::{cbc_proposal, esp_proposal, ike_proposal, policy};
use simulation::world::peer_id;
use simulation::{Conditions, Setup, World};

/// Runs a pair that cannot connect; returns what each end says of the other, once both have something to say.
fn refused(world: &mut World) -> (Reason, Reason) {
    let failure = |world: &World, node: usize, peer: usize| {
        world.nodes[node].endpoint.peer_status(peer_id(peer)).unwrap().last_failure.map(|(_, reason)| reason)
    };
    world.run_until(Duration::from_secs(10), "both ends name a failure", |world| {
        failure(world, 0, 1).is_some() && failure(world, 1, 0).is_some()
    });
    assert_eq!((world.nodes[0].kernel.children().count(), world.nodes[1].kernel.children().count()), (0, 0));
    assert!(!world.is_up(0, 1) && !world.is_up(1, 0));
    (failure(world, 0, 1).unwrap(), failure(world, 1, 0).unwrap())
}

fn pair(setup: &Setup) -> World {
    World::pair(setup, Conditions::good(), 7)
}

fn auth_refused(kind: NotifyType) -> Reason {
    Reason::PeerRefused(ExchangeType::IKE_AUTH, kind)
}

#[test]
fn a_wrong_psk_of_the_initiator() {
    let mut world = pair(&Setup::default());
    world.nodes[1].psks.insert(peer_id(0), b"another secret".to_vec());
    let said = refused(&mut world);
    assert_eq!(said, (auth_refused(NotifyType::AUTHENTICATION_FAILED), Reason::AuthenticationFailed));
    assert!(
        world.saw(1, |e| matches!(
            e,
            Event::Refused { peer: Some(_), reason: Reason::AuthenticationFailed, .. }
        ))
    );
}

#[test]
fn a_responder_that_is_not_believed_is_told_and_lets_go() {
    // The responder checks with one secret and signs with another: a peer that passes on somebody else's identity.
    let mut setup = Setup::default();
    setup.responder.local_identity = Identity::fqdn("somebody-else.example.net");
    let mut world = pair(&setup);
    let said = refused(&mut world);
    assert_eq!(said.0, Reason::WrongIdentity(Identity::fqdn("somebody-else.example.net")));
    assert_eq!(said.1, auth_refused(NotifyType::AUTHENTICATION_FAILED));
    world.run_for(Duration::from_secs(20));
    assert_eq!(world.nodes[1].endpoint.ike_sas().filter(|sa| sa.established.is_some()).count(), 0);
}

#[test]
fn an_identity_that_nobody_has() {
    let mut setup = Setup::default();
    setup.initiator.local_identity = Identity::fqdn("stranger.example.net");
    let said = refused(&mut pair(&setup));
    assert_eq!(said.0, auth_refused(NotifyType::AUTHENTICATION_FAILED));
    assert_eq!(said.1, Reason::UnknownIdentity(Identity::fqdn("stranger.example.net")));
}

#[test]
fn a_peer_without_a_key() {
    let mut world = pair(&Setup::default());
    world.nodes[0].psks.clear();
    world.run_until(Duration::from_secs(5), "a failure", |world| {
        world.saw(0, |e| matches!(e, Event::AttemptFailed { reason: Reason::NoKey(_), retry: Some(_), .. }))
    });
}

#[test]
fn no_common_ike_proposal() {
    let mut setup = Setup::default();
    setup.responder.proposals = Arc::from([cbc_proposal()]);
    let mut world = pair(&setup);
    let said = refused(&mut world);
    let kind = NotifyType::NO_PROPOSAL_CHOSEN;
    assert_eq!(said, (Reason::PeerRefused(ExchangeType::IKE_SA_INIT, kind), Reason::NoProposalChosen));
}

#[test]
fn no_common_esp_proposal() {
    let mut setup = Setup::default();
    let other =
        ike_proto::policy::EspProposal { encryption: vec![Encryption::AesGcm16_256], ..esp_proposal() };
    setup.responder.child.proposals = Arc::from([other]);
    let said = refused(&mut pair(&setup));
    assert_eq!(said, (auth_refused(NotifyType::NO_PROPOSAL_CHOSEN), Reason::NoProposalChosen));
}

#[test]
fn no_common_traffic() {
    let mut setup = Setup::default().both(|policy| policy.child.mode = Mode::Tunnel);
    let far = ("10.77.0.0".parse().unwrap(), "10.77.0.255".parse().unwrap());
    setup.responder.child.local =
        vec![Selector::Range(TrafficSelector::new(0, 0, 65535, far.0, far.1).unwrap())];
    let said = refused(&mut pair(&setup));
    assert_eq!(said, (auth_refused(NotifyType::TS_UNACCEPTABLE), Reason::TrafficSelectors));
}

#[test]
fn the_other_mode() {
    let mut setup = Setup::default();
    setup.responder.child.mode = Mode::Tunnel;
    let said = refused(&mut pair(&setup));
    assert_eq!(said, (auth_refused(NotifyType::NO_PROPOSAL_CHOSEN), Reason::WrongMode(Mode::Transport)));
}

#[test]
fn a_suite_that_is_allowed_to_others_only() {
    // Node 1 knows two peers; node 0 comes with what only the other one may use, from an address that is not its own.
    let mut world = World::new(2, Conditions::good(), 3);
    let weak = IkeProposal { encryption: vec![Encryption::AesCbc128], ..cbc_proposal() };
    world.introduce(0, 1, PeerPolicy { proposals: Arc::from([weak.clone()]), ..policy(0, 1) });
    let strict =
        PeerPolicy { remote: "10.0.9.9".parse().unwrap(), connect: Connect::Passive, ..policy(1, 0) };
    world.introduce(1, 0, strict);
    let lax = PeerPolicy { proposals: Arc::from([weak]), connect: Connect::Passive, ..policy(1, 5) };
    world.introduce(1, 5, PeerPolicy { remote: policy(1, 0).remote, ..lax });
    world.run_until(Duration::from_secs(5), "a refusal", |world| {
        world.saw(1, |e| matches!(e, Event::Refused { .. }))
    });
    assert!(!world.is_up(1, 0));
}

#[test]
fn a_kernel_that_refuses() {
    for side in [0, 1] {
        let mut world = pair(&Setup::default());
        world.nodes[side].kernel.refuses = Some("Function not implemented".into());
        let kernel = Reason::Kernel("Function not implemented".into());
        world.run_until(Duration::from_secs(10), "the failure is named", |world| {
            let status = world.nodes[side].endpoint.peer_status(peer_id(1 - side)).unwrap();
            status.last_failure.is_some_and(|(_, reason)| reason == kernel)
        });
        world.nodes[side].kernel.refuses = None;
        world.run_until_up(Duration::from_secs(30));
        world.assert_agreed();
    }
}

#[test]
fn a_host_without_a_route_says_so_and_tries_again() {
    let mut setup = Setup::default();
    setup.initiator.local = None;
    let mut world = World::new(2, Conditions::good(), 3);
    world.nodes[0].no_route = Some("Network is unreachable".into());
    world.introduce(0, 1, setup.initiator);
    world.introduce(1, 0, setup.responder);
    world.run_until(Duration::from_secs(5), "a failure", |world| {
        world.saw(0, |e| matches!(e, Event::AttemptFailed { reason: Reason::NoRoute(_), .. }))
    });
    world.nodes[0].no_route = None;
    world.run_until_up(Duration::from_secs(10));
}

#[test]
fn a_peer_that_is_down_is_tried_for_ever_with_growing_pauses() {
    let mut world = World::new(2, Conditions::good(), 5);
    world.censor = Some(Box::new(|_, _| true));
    world.introduce(0, 1, policy(0, 1));
    world.run_for(Duration::from_secs(1800));
    let failures: Vec<_> = world.nodes[0]
        .events
        .iter()
        .filter_map(|event| match event {
            Event::AttemptFailed { reason, retry, .. } => Some((reason.clone(), retry.unwrap())),
            _ => None,
        })
        .collect();
    assert!(failures.len() > 10, "{} attempts", failures.len());
    assert!(failures.iter().all(|(reason, _)| *reason == Reason::NoAnswer(ExchangeType::IKE_SA_INIT)));
    assert_ne!(world.nodes[0].endpoint.peer_status(peer_id(1)).unwrap().state, PeerState::Idle);
    world.censor = None;
    world.introduce(1, 0, PeerPolicy { connect: Connect::Passive, ..policy(1, 0) });
    world.run_until_up(Duration::from_secs(120));
}

#[test]
fn a_stranger_is_dropped_where_strangers_are_refused() {
    let mut world = World::new(2, Conditions::good(), 5);
    world.introduce(0, 1, PeerPolicy { proposals: Arc::from([ike_proposal()]), ..policy(0, 1) });
    world.nodes[1].endpoint = ike_proto::endpoint::Endpoint::new(
        ike_proto::endpoint::EndpointConfig::default(),
        Box::new(crypto::SeededEntropy::new(1)),
    );
    world.run_for(Duration::from_secs(3));
    assert!(world.saw(1, |e| matches!(e, Event::Dropped { cause: DropCause::UnknownPeer, .. })));
    assert!(world.wire.iter().all(|(sender, _)| *sender == 0));
}

#[test]
fn taken_down_it_stays_down_until_told_otherwise() {
    let mut world = pair(&Setup::default());
    world.run_until_up(Duration::from_secs(5));
    world.command(0, Command::Disconnect(peer_id(1)));
    world.run_for(Duration::from_secs(300));
    world.assert_agreed();
    assert_eq!(world.nodes[0].endpoint.peer_status(peer_id(1)).unwrap().state, PeerState::Idle);
    assert_eq!(world.nodes[0].kernel.children().count(), 0);
    world.command(0, Command::Connect(peer_id(1)));
    world.run_until_up(Duration::from_secs(5));
}
