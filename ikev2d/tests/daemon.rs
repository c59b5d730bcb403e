//! Two real daemons on loopback addresses, without a kernel's SAs: files in, states and messages out.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test"
)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use ikev2d::control::{Client, Request};
use serde_json::Value;
use tempfile::TempDir;

/// When a test gives up, which it does only when it fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// One node: its files, and the daemon while it runs.
struct Node {
    directory: TempDir,
    daemon: Option<Child>,
}

impl Node {
    /// Writes the files of the node `name` at `address`, which has one peer.
    fn new(name: &str, address: &str, port: u16, peer: (&str, &str), psk: &str) -> Node {
        let node = Node { directory: tempfile::tempdir().unwrap(), daemon: None };
        node.write(
            "ikev2d.toml",
            &format!(
                "[node]\nid = \"{name}.test\"\nlisten = [\"{address}\"]\npeers = \"peers.d\"\n\
                 control = \"control.sock\"\nike-port = {port}\nnat-port = {}\n",
                port.wrapping_sub(1)
            ),
        );
        fs::create_dir(node.directory.path().join("peers.d")).unwrap();
        let (peer, remote) = peer;
        node.write("peers.d/peer.toml", &Node::peer(peer, remote, port));
        node.write("peers.d/peer.psk", psk);
        node
    }

    fn peer(name: &str, address: &str, port: u16) -> String {
        format!(
            "[[peer]]\nname = \"{name}\"\naddress = \"{address}\"\nport = {port}\nid = \"{name}.test\"\n\
             psk-file = \"peer.psk\"\n"
        )
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.directory.path().join(file);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn config(&self) -> PathBuf {
        self.directory.path().join("ikev2d.toml")
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ikev2d"));
        command.arg("--config").arg(self.config()).args(["--data-plane", "null"]);
        command
    }

    /// Starts the daemon and waits until it says that it is ready.
    fn start(&mut self) {
        let mut child = self.command().stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let ready = log.by_ref().map(Result::unwrap).inspect(|line| println!("{line}"));
        assert!(
            ready.into_iter().any(|line| line.contains("is ready")),
            "the daemon ended before it was ready"
        );
        // The log must be read, or the daemon would stop at a full pipe.
        std::thread::spawn(move || log.map_while(Result::ok).for_each(|line| println!("{line}")));
        self.daemon = Some(child);
    }

    fn ikectl(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ikectl"));
        command.arg("--socket").arg(self.directory.path().join("control.sock")).args(arguments);
        command.output().unwrap()
    }

    fn peer_status(&self) -> Value {
        let output = self.ikectl(&["status", "--json"]);
        let status: Value = serde_json::from_slice(&output.stdout).unwrap();
        status["peers"][0].clone()
    }

    /// The inbound and outbound SPI of the only Child SA.
    fn spis(&self) -> (String, String) {
        let status = self.peer_status();
        let child = &status["ike_sas"][0]["children"][0];
        let spi = |name: &str| child[name].as_str().unwrap_or_else(|| panic!("{status}")).to_owned();
        (spi("inbound_spi"), spi("outbound_spi"))
    }

    /// Events from now on.
    fn monitor(&self) -> Client {
        let mut client = Client::connect(&self.directory.path().join("control.sock")).unwrap();
        client.ask(&Request::Monitor {}).unwrap();
        client
    }

    /// Sends a signal and gives back the exit status.
    fn stop(&mut self, signal: nix::sys::signal::Signal) -> Option<i32> {
        let mut child = self.daemon.take()?;
        let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
        nix::sys::signal::kill(pid, signal).unwrap();
        child.wait().unwrap().code()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.stop(nix::sys::signal::Signal::SIGKILL);
    }
}

/// Why the node's next event of this kind happened.
fn wait_for(events: &mut Client, kind: &str) -> Option<String> {
    loop {
        let event = events.next_event(Some(PATIENCE)).unwrap().unwrap_or_else(|| panic!("no {kind}"));
        if event.event == kind {
            return event.reason;
        }
    }
}

/// A port that is free on all addresses, and the one below it most likely.
fn free_port() -> u16 {
    UdpSocket::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port()
}

fn pair(last: u8, psk_a: &str, psk_b: &str) -> (Node, Node) {
    let port = free_port();
    let (a, b) = (format!("127.1.1.{last}"), format!("127.1.2.{last}"));
    (Node::new("a", &a, port, ("b", &b), psk_a), Node::new("b", &b, port, ("a", &a), psk_b))
}

fn text(octets: &[u8]) -> String {
    String::from_utf8(octets.to_vec()).unwrap()
}

#[test]
fn two_nodes_connect_reload_and_part() {
    let (mut a, mut b) = pair(1, "one key for both of us", "one key for both of us");
    a.start();
    b.start();
    let up = a.ikectl(&["up", "b"]);
    assert!(up.status.success(), "{}", text(&up.stderr));
    assert!(b.ikectl(&["up", "a"]).status.success());
    let before = a.spis();
    assert_eq!(b.spis(), (before.1.clone(), before.0.clone()));

    // The same files again, and then broken ones, change nothing.
    assert!(
        text(&a.ikectl(&["reload"]).stdout).contains("0 added, 0 removed, 0 changed, 0 touched, 1 unchanged")
    );
    a.write("peers.d/other.toml", "[[peer]]\nname = \"c\"\nadress = \"127.1.3.1\"\n");
    let refused = a.ikectl(&["reload"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("other.toml:3:1"), "{}", text(&refused.stderr));
    assert_eq!(a.spis(), before);

    // A peer that goes from the configuration is told so.
    let mut events = b.monitor();
    fs::remove_file(a.directory.path().join("peers.d/other.toml")).unwrap();
    fs::remove_file(a.directory.path().join("peers.d/peer.toml")).unwrap();
    assert!(text(&a.ikectl(&["reload"]).stdout).contains("1 removed"));
    assert_eq!(wait_for(&mut events, "ike-down").as_deref(), Some("deleted by the peer"));
    assert!(a.peer_status().is_null());
    assert_eq!(a.stop(nix::sys::signal::Signal::SIGTERM), Some(0));
    assert!(!a.directory.path().join("control.sock").exists());
}

#[test]
fn a_stopping_node_says_goodbye() {
    let (mut a, mut b) = pair(2, "one key for both of us", "one key for both of us");
    a.start();
    b.start();
    assert!(b.ikectl(&["up", "a"]).status.success());
    let mut events = b.monitor();
    assert_eq!(a.stop(nix::sys::signal::Signal::SIGTERM), Some(0));
    assert_eq!(wait_for(&mut events, "ike-down").as_deref(), Some("deleted by the peer"));
    let gone = a.ikectl(&["status"]);
    assert_eq!(gone.status.code(), Some(3));
    assert!(text(&gone.stderr).contains("ikev2d is not running"));
}

#[test]
fn a_wrong_key_is_named_on_both_sides() {
    let (mut a, mut b) = pair(3, "one key for both of us", "quite another key of his");
    a.start();
    b.start();
    let up = a.ikectl(&["up", "b"]);
    assert_eq!(up.status.code(), Some(1));
    assert!(text(&up.stderr).contains("AUTHENTICATION_FAILED"), "{}", text(&up.stderr));
    for node in [&a, &b] {
        let reason = node.peer_status()["last_failure"]["reason"].as_str().unwrap_or_default().to_owned();
        assert!(reason.contains("AUTHENTICATION_FAILED"), "{reason}");
        assert!(text(&node.ikectl(&["status"]).stdout).contains("AUTHENTICATION_FAILED"));
    }
}

#[test]
fn what_keeps_a_daemon_from_starting_is_said_in_one_line() {
    let (mut a, b) = pair(4, "one key for both of us", "one key for both of us");
    a.start();
    let second = a.command().output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert!(text(&second.stderr).contains("ikev2d is already running (process "), "{}", text(&second.stderr));

    let listen = fs::read_to_string(a.config()).unwrap();
    b.write("ikev2d.toml", &listen);
    b.write("peers.d/peer.toml", "");
    let in_use = b.command().output().unwrap();
    assert_eq!(in_use.status.code(), Some(1));
    assert!(text(&in_use.stderr).contains("on 127.1.1.4 is in use"), "{}", text(&in_use.stderr));

    b.write("ikev2d.toml", "[node]\nid = 5\n");
    let broken = b.command().output().unwrap();
    assert_eq!(broken.status.code(), Some(2));
    assert!(text(&broken.stderr).contains("ikev2d.toml:2:6"), "{}", text(&broken.stderr));
    assert_eq!(b.command().arg("--check").output().unwrap().status.code(), Some(2));
    assert_eq!(a.command().arg("--check").output().unwrap().status.code(), Some(0));
    assert_eq!(a.command().arg("--no-such-flag").output().unwrap().status.code(), Some(2));
}
