//! Plans between small configurations.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crypto::{Encryption, KeGroup, Prf, Secret};
use ike_proto::policy::{
    Authentication, ChildPolicy, Connect, Esn, EspProposal, Identity, IkeProposal, Mode, Selector, Timing,
};

use super::*;
use crate::config::Location;

fn peer(name: &str) -> Peer {
    let proposals = Arc::new([IkeProposal {
        encryption: vec![Encryption::AesGcm16_256],
        integrity: vec![],
        prf: vec![Prf::HmacSha2_256],
        groups: vec![KeGroup::X25519],
    }]);
    let esp = Arc::new([EspProposal {
        encryption: vec![Encryption::AesGcm16_256],
        integrity: vec![],
        groups: vec![],
        esn: vec![Esn::Yes],
    }]);
    let policy = PeerPolicy {
        local: None,
        remote: "192.0.2.1".parse().unwrap(),
        port: 500,
        local_identity: Identity::fqdn("here.example.net"),
        remote_identity: Identity::fqdn(name),
        local_authentication: Authentication::Psk,
        remote_authentication: Authentication::Psk,
        proposals,
        child: ChildPolicy {
            mode: Mode::Transport,
            local: vec![Selector::HOST],
            remote: vec![Selector::HOST],
            proposals: esp,
        },
        connect: Connect::Always,
        timing: Arc::new(Timing::default()),
    };
    Peer {
        name: name.to_owned(),
        policy: Arc::new(policy),
        psk: Arc::new(Secret::copy_from(b"a key of some length")),
        source: Location::file(Path::new("peers.toml")),
    }
}

fn with_policy(name: &str, edit: impl FnOnce(&mut PeerPolicy)) -> Peer {
    let mut peer = peer(name);
    edit(Arc::make_mut(&mut peer.policy));
    peer
}

fn roster(names: &[&str]) -> Roster {
    let mut roster = Roster::default();
    let first = plan(&roster, names.iter().map(|name| peer(name)).collect()).unwrap();
    roster.apply(&first);
    roster
}

fn names(peers: &[(PeerId, Peer)]) -> Vec<&str> {
    peers.iter().map(|(_, peer)| peer.name.as_str()).collect()
}

#[test]
fn the_same_configuration_changes_nothing() {
    let roster = roster(&["a", "b"]);
    let plan = plan(&roster, vec![peer("b"), peer("a")]).unwrap();
    assert!(plan.is_empty());
    assert_eq!(plan.unchanged, 2);
}

#[test]
fn peers_come_and_go_and_the_others_keep_their_ids() {
    let mut roster = roster(&["a", "b"]);
    let (b, _) = roster.by_name("b").unwrap();
    let change = plan(&roster, vec![peer("b"), peer("c")]).unwrap();
    assert_eq!((names(&change.add), change.remove[0].1.as_str(), change.unchanged), (vec!["c"], "a", 1));
    roster.apply(&change);
    assert_eq!(roster.by_name("b").unwrap().0, b);
    assert!(roster.by_name("a").is_none());
    assert_eq!(roster.len(), 2);
}

#[test]
fn an_id_is_not_given_twice() {
    let mut roster = roster(&["a"]);
    let (a, _) = roster.by_name("a").unwrap();
    let without = plan(&roster, vec![]).unwrap();
    roster.apply(&without);
    let again = plan(&roster, vec![peer("a")]).unwrap();
    assert_ne!(again.add[0].0, a);
}

#[test]
fn another_address_or_proposal_needs_new_sas() {
    let roster = roster(&["a"]);
    let moved = with_policy("a", |policy| policy.remote = "192.0.2.9".parse().unwrap());
    let change = plan(&roster, vec![moved]).unwrap();
    assert_eq!((names(&change.change), change.touch.len()), (vec!["a"], 0));
    let tunnel = with_policy("a", |policy| policy.child.mode = Mode::Tunnel);
    assert_eq!(names(&plan(&roster, vec![tunnel]).unwrap().change), ["a"]);
}

#[test]
fn timers_who_begins_and_the_key_leave_the_sas() {
    let roster = roster(&["a", "b", "c"]);
    let slower =
        with_policy("a", |policy| Arc::make_mut(&mut policy.timing).liveness = Duration::from_secs(99));
    let passive = with_policy("b", |policy| policy.connect = Connect::Passive);
    let mut rekeyed = peer("c");
    rekeyed.psk = Arc::new(Secret::copy_from(b"another key of some length"));
    let touched = plan(&roster, vec![slower, passive, rekeyed]).unwrap();
    assert_eq!(names(&touched.touch), ["a", "b", "c"]);
    assert!(touched.change.is_empty() && touched.add.is_empty() && touched.remove.is_empty());
}

#[test]
fn a_renamed_peer_is_a_new_one() {
    let roster = roster(&["a"]);
    let mut renamed = peer("a");
    renamed.name = "z".to_owned();
    let change = plan(&roster, vec![renamed]).unwrap();
    assert_eq!((names(&change.add), change.remove.len()), (vec!["z"], 1));
}
