//! Policies in a real kernel: fail closed, recognised after a crash, and others' never touched.
//!
//! Runs in a network namespace of its own when root; SAs need a kernel with ESP and are tested in the lab.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test"
)]

mod common;

use std::sync::Arc;

use crypto::Encryption;
use ike_proto::policy::{
    Authentication, ChildPolicy, Connect, Esn, EspProposal, Identity, Mode, PeerId, PeerPolicy, Selector,
    Timing,
};
use ike_proto::wire::TrafficSelector;
use ikev2d::dataplane::{DataPlane, KernelPlane, Leftover, reqid};
use xfrm::{Action, Family, Kernel, Operation, Policy, PolicyDirection, PolicyId, Prefix, Selector as Match};

fn peer(remote: &str) -> PeerPolicy {
    let proposal = EspProposal {
        encryption: vec![Encryption::AesGcm16_256],
        integrity: vec![],
        groups: vec![],
        esn: vec![Esn::Yes],
    };
    PeerPolicy {
        local: None,
        remote: remote.parse().unwrap(),
        port: 500,
        local_identity: Identity::fqdn("here"),
        remote_identity: Identity::fqdn("there"),
        local_authentication: Authentication::Psk,
        remote_authentication: Authentication::Psk,
        proposals: Arc::new([]),
        child: ChildPolicy {
            mode: Mode::Transport,
            local: vec![Selector::HOST],
            remote: vec![Selector::HOST],
            proposals: Arc::new([proposal]),
        },
        connect: Connect::Always,
        timing: Arc::new(Timing::default()),
    }
}

fn range(start: &str, end: &str) -> Selector {
    let selector = TrafficSelector::new(0, 0, u16::MAX, start.parse().unwrap(), end.parse().unwrap());
    Selector::Range(selector.unwrap())
}

/// The namespace's policies as `direction selector reqid`, sorted.
fn policies() -> Vec<String> {
    let entries = Kernel::open().unwrap().policies().unwrap().entries;
    let mut all: Vec<String> = entries
        .iter()
        .map(|state| match state.policy.templates.as_slice() {
            [] => format!("{} pass", state.policy.id),
            templates => format!("{} reqid {:#x}", state.policy.id, templates[0].reqid.0),
        })
        .collect();
    all.sort();
    all
}

fn plane() -> Option<KernelPlane> {
    match KernelPlane::open(&[]) {
        Ok(plane) => Some(plane),
        Err(error) => {
            println!("skipped: {error}");
            None
        }
    }
}

#[tokio::test]
async fn a_peers_policies_come_change_and_go() {
    if !common::enter_new_namespace() {
        return;
    }
    let Some(mut plane) = plane() else { return };
    plane.protect(PeerId(1), &peer("10.0.0.2")).unwrap();
    let host =
        ["in 10.0.0.2/32 -> 0.0.0.0/0 reqid 0x1d000001", "out 0.0.0.0/0 -> 10.0.0.2/32 reqid 0x1d000001"];
    assert_eq!(policies(), host);

    let mut tunnel = peer("10.0.0.2");
    tunnel.child.mode = Mode::Tunnel;
    tunnel.child.local = vec![range("10.1.0.0", "10.1.255.255")];
    tunnel.child.remote = vec![range("10.2.0.0", "10.2.255.255"), range("10.3.0.1", "10.3.0.1")];
    plane.protect(PeerId(1), &tunnel).unwrap();
    assert_eq!(policies().len(), 2 + 6, "the old ones stay in force until nobody wants them");
    plane.sweep().unwrap();
    let of_tunnel = [
        "fwd 10.2.0.0/16 -> 10.1.0.0/16 reqid 0x1d000001",
        "fwd 10.3.0.1/32 -> 10.1.0.0/16 reqid 0x1d000001",
        "in 10.2.0.0/16 -> 10.1.0.0/16 reqid 0x1d000001",
        "in 10.3.0.1/32 -> 10.1.0.0/16 reqid 0x1d000001",
        "out 10.1.0.0/16 -> 10.2.0.0/16 reqid 0x1d000001",
        "out 10.1.0.0/16 -> 10.3.0.1/32 reqid 0x1d000001",
    ];
    assert_eq!(policies(), of_tunnel);

    plane.release(PeerId(1));
    assert_eq!(policies(), of_tunnel);
    plane.sweep().unwrap();
    assert!(policies().is_empty());
}

#[tokio::test]
async fn ipv6_peers_may_discover_each_other() {
    if !common::enter_new_namespace() {
        return;
    }
    let Some(mut plane) = plane() else { return };
    plane.protect(PeerId(1), &peer("fd00::2")).unwrap();
    let all = policies();
    assert!(all.contains(&"out ::/0 -> fd00::2/128 reqid 0x1d000001".to_owned()), "{all:?}");
    for kind in 133..=136 {
        for direction in ["in", "out"] {
            let pass = format!("{direction} ::/0 -> ::/0 protocol 58 sport {kind} pass");
            assert!(all.contains(&pass), "{pass} is missing in {all:?}");
        }
    }
    plane.clear().unwrap();
    assert!(policies().is_empty());
}

#[tokio::test]
async fn the_next_run_takes_over_what_a_crash_left_and_nothing_else() {
    if !common::enter_new_namespace() {
        return;
    }
    let Some(mut crashed) = plane() else { return };
    let any = Prefix::any(Family::V4);
    let foreign = Policy {
        id: PolicyId::new(
            Match::between(any, Prefix::host("192.0.2.9".parse().unwrap())),
            PolicyDirection::Out,
        ),
        priority: 1000,
        action: Action::Block,
        templates: vec![],
    };
    Kernel::open().unwrap().apply_one(Operation::AddPolicy(foreign)).unwrap();
    crashed.protect(PeerId(1), &peer("10.0.0.2")).unwrap();
    crashed.protect(PeerId(2), &peer("10.0.0.3")).unwrap();
    drop(crashed);
    assert_eq!(policies().len(), 5);

    let mut next = plane().unwrap();
    assert_eq!(next.take_over().unwrap(), Leftover { sas: 0, policies: 4 });
    // Now the second peer comes first and has another reqid; the first one is gone from the configuration.
    next.protect(PeerId(1), &peer("10.0.0.3")).unwrap();
    assert_eq!(policies().len(), 5, "nothing is removed before the new policies are in force");
    next.sweep().unwrap();
    let blocked = "out 0.0.0.0/0 -> 192.0.2.9/32 pass";
    assert_eq!(
        policies(),
        [
            "in 10.0.0.3/32 -> 0.0.0.0/0 reqid 0x1d000001",
            "out 0.0.0.0/0 -> 10.0.0.3/32 reqid 0x1d000001",
            blocked
        ]
    );
    next.clear().unwrap();
    assert_eq!(policies(), [blocked]);
}

#[tokio::test]
async fn a_lost_policy_is_put_back() {
    if !common::enter_new_namespace() {
        return;
    }
    let Some(mut plane) = plane() else { return };
    plane.protect(PeerId(1), &peer("10.0.0.2")).unwrap();
    let before = policies();
    common::ip("xfrm policy flush");
    assert!(policies().is_empty());
    assert!(plane.resync().unwrap().is_empty());
    assert_eq!(policies(), before);
}

#[tokio::test]
async fn two_peers_cannot_have_the_same_traffic() {
    if !common::enter_new_namespace() {
        return;
    }
    let Some(mut plane) = plane() else { return };
    plane.protect(PeerId(1), &peer("10.0.0.2")).unwrap();
    let error = plane.protect(PeerId(2), &peer("10.0.0.2")).unwrap_err();
    assert!(error.0.contains("another peer's already"), "{error}");
    assert_eq!(policies()[0], format!("in 10.0.0.2/32 -> 0.0.0.0/0 reqid {:#x}", reqid(PeerId(1)).0));
}
