//! What the operator reads when a configuration is wrong: the whole text.

use std::os::unix::fs::{chown, symlink};

use super::{DB_1, Files, NODE};

/// The errors of `peer` as the only peer file.
fn errors_of(peer: &str) -> String {
    let files = Files::with_node();
    files.write("peers.d/db-1.toml", peer);
    files.errors()
}

/// `DB_1` with one line replaced, or taken away.
fn db_1(line: &str, by: &str) -> String {
    assert!(DB_1.contains(line));
    DB_1.replace(line, by)
}

#[test]
fn the_node_file_is_missing() {
    assert_eq!(Files::new().errors(), "error: DIR/ikev2d.toml does not exist\n  --> DIR/ikev2d.toml");
}

#[test]
fn the_psk_file_is_missing() {
    let files = Files::with_node();
    files.write("peers.d/db-1.toml", db_1("db-1.psk", "db-2.psk"));
    assert_eq!(
        files.errors(),
        "\
error: the PSK file DIR/peers.d/db-2.psk does not exist
  --> DIR/peers.d/db-1.toml:5:12
   |
 5 | psk-file = \"db-2.psk\"
   |            ^^^^^^^^^^
   = help: make a key: (umask 077; openssl rand -hex 32 > DIR/peers.d/db-2.psk)"
    );
}

#[test]
fn the_psk_file_is_empty() {
    let files = Files::with_node();
    files.write("peers.d/db-1.toml", DB_1);
    for empty in ["", "\n", "0x\n"] {
        files.key("peers.d/db-1.psk", empty);
        assert_eq!(
            files.errors(),
            "\
error: the PSK file DIR/peers.d/db-1.psk is empty
  --> DIR/peers.d/db-1.toml:5:12
   |
 5 | psk-file = \"db-1.psk\"
   |            ^^^^^^^^^^
   = help: make a key: (umask 077; openssl rand -hex 32 > DIR/peers.d/db-1.psk)"
        );
    }
}

#[test]
fn the_psk_file_is_open_to_others() {
    let files = Files::with_node();
    files.write("peers.d/db-1.toml", DB_1);
    for mode in [0o604, 0o640, 0o644, 0o602, 0o610] {
        files.mode("peers.d/db-1.psk", mode);
        let expected = format!(
            "\
error: the PSK file DIR/peers.d/db-1.psk is open to others than its owner (mode {mode:04o})
  --> DIR/peers.d/db-1.toml:5:12
   |
 5 | psk-file = \"db-1.psk\"
   |            ^^^^^^^^^^
   = help: chmod 600 DIR/peers.d/db-1.psk"
        );
        assert_eq!(files.errors(), expected);
    }
    files.mode("peers.d/db-1.psk", 0o400);
    assert_eq!(files.config().peers.len(), 1);
}

#[test]
fn the_psk_file_belongs_to_somebody_else() {
    if !nix::unistd::geteuid().is_root() {
        // Only root can give a file away, and only a file of somebody else's shows this error.
        return;
    }
    let files = Files::with_node();
    files.write("peers.d/db-1.toml", DB_1);
    chown(files.path("peers.d/db-1.psk"), Some(1234), None).unwrap();
    assert_eq!(
        files.errors(),
        "\
error: the PSK file DIR/peers.d/db-1.psk belongs to user 1234, not to root or to the daemon's user
  --> DIR/peers.d/db-1.toml:5:12
   |
 5 | psk-file = \"db-1.psk\"
   |            ^^^^^^^^^^
   = help: chown root DIR/peers.d/db-1.psk"
    );
}

#[test]
fn the_psk_file_is_no_file() {
    let files = Files::with_node();
    files.write("peers.d/db-1.toml", DB_1);
    std::fs::remove_file(files.path("peers.d/db-1.psk")).unwrap();
    nix::unistd::mkfifo(&files.path("peers.d/db-1.psk"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let fifo = files.errors();
    assert!(fifo.starts_with("error: the PSK file DIR/peers.d/db-1.psk is not a regular file\n"), "{fifo}");
    std::fs::remove_file(files.path("peers.d/db-1.psk")).unwrap();
    std::fs::create_dir(files.path("peers.d/db-1.psk")).unwrap();
    let directory = files.errors();
    assert_eq!(directory, fifo);
}

#[test]
fn the_mode_that_counts_is_that_of_the_file_behind_a_link() {
    let files = Files::with_node();
    files.write("peers.d/db-1.toml", DB_1);
    files.key("elsewhere", "a key of many letters");
    std::fs::remove_file(files.path("peers.d/db-1.psk")).unwrap();
    symlink("../elsewhere", files.path("peers.d/db-1.psk")).unwrap();
    assert_eq!(files.config().peers.len(), 1);
    files.mode("elsewhere", 0o644);
    assert!(files.errors().contains("is open to others than its owner (mode 0644)"));
}

#[test]
fn the_key_is_too_short_or_too_long() {
    let files = Files::with_node();
    files.write("peers.d/db-1.toml", DB_1);
    files.key("peers.d/db-1.psk", "hunter2\n");
    let short = files.errors();
    assert!(short.starts_with("error: the key in DIR/peers.d/db-1.psk has only 7 octets: "), "{short}");
    assert!(!short.contains("hunter2"), "{short}");
    files.key("peers.d/db-1.psk", "x".repeat(1025));
    assert!(files.errors().starts_with("error: the key in DIR/peers.d/db-1.psk has more than 1024 octets\n"));
    files.key("peers.d/db-1.psk", "x".repeat(4097));
    assert!(
        files.errors().starts_with("error: the PSK file DIR/peers.d/db-1.psk has more than 4096 octets\n")
    );
}

#[test]
fn two_peers_have_one_name_address_or_identity() {
    let files = Files::with_node();
    files.write("peers.d/a.toml", DB_1);
    files.write("peers.d/b.toml", format!("# The same again.\n{DB_1}"));
    assert_eq!(
        files.errors(),
        "\
error: two peers have the name `db-1`
  --> DIR/peers.d/b.toml:3:8
   |
 3 | name = \"db-1\"
   |        ^^^^^^
   = help: the other one is `db-1` at DIR/peers.d/a.toml:1:1

error: two peers have the address 192.0.2.20
  --> DIR/peers.d/b.toml:4:11
   |
 4 | address = \"192.0.2.20\"
   |           ^^^^^^^^^^^^
   = help: the other one is `db-1` at DIR/peers.d/a.toml:1:1

error: two peers have the identity db-1.example.net
  --> DIR/peers.d/b.toml:5:6
   |
 5 | id = \"db-1.example.net\"
   |      ^^^^^^^^^^^^^^^^^^
   = help: the other one is `db-1` at DIR/peers.d/a.toml:1:1"
    );
}

#[test]
fn two_tunnels_are_for_the_same_traffic() {
    let files = Files::with_node();
    let tunnel = |number: u8| {
        format!(
            "[[peer]]\nname = \"gw-{number}\"\naddress = \"198.51.100.{number}\"\npsk-file = \"db-1.psk\"\n\
             mode = \"tunnel\"\nlocal = \"10.1.0.0/16\"\nremote = [\"10.{number}.0.0/16\", \"10.9.0.0/16\"]\n"
        )
    };
    files.write("peers.d/gw.toml", tunnel(2) + &tunnel(3));
    assert_eq!(
        files.errors(),
        "\
error: the tunnel of `gw-3` is for the same traffic as another peer's
  --> DIR/peers.d/gw.toml:9:8
   |
 9 | name = \"gw-3\"
   |        ^^^^^^
   = help: the other one is `gw-2` at DIR/peers.d/gw.toml:1:1"
    );
}

#[test]
fn unknown_fields_are_corrected() {
    let files = Files::new();
    files.write("ikev2d.toml", format!("{NODE}colour = 1\n[default]\nmode = \"tunnel\"\n[[peers]]\n"));
    std::fs::create_dir(files.path("peers.d")).unwrap();
    files.write("peers.d/db-1.json", "{\"peer\": [{\n  \"name\": \"db-1\",\n  \"adress\": \"192.0.2.20\"}]}");
    assert_eq!(
        files.errors(),
        "\
error: unknown field `default`
  --> DIR/ikev2d.toml:6:2
   |
 6 | [default]
   |  ^^^^^^^
   = help: did you mean `defaults`?

error: unknown field `peers`
  --> DIR/ikev2d.toml:8:3
   |
 8 | [[peers]]
   |   ^^^^^
   = help: did you mean `peer`?

error: unknown field `colour`
  --> DIR/ikev2d.toml:5:1
   |
 5 | colour = 1
   | ^^^^^^
   = help: expected `id`, `listen`, `peers`, `control`, `ike-port`, `nat-port`, `dataplane`, `log` or `log-format`

error: unknown field `adress`
  --> DIR/peers.d/db-1.json:3:3
   |
 3 |   \"adress\": \"192.0.2.20\"}]}
   |   ^^^^^^^^
   = help: did you mean `address`?

error: missing field `address`
  --> DIR/peers.d/db-1.json:1:11
   |
 1 | {\"peer\": [{
   |           ^
   = help: say where the peer is: address = \"192.0.2.1\"

error: missing field `psk-file`
  --> DIR/peers.d/db-1.json:1:11
   |
 1 | {\"peer\": [{
   |           ^
   = help: name the file that holds the key in common with the peer"
    );
}

#[test]
fn a_key_in_the_configuration_is_not_shown() {
    assert_eq!(
        errors_of(&format!("{DB_1}psk = \"hunter2hunter2\"\n")),
        "\
error: unknown field `psk`
  --> DIR/peers.d/db-1.toml:6:1
   = help: keys stand in files of their own: name one by `psk-file`"
    );
    let syntax = errors_of(&format!("{DB_1}psk = hunter2hunter2\n"));
    assert!(syntax.starts_with("error: not TOML: ") && !syntax.contains("hunter2"), "{syntax}");
}

#[test]
fn a_peer_file_has_peers_alone() {
    assert_eq!(
        errors_of("[defaults]\nmode = \"tunnel\"\n"),
        "\
error: `defaults` in a peer file
  --> DIR/peers.d/db-1.toml:1:2
   |
 1 | [defaults]
   |  ^^^^^^^^
   = help: only the node file can have it"
    );
    assert_eq!(
        errors_of(&db_1("[[peer]]", "[peer]")),
        "\
error: `peer` must be an array of tables, not a table
  --> DIR/peers.d/db-1.toml:1:2
   |
 1 | [peer]
   |  ^^^^
   = help: write [[peer]]"
    );
}

#[test]
fn a_peer_is_the_node_itself() {
    let own_address = "\
error: 192.0.2.10 is this node's own address
  --> DIR/peers.d/db-1.toml:3:11
   |
 3 | address = \"192.0.2.10\"
   |           ^^^^^^^^^^^^
   = help: a node is no peer of its own: leave it out of its own peer files";
    assert_eq!(errors_of(&db_1("192.0.2.20", "192.0.2.10")), own_address);
    assert_eq!(
        errors_of(&db_1("db-1.example.net", "web-1.example.net")),
        "\
error: web-1.example.net is this node's own identity
  --> DIR/peers.d/db-1.toml:4:6
   |
 4 | id = \"web-1.example.net\"
   |      ^^^^^^^^^^^^^^^^^^^
   = help: a node is no peer of its own: leave it out of its own peer files"
    );
}

#[test]
fn without_listen_every_address_of_the_host_is_the_nodes_own() {
    let files = Files::with_node();
    files.write("peers.d/db-1.toml", db_1("192.0.2.20", "203.0.113.1"));
    assert_eq!(files.config().peers.len(), 1);
    files.write("ikev2d.toml", NODE.replace("listen = [\"192.0.2.10\"]\n", ""));
    assert!(files.errors().starts_with("error: 203.0.113.1 is this node's own address\n"));
}

#[test]
fn a_syntax_error_is_shown_where_it_is() {
    assert_eq!(
        errors_of("[[peer]]\nname = \n"),
        "\
error: not TOML: string values must be quoted, expected literal string
  --> DIR/peers.d/db-1.toml:2:8
   |
 2 | name =
   |        ^"
    );
    let files = Files::with_node();
    files.write("peers.d/db-1.json", "{\"peer\": [\n  {\"name\": }\n]}\n");
    assert_eq!(
        files.errors(),
        "\
error: not JSON: expected value
  --> DIR/peers.d/db-1.json:2:12
   |
 2 |   {\"name\": }
   |            ^"
    );
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let files = Files::new();
    files.write("ikev2d.toml", NODE);
    assert_eq!(
        files.errors(),
        "\
error: DIR/peers.d does not exist
  --> DIR/ikev2d.toml:4:9
   |
 4 | peers = \"peers.d\"
   |         ^^^^^^^^^"
    );
    files.write("peers.d/a.toml", b"name = \"\n\xff\"");
    files.write("peers.d/b.toml/c", "");
    symlink("nowhere", files.path("peers.d/c.json")).unwrap();
    let errors: Vec<String> =
        files.errors().lines().filter(|line| line.starts_with("error")).map(Into::into).collect();
    assert_eq!(
        errors,
        [
            "error: DIR/peers.d/a.toml is not UTF-8 text on line 2",
            "error: DIR/peers.d/b.toml is not a regular file",
            "error: DIR/peers.d/c.json does not exist",
        ]
    );
}

#[test]
fn all_wrong_values_are_reported_at_once() {
    let text = errors_of(
        "[[peer]]\nname = \"db 1\"\naddress = \"db-1\"\nid = \"\"\npsk-file = 1\nmode = \"tunel\"\n\
         local = \"10.1.0.1/16\"\nike = [\"aes128gcm16-prfsha256-x25519\", \"3des-sha1-modp1024\"]\nport = 0\n\
         liveness = \"30\"\nretransmissions = 99\nesp = []\n",
    );
    let errors: Vec<&str> = text.lines().filter(|line| line.starts_with("error")).collect();
    assert_eq!(
        errors,
        [
            "error: not a peer's name: `db 1`",
            "error: not an IP address: `db-1`",
            "error: an identity cannot be empty",
            "error: `psk-file` must be a string, not an integer",
            "error: `mode` cannot be `tunel`",
            "error: 10.1.0.1/16 has bits set in its last 16, the host's part",
            "error: `3des` is refused: its blocks of 64 bits are too short and it is slow (RFC 8221 section 5: \
             SHOULD NOT)",
            "error: not a port: 0",
            "error: not a duration: `30`",
            "error: `retransmissions` out of range: 99",
            "error: `esp` has 0 proposals",
        ]
    );
    assert!(
        text.contains(" 8 | ike = [\"aes128gcm16-prfsha256-x25519\", \"3des-sha1-modp1024\"]\n   |        ")
    );
}

#[test]
fn addresses_and_selectors_must_fit_together() {
    for (peer, message) in [
        (
            format!("{DB_1}local-address = \"2001:db8::1\"\n"),
            "`local-address` 2001:db8::1 cannot reach 192.0.2.20",
        ),
        (
            format!("{DB_1}local-address = \"192.0.2.11\"\n"),
            "`local-address` 192.0.2.11 is not among the node's `listen`",
        ),
        (db_1("192.0.2.20", "2001:db8::20"), "2001:db8::20 is IPv6, but none of the node's `listen` is"),
        (
            format!("{DB_1}remote = \"10.0.0.0/8\"\n"),
            "`remote` has addresses in transport mode, which is between the hosts themselves",
        ),
        (
            format!("{DB_1}mode = \"tunnel\"\nlocal = \"2001:db8:1::/48\"\nremote = [\"10.0.0.0/8\"]\n"),
            "a selector of one side fits none of the other side",
        ),
        (
            format!("{DB_1}mode = \"tunnel\"\nremote = [\"10.0.0.0/8\", \"2001:db8:1::/48\"]\n"),
            "a selector of one side fits none of the other side",
        ),
        (format!("{DB_1}retry-first = \"10m\"\n"), "`retry-first` (600s) is longer than `retry-most` (60s)"),
    ] {
        let errors = errors_of(&peer);
        let first = errors.lines().next().unwrap();
        assert_eq!(first, format!("error: {message}"));
        assert_eq!(errors.matches("error: ").count(), 1, "{errors}");
    }
}

#[test]
fn a_node_must_say_who_it_is() {
    let files = Files::new();
    files.write("ikev2d.toml", "[defaults]\n");
    assert_eq!(
        files.errors(),
        "\
error: missing field `node`
  --> DIR/ikev2d.toml:1:1
   |
 1 | [defaults]
   | ^
   = help: say who this node is: [node] with an `id`"
    );
    files.write("ikev2d.toml", "[node]\nike-port = 4500\n");
    assert_eq!(
        files.errors(),
        "\
error: missing field `id`
  --> DIR/ikev2d.toml:1:1
   |
 1 | [node]
   | ^^^^^^
   = help: say who this node is: id = \"host.example.net\"

error: `ike-port` and `nat-port` are both 4500
  --> DIR/ikev2d.toml:2:12
   |
 2 | ike-port = 4500
   |            ^^^^
   = help: they are two sockets: choose two ports"
    );
}
