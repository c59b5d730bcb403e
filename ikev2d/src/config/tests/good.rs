//! What a right configuration becomes.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crypto::{Encryption, KeGroup};
use ike_proto::policy::{Connect, Identity, Mode, Selector};

use super::super::{DataPlaneChoice, LogFormat};
use super::{DB_1, Files, examples};

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn the_smallest_peer_has_sensible_defaults() {
    let files = Files::with_node();
    files.write("peers.d/db-1.toml", DB_1);
    let config = files.config();
    assert_eq!(config.node.id, Identity::fqdn("web-1.example.net"));
    assert_eq!(config.node.listen, [address("192.0.2.10")]);
    assert_eq!((config.node.ike_port, config.node.nat_port), (500, 4500));
    assert_eq!(config.node.control.to_str(), Some("/run/ikev2d/control.sock"));
    assert_eq!((config.node.log, config.node.log_format), (tracing::Level::INFO, LogFormat::Text));
    assert_eq!(config.node.data_plane, DataPlaneChoice::Auto);

    let [peer] = &config.peers[..] else { panic!("{config:?}") };
    assert_eq!(peer.name, "db-1");
    assert_eq!(peer.source.to_string(), format!("{}:1:1", files.path("peers.d/db-1.toml").display()));
    assert_eq!(peer.psk.expose(), b"a key of many letters");
    let policy = &peer.policy;
    assert_eq!((policy.remote, policy.port), (address("192.0.2.20"), 500));
    assert_eq!(policy.local, Some(address("192.0.2.10")));
    assert_eq!(policy.local_identity, config.node.id);
    assert_eq!(policy.remote_identity, Identity::fqdn("db-1.example.net"));
    assert_eq!(policy.connect, Connect::Always);
    assert_eq!(policy.child.mode, Mode::Transport);
    assert_eq!(
        (&policy.child.local[..], &policy.child.remote[..]),
        (&[Selector::HOST][..], &[Selector::HOST][..])
    );
    assert_eq!(policy.proposals[0].encryption[0], Encryption::AesGcm16_128);
    assert_eq!(policy.proposals[0].groups[0], KeGroup::X25519);
    assert!(Arc::ptr_eq(&policy.proposals, &config.node.proposals));
}

#[test]
fn json_says_the_same_as_toml() {
    let toml = Files::with_node();
    toml.write("peers.d/db-1.toml", DB_1);
    let json = Files::with_node();
    json.write(
        "peers.d/db-1.json",
        r#"{"peer": [{"name": "db-1", "address": "192.0.2.20", "id": "db-1.example.net", "psk-file": "db-1.psk"}]}"#,
    );
    let (toml, json) = (toml.config(), json.config());
    assert_eq!(toml.node, json.node);
    assert!(toml.peers[0].is_unchanged(&json.peers[0]));
    assert_eq!(json.peers[0].source.line, 1);
    assert_eq!(json.peers[0].source.column, 11);
}

#[test]
fn a_node_file_can_be_json_too() {
    let files = Files::new();
    files.write("node.json", r#"{"node": {"id": "10.0.0.1"}, "defaults": {"mode": "tunnel"}, "peer": []}"#);
    let loaded = super::super::load(&files.path("node.json")).unwrap();
    assert_eq!(loaded.config.node.id, Identity::address(address("10.0.0.1")));
    assert_eq!(loaded.config.peers, []);
}

#[test]
fn everything_can_be_set_for_all_peers_and_for_one() {
    let files = Files::new();
    files.key("k", "a key of many letters");
    files.write(
        "ikev2d.toml",
        r#"
[node]
id = "keyid:node"
control = "ctl.sock"
ike-port = 1500
nat-port = 14500
log = "debug"
log-format = "json"
dataplane = "userspace"

[defaults]
mode = "tunnel"
connect = "passive"
port = 1500
ike = "aes256gcm16-prfsha384-ecp384"
esp = ["aes256gcm16-esn", "aes256-sha512"]
retransmit = "500ms"
retransmissions = 3
liveness = "10s"
ike-lifetime = "8h"
retry-first = "1s"
retry-most = "5m"

[[peer]]
name = "a"
address = "2001:db8::a"
id = "@a"
psk-file = "k"

[[peer]]
name = "b"
address = "2001:db8::b"
id = "b@example.net"
local-id = "node@example.net"
local-address = "2001:db8::1"
psk-file = "k"
mode = "transport"
connect = "always"
port = 500
ike = "aes128-sha256-modp2048"
esp = "chacha20poly1305"
local = "dynamic[tcp]"
remote = ["dynamic[tcp/5432]"]
liveness = "20s"
"#,
    );
    let config = files.config();
    assert_eq!(config.node.control, files.path("ctl.sock"));
    assert_eq!((config.node.ike_port, config.node.nat_port), (1500, 14500));
    assert_eq!((config.node.log, config.node.log_format), (tracing::Level::DEBUG, LogFormat::Json));
    assert_eq!(config.node.data_plane, DataPlaneChoice::Userspace);
    let (a, b) = (&config.peers[0].policy, &config.peers[1].policy);
    assert_eq!((a.child.mode, a.connect, a.port, a.local), (Mode::Tunnel, Connect::Passive, 1500, None));
    assert_eq!(a.proposals[0].groups, [KeGroup::P384]);
    assert_eq!(a.child.proposals.len(), 2);
    assert_eq!((a.timing.retransmit, a.timing.retransmissions), (Duration::from_millis(500), 3));
    assert_eq!(
        (a.timing.liveness, a.timing.ike_lifetime),
        (Duration::from_secs(10), Duration::from_secs(28_800))
    );
    assert_eq!(
        (a.timing.retry_first, a.timing.retry_most),
        (Duration::from_secs(1), Duration::from_secs(300))
    );
    assert_eq!((b.child.mode, b.connect, b.port), (Mode::Transport, Connect::Always, 500));
    assert_eq!(b.local_identity, Identity::email("node@example.net"));
    assert_eq!(b.local, Some(address("2001:db8::1")));
    assert_eq!(b.proposals[0].groups, [KeGroup::Modp2048]);
    assert_eq!(b.child.local, [Selector::Host { protocol: 6, port: 0 }]);
    assert_eq!(b.child.remote, [Selector::Host { protocol: 6, port: 5432 }]);
    assert_eq!(b.timing.liveness, Duration::from_secs(20));
    assert_eq!(b.timing.retransmit, a.timing.retransmit);
    assert!(Arc::ptr_eq(&config.peers[0].psk, &config.peers[1].psk));
}

#[test]
fn a_peer_without_an_id_is_its_address() {
    let files = Files::with_node();
    files.write("peers.d/db-1.toml", DB_1.replace("id = \"db-1.example.net\"\n", ""));
    assert_eq!(files.config().peers[0].policy.remote_identity, Identity::address(address("192.0.2.20")));
}

#[test]
fn peer_files_come_in_name_order_and_others_are_left_alone() {
    let files = Files::with_node();
    let peer = |number: u8| {
        DB_1.replace("db-1\"", &format!("db-{number}\""))
            .replace("db-1.e", &format!("db-{number}.e"))
            .replace(".20", &format!(".{number}"))
    };
    files.write("peers.d/b.toml", peer(2));
    files.write("peers.d/a.toml", peer(1));
    files.write("peers.d/c.json", "{}");
    files.write("peers.d/d.toml", "");
    for name in ["x.toml~", "x.txt", ".hidden.toml", "README", "sub/x.toml"] {
        files.write(&format!("peers.d/{name}"), "not a peer");
    }
    let names: Vec<String> = files.config().peers.into_iter().map(|peer| peer.name).collect();
    assert_eq!(names, ["db-1", "db-2"]);
}

#[test]
fn peers_can_be_a_list_of_files() {
    let files = Files::with_node();
    files.write("ikev2d.toml", super::NODE.replace("\"peers.d\"", "[\"peers.d/db-1.toml\", \"empty.d\"]"));
    files.write("peers.d/db-1.toml", DB_1);
    std::fs::create_dir(files.path("empty.d")).unwrap();
    assert_eq!(files.config().peers.len(), 1);
}

#[test]
fn a_peer_is_unchanged_wherever_it_is_defined() {
    let files = Files::with_node();
    files.write("peers.d/db-1.toml", DB_1);
    let before = files.config();
    files.write("peers.d/db-1.toml", format!("# a comment\n{DB_1}"));
    let after = files.config();
    assert_ne!(before.peers[0].source, after.peers[0].source);
    assert!(before.peers[0].is_unchanged(&after.peers[0]));
    files.key("peers.d/db-1.psk", "another key of many letters\n");
    assert!(!before.peers[0].is_unchanged(&files.config().peers[0]));
    files.key("peers.d/db-1.psk", "a key of many letters\n");
    files.write("peers.d/db-1.toml", format!("{DB_1}liveness = \"7s\"\n"));
    assert!(!before.peers[0].is_unchanged(&files.config().peers[0]));
}

#[test]
fn a_short_key_and_a_file_open_to_all_are_warned_of() {
    let files = Files::with_node();
    files.write("peers.d/db-1.toml", DB_1);
    files.key("peers.d/db-1.psk", "15 octets long.");
    files.mode("peers.d/db-1.toml", 0o666);
    let warnings: Vec<String> = files.load().unwrap().warnings.iter().map(|one| files.shown(one)).collect();
    assert_eq!(
        warnings,
        [
            "\
warning: everybody can write to this file, and so decide whom this node trusts
  --> DIR/peers.d/db-1.toml
   = help: chmod o-w DIR/peers.d/db-1.toml",
            "\
warning: the key in DIR/peers.d/db-1.psk has fewer than 16 octets
  --> DIR/peers.d/db-1.toml:5:12
   |
 5 | psk-file = \"db-1.psk\"
   |            ^^^^^^^^^^
   = help: make one with: openssl rand -hex 32",
        ]
    );
}

#[test]
fn a_key_of_sixteen_octets_is_not_warned_of() {
    let files = Files::with_node();
    files.write("peers.d/db-1.toml", DB_1);
    files.key("peers.d/db-1.psk", "16 octets long..");
    assert_eq!(files.config().peers[0].psk.len(), 16);
}

#[test]
fn nothing_prints_a_key() {
    let files = Files::with_node();
    files.write("peers.d/db-1.toml", DB_1);
    let shown = format!("{:?} {:#?}", files.load(), files.config());
    assert!(shown.contains("Secret(21 octets)") && !shown.contains("many letters"), "{shown}");
}

#[test]
fn the_examples_are_accepted() {
    let files = Files::new();
    for name in ["ikev2d.toml", "peers.d/db-1.toml", "peers.d/mesh.json", "peers.d/office.toml"] {
        files.write(name, std::fs::read(examples().join(name)).unwrap());
    }
    for name in ["db-1", "db-2", "db-3", "office"] {
        files.key(&format!("peers.d/{name}.psk"), "a key of many letters\n");
    }
    let names: Vec<String> = files.config().peers.into_iter().map(|peer| peer.name).collect();
    assert_eq!(names, ["db-1", "db-2", "db-3", "office"]);
}
