//! A mesh of 10,000 peers.

use std::fmt::Write;
use std::sync::Arc;

use super::Files;

const PEERS: usize = 10_000;

fn peer_toml(number: usize) -> String {
    let (high, low) = (number / 256, number % 256);
    format!(
        "[[peer]]\nname = \"n{number}\"\naddress = \"10.0.{high}.{low}\"\nid = \"n{number}.example.net\"\n\
         psk-file = \"mesh.psk\"\nesp = \"aes256gcm16\"\nliveness = \"45s\"\n"
    )
}

fn assert_whole(files: &Files) {
    let config = files.config();
    assert_eq!(config.peers.len(), PEERS);
    let first = &config.peers[0];
    for peer in &config.peers {
        assert!(Arc::ptr_eq(&peer.psk, &first.psk));
        assert!(Arc::ptr_eq(&peer.policy.proposals, &first.policy.proposals));
        assert!(Arc::ptr_eq(&peer.policy.child.proposals, &first.policy.child.proposals));
        assert!(Arc::ptr_eq(&peer.policy.timing, &first.policy.timing));
    }
}

#[test]
fn in_one_file_each_it_shares_what_is_alike() {
    let files = Files::with_node();
    files.key("peers.d/mesh.psk", "a key of many letters");
    for number in 0..PEERS {
        files.write(&format!("peers.d/n{number:05}.toml"), peer_toml(number));
    }
    assert_whole(&files);
}

#[test]
fn in_one_file_of_toml_it_shares_what_is_alike() {
    let files = Files::with_node();
    files.key("peers.d/mesh.psk", "a key of many letters");
    files.write("peers.d/all.toml", (0..PEERS).map(peer_toml).collect::<String>());
    assert_whole(&files);
}

#[test]
fn on_one_line_of_json_it_shares_what_is_alike() {
    let files = Files::with_node();
    files.key("peers.d/mesh.psk", "a key of many letters");
    let mut text = String::from("{\"peer\": [");
    for number in 0..PEERS {
        let comma = if number == 0 { "" } else { "," };
        let (high, low) = (number / 256, number % 256);
        write!(
            text,
            "{comma}{{\"name\": \"n{number}\", \"address\": \"10.0.{high}.{low}\", \"id\": \"n{number}.example.net\", \
             \"psk-file\": \"mesh.psk\", \"esp\": \"aes256gcm16\", \"liveness\": \"45s\"}}"
        )
        .unwrap();
    }
    files.write("peers.d/all.json", text + "]}");
    assert_whole(&files);
}
