//! IKE's sockets on loopback: addresses, families, large datagrams.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test"
)]

mod common;

use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr, UdpSocket};

use ike_proto::output::{Path, Socket, Transmit};
use ikev2d::net::{Listen, NoExemption, RECEIVE_BUFFER, Received, Sockets};

fn open(addresses: &[&str]) -> Sockets {
    let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
    Sockets::open(&Listen { addresses, ike_port: 0, nat_port: 0 }, &NoExemption).unwrap()
}

/// The address of the first socket of a family (port 500's).
fn ike_socket(sockets: &Sockets, ipv6: bool) -> SocketAddr {
    sockets.addresses().find(|address| address.is_ipv6() == ipv6).unwrap()
}

async fn receive(sockets: &mut Sockets) -> (Received, Vec<u8>) {
    let mut buffer = vec![0; RECEIVE_BUFFER];
    loop {
        let index = poll_fn(|context| sockets.poll_readable(context)).await;
        if let Some(received) = sockets.receive(index, &mut buffer) {
            let received = received.unwrap();
            buffer.truncate(received.length);
            return (received, buffer);
        }
    }
}

/// Sends a request to `to` and gives back its path as the sockets saw it, once an answer has come from the same address.
async fn ask(sockets: &mut Sockets, to: SocketAddr, octets: &[u8]) -> Path {
    let any = if to.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" };
    let client = UdpSocket::bind(any).unwrap();
    client.send_to(octets, to).unwrap();
    let (Received { path, .. }, request) = receive(sockets).await;
    assert_eq!(request, octets);
    assert_eq!(path.remote, client.local_addr().unwrap());
    sockets.send(&Transmit { path, octets: octets.to_vec() }).unwrap();
    let mut answer = vec![0; RECEIVE_BUFFER];
    let (length, from) = client.recv_from(&mut answer).unwrap();
    assert_eq!((&answer[..length], from), (octets, to));
    path
}

#[tokio::test]
async fn an_answer_leaves_from_the_address_that_was_asked() {
    let mut sockets = open(&[]);
    let port = ike_socket(&sockets, false).port();
    for address in ["127.0.0.1", "127.0.0.2", "127.9.8.7"] {
        let to = SocketAddr::new(address.parse().unwrap(), port);
        let path = ask(&mut sockets, to, b"request").await;
        assert_eq!((path.local, path.socket), (to, Socket::Ike));
    }
}

#[tokio::test]
async fn both_families_and_both_ports_are_served() {
    let mut sockets = open(&["127.0.0.3", "::1"]);
    let all: Vec<SocketAddr> = sockets.addresses().collect();
    assert_eq!(all.len(), 4);
    for (number, to) in all.into_iter().enumerate() {
        let path = ask(&mut sockets, to, b"request").await;
        let expected = if number % 2 == 0 { Socket::Ike } else { Socket::NatTraversal };
        assert_eq!((path.local, path.socket), (to, expected));
    }
}

#[tokio::test]
async fn a_datagram_larger_than_the_link_goes_in_fragments() {
    if !common::enter_new_namespace() {
        return;
    }
    common::ip("link set lo mtu 1280 up");
    let mut sockets = open(&["127.0.0.1", "::1"]);
    for ipv6 in [false, true] {
        let to = ike_socket(&sockets, ipv6);
        ask(&mut sockets, to, &[7; 20_000]).await;
    }
}

#[tokio::test]
async fn a_path_without_a_socket_is_an_error_and_no_answer_from_elsewhere() {
    let sockets = open(&["127.0.0.1"]);
    let remote = "127.0.0.1:9".parse().unwrap();
    let path = Path { local: "127.0.0.2:500".parse().unwrap(), remote, socket: Socket::Ike };
    let error = sockets.send(&Transmit { path, octets: vec![0] }).unwrap_err();
    assert_eq!(error.to_string(), "no socket is bound to 127.0.0.2:500");
}

#[tokio::test]
async fn we_speak_from_an_address_that_we_listen_on() {
    let (here, elsewhere): (IpAddr, IpAddr) = ("127.0.0.2".parse().unwrap(), "127.0.0.1".parse().unwrap());
    assert_eq!(open(&["127.0.0.2"]).source_for(elsewhere), here);
    assert_eq!(open(&["127.0.0.2", "127.0.0.1"]).source_for(elsewhere), elsewhere);
    assert_eq!(open(&[]).source_for(elsewhere), elsewhere);
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let listen = Listen { addresses: vec!["127.0.0.1".parse().unwrap()], ike_port: port, nat_port: 0 };
    let message = Sockets::open(&listen, &NoExemption).unwrap_err().to_string();
    assert!(message.starts_with(&format!("UDP port {port} on 127.0.0.1 is in use")), "{message}");
}

#[tokio::test]
async fn an_address_that_we_do_not_have_is_named() {
    let listen = Listen { addresses: vec!["192.0.2.77".parse().unwrap()], ike_port: 0, nat_port: 0 };
    let message = Sockets::open(&listen, &NoExemption).unwrap_err().to_string();
    assert!(message.starts_with("cannot listen on 192.0.2.77: no interface has this address"), "{message}");
}
