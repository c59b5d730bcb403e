//! Two real daemons in two network namespaces, carrying ESP themselves: what passes, what the wire shows, what is held
//! back. Needs root and a kernel with TUN; ESP in the kernel is not needed.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    reason = "a test"
)]

mod namespaces;

use std::io::{Read, Write};
use std::net::{IpAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use namespaces::Pair;

/// What is sent through the tunnel, and must never be seen outside.
const SECRET: &[u8] = b"nobody outside may read this line";

/// Sends a line from A to B and back, each time from and to the nodes' inner addresses. `None` if nothing came.
fn exchange(pair: &Pair, from: &str, to: &str) -> Option<()> {
    const PORT: u16 = 7777;
    let server = pair.b.inside(|| UdpSocket::bind((to.parse::<IpAddr>().unwrap(), PORT)).unwrap());
    let client = pair.a.inside(|| UdpSocket::bind((from.parse::<IpAddr>().unwrap(), 0)).unwrap());
    // A datagram may be lost, as anywhere; what is held back never comes.
    for socket in [&server, &client] {
        socket.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    }
    let mut buffer = [0; 100];
    (0..5).find_map(|_| {
        // A prohibited destination is refused at once.
        client.send_to(SECRET, (to.parse::<IpAddr>().unwrap(), PORT)).ok()?;
        let (length, back) = server.recv_from(&mut buffer).ok()?;
        assert_eq!(&buffer[..length], SECRET);
        assert_eq!(back.ip().to_string(), from);
        server.send_to(SECRET, back).ok()?;
        client.recv_from(&mut buffer).ok().map(|_| ())
    })
}

#[test]
fn hosts_speak_in_secret_and_fail_closed() {
    for (a, b) in [("10.9.0.1", "10.9.0.2"), ("fd09::1", "fd09::2")] {
        let Some(mut pair) = Pair::new(a, b) else { return };
        let mut wire = pair.capture();
        pair.a.start();
        assert_eq!(exchange(&pair, a, b), None, "without an SA nothing passes");
        pair.b.start();
        pair.a.up();
        let status = pair.a.status();
        assert_eq!(
            (status["data_plane"].as_str(), status["data_plane_reason"].as_str()),
            (Some("userspace"), Some("as configured"))
        );
        let child = &status["peers"][0]["ike_sas"][0]["children"][0];
        assert_eq!(
            (child["encapsulated"].as_bool(), child["mode"].as_str()),
            (Some(true), Some("transport"))
        );
        exchange(&pair, a, b).unwrap_or_else(|| panic!("nothing passes; {}", pair.a.status()));
        let counted = pair.a.status()["peers"][0]["ike_sas"][0]["children"][0]["packets_out"].as_u64();
        assert!(counted.unwrap() >= 1);

        // What is longer than the wire takes goes through in fragments, which the wire may not show either.
        let long: Vec<u8> = SECRET.iter().copied().cycle().take(9000).collect();
        let receiver = pair.b.inside(|| UdpSocket::bind((b.parse::<IpAddr>().unwrap(), 0)).unwrap());
        let sender = pair.a.inside(|| UdpSocket::bind((a.parse::<IpAddr>().unwrap(), 0)).unwrap());
        receiver.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        sender.send_to(&long, receiver.local_addr().unwrap()).unwrap();
        let mut buffer = vec![0; 10_000];
        let length = receiver.recv(&mut buffer).unwrap_or_else(|_| panic!("{}", pair.a.status()));
        assert!(buffer[..length] == long);

        // A peer that is killed leaves nothing in clear, in neither direction, and comes back by itself.
        pair.b.kill();
        assert_eq!(exchange(&pair, a, b), None);
        let to = (a.parse::<IpAddr>().unwrap(), 9);
        let from = (b.parse::<IpAddr>().unwrap(), 0);
        let sent = pair.b.inside(|| UdpSocket::bind(from).unwrap().send_to(SECRET, to));
        assert!(sent.is_err(), "a dead daemon's routes let nothing pass");
        pair.b.start();
        pair.b.up();
        exchange(&pair, a, b).unwrap_or_else(|| panic!("nothing passes again; {}", pair.a.status()));

        // Told to be down, they are. Each would connect again if only the other were told.
        pair.a.ikectl(&["down", "b"]);
        pair.b.ikectl(&["down", "a"]);
        assert_eq!(exchange(&pair, a, b), None, "down is down");
        let (frames, secrets) = wire.seen(SECRET);
        assert!(frames > 10, "{frames} frames seen");
        assert_eq!(secrets, 0, "in clear on the wire");

        // A daemon that is stopped gives the traffic back to the host's own routes.
        assert_eq!((pair.a.stop(), pair.b.stop()), (Some(0), Some(0)));
        exchange(&pair, a, b).unwrap_or_else(|| panic!("the routes are left"));
        assert!(wire.seen(SECRET).1 > 0, "the capture sees what is in clear");
    }
}

#[test]
fn prefixes_behind_the_hosts_are_joined_and_nothing_else() {
    let tunnel = |local: &str, remote: &str| {
        format!("mode = \"tunnel\"\nlocal = \"{local}\"\nremote = \"{remote}\"\n")
    };
    let Some(mut pair) = Pair::new("10.9.0.1", "10.9.0.2") else { return };
    pair.a.configure(&tunnel("10.1.0.0/24", "10.2.0.0/24"));
    pair.b.configure(&tunnel("10.2.0.0/24", "10.1.0.0/24"));
    for address in ["10.1.0.1/32", "10.1.1.1/32"] {
        pair.a.ip(&format!("addr add {address} dev lo"));
    }
    pair.b.ip("addr add 10.2.0.1/32 dev lo");
    let mut wire = pair.capture();
    pair.a.start();
    pair.b.start();
    pair.a.up();
    exchange(&pair, "10.1.0.1", "10.2.0.1").unwrap_or_else(|| panic!("nothing passes; {}", pair.a.status()));
    assert_eq!(wire.seen(SECRET).1, 0, "in clear on the wire");
    assert_eq!(exchange(&pair, "10.1.1.1", "10.2.0.1"), None, "not of the SA's traffic");
    assert!(pair.a.status()["packet_drops"]["out-not-selected"].as_u64().unwrap() >= 1);
    // The hosts' own addresses are no part of this tunnel.
    exchange(&pair, "10.9.0.1", "10.9.0.2").unwrap_or_else(|| panic!("the hosts' own traffic is held back"));
}

#[test]
fn what_comes_in_clear_is_not_taken() {
    if !has_nft() {
        println!("skipped: there is no nft");
        return;
    }
    for (a, b) in [("10.9.0.1", "10.9.0.2"), ("fd09::1", "fd09::2")] {
        let Some(mut pair) = Pair::new(a, b) else { return };
        let (a, b): (IpAddr, IpAddr) = (a.parse().unwrap(), b.parse().unwrap());
        let listener = pair.a.inside(|| UdpSocket::bind((a, 0)).unwrap());
        listener.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        let to = listener.local_addr().unwrap();
        let sender = pair.b.inside(|| UdpSocket::bind((b, 0)).unwrap());
        let arrives = || {
            let mut buffer = [0; 100];
            // What came too late before does not count now.
            listener.set_nonblocking(true).unwrap();
            while listener.recv_from(&mut buffer).is_ok() {}
            listener.set_nonblocking(false).unwrap();
            // The wire is up some time after its ends are.
            (0..10).any(|_| {
                sender.send_to(SECRET, to).unwrap();
                listener.recv_from(&mut buffer).is_ok()
            })
        };
        assert!(arrives(), "without a daemon");
        pair.a.start();
        assert!(!arrives(), "with one");
        pair.a.kill();
        assert!(!arrives(), "a dead daemon's rules stay");
        pair.a.start();
        assert_eq!(pair.a.stop(), Some(0));
        assert!(arrives(), "a stopped one's do not");
    }
}

/// Octets that no repetition hides an error in.
fn octets(count: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    (0..count).map(|_| next()).collect()
}

/// Sends octets from A to B by TCP and compares them.
fn transfer(pair: &Pair, a: IpAddr, b: IpAddr, count: usize) {
    let listener = pair.b.inside(|| TcpListener::bind((b, 0)).unwrap());
    let to = listener.local_addr().unwrap();
    let receiver = std::thread::spawn(move || {
        let mut received = Vec::new();
        listener.accept().unwrap().0.read_to_end(&mut received).unwrap();
        received
    });
    let mut stream = pair.a.inside(|| TcpStream::connect(to).unwrap());
    assert_eq!(stream.local_addr().unwrap().ip(), a);
    let sent = octets(count);
    stream.write_all(&sent).unwrap();
    drop(stream);
    assert!(receiver.join().unwrap() == sent, "other octets came than were sent");
}

#[test]
fn tcp_passes_whole_while_the_path_shrinks() {
    const SOME: usize = 4 << 20;
    for (a, b) in [("10.9.0.1", "10.9.0.2"), ("fd09::1", "fd09::2")] {
        let Some(mut pair) = Pair::new(a, b) else { return };
        pair.a.start();
        pair.b.start();
        pair.a.up();
        let (a, b): (IpAddr, IpAddr) = (a.parse().unwrap(), b.parse().unwrap());
        transfer(&pair, a, b, SOME);
        // The routes still say the old MTU; ICMP errors tell TCP of the new one.
        for host in [&pair.a, &pair.b] {
            host.ip("link set wire0 mtu 1400");
        }
        transfer(&pair, a, b, SOME);
        let drops = pair.a.status()["packet_drops"].clone();
        assert!(drops["out-too-big"].as_u64().is_some_and(|count| count < 100), "{drops}");
    }
}

#[test]
fn auto_says_what_it_chose_and_why() {
    let Some(mut pair) = Pair::new("10.9.0.1", "10.9.0.2") else { return };
    pair.a.configure_plane("auto");
    if !has_nft() && !pair.a.inside(has_esp) {
        // Fail closed: nobody chose to let in what comes in clear.
        let said = pair.a.start_in_vain();
        assert!(said.contains("esp4") && said.contains("install nftables"), "{said}");
        return;
    }
    pair.a.start();
    let status = pair.a.status();
    let reason = status["data_plane_reason"].as_str().unwrap().to_owned();
    let expected = match status["data_plane"].as_str().unwrap() {
        "xfrm" => "auto: the kernel has ESP",
        "userspace" => "auto: the kernel cannot: ",
        other => panic!("{other}"),
    };
    assert!(reason.starts_with(expected), "{reason}");
    println!("{reason}");
}

fn has_nft() -> bool {
    std::process::Command::new("nft").arg("--version").output().is_ok()
}

/// Whether the kernel takes an SA; in a namespace of the caller's own.
fn has_esp() -> bool {
    let add = "xfrm state add src 127.0.0.1 dst 127.0.0.2 proto esp spi 0x100 mode transport aead rfc4106(gcm(aes)) \
               0x0000000000000000000000000000000000000000 128";
    std::process::Command::new("ip")
        .args(add.split_whitespace())
        .output()
        .is_ok_and(|output| output.status.success())
}
