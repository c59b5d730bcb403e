//! SAs against a kernel with ESP: installed and read back, expiring, carrying packets between two namespaces.
//!
//! Runs when `IKEV2D_KERNEL_TESTS=1` (as root; `cargo xtask lab` sets it in its guest); else each test prints that
//! it was skipped. The binary needs `ip` (iproute2) and nothing else, so it can be copied to another machine.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests
#![allow(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm)] // tests

mod common;

use std::net::{IpAddr, UdpSocket};
use std::os::fd::AsFd;
use std::time::Duration;

use common::{Namespace, addr, ip, kernel, wait_for};
use xfrm::*;

const MARK: Mark = Mark { value: 0x21, mask: 0xff };

/// The kernel in a new namespace, when these tests are wanted.
fn kernel_with_esp() -> Option<(Namespace, Kernel)> {
    if std::env::var_os("IKEV2D_KERNEL_TESTS").is_none_or(|value| value != "1") {
        eprintln!("skipped: IKEV2D_KERNEL_TESTS is not 1");
        return None;
    }
    Some(kernel().expect("root, and a kernel with XFRM"))
}

fn key(octets: usize, fill: u8) -> Secret {
    Secret::copy_from(&vec![fill; octets])
}

/// Every combination of algorithms, keyed with octets of `fill`.
fn protections(fill: u8) -> Vec<Protection> {
    let mut all = Vec::new();
    for octets in [20, 28, 36] {
        all.push(Protection::aead(Aead::AesGcm16, key(octets, fill)));
    }
    all.push(Protection::aead(Aead::ChaCha20Poly1305, key(36, fill)));
    for cipher_key in [16, 24, 32] {
        for (integrity, octets) in [
            (Integrity::HmacSha256_128, 32),
            (Integrity::HmacSha384_192, 48),
            (Integrity::HmacSha512_256, 64),
        ] {
            all.push(Protection::separate(
                Cipher::AesCbc,
                key(cipher_key, fill),
                integrity,
                key(octets, fill),
            ));
        }
    }
    all.into_iter().map(Result::unwrap).collect()
}

fn gcm() -> Protection {
    Protection::aead(Aead::AesGcm16, key(20, 3)).unwrap()
}

/// SAs that differ in everything but their algorithms; the SPI is their number.
fn every_shape() -> Vec<(SaDirection, SaParameters)> {
    let mut all = Vec::new();
    for (here, there) in [("192.0.2.1", "192.0.2.2"), ("2001:db8::1", "2001:db8::2")] {
        for mode in [Mode::Transport, Mode::Tunnel] {
            let id = SaId::new(addr(here), addr(there), Spi(0));
            let plain = SaParameters::new(id, Reqid(7), mode);
            let host = |text| Prefix::host(addr(text));
            let selector = Selector {
                protocol: 17,
                source_ports: Ports::one(500),
                ..Selector::between(host(here), host(there))
            };
            let limits = |n: u64| Limits {
                seconds: Some(1000 + n),
                bytes: Some(1 << (40 + n)),
                packets: Some(n * 1_000_000),
            };
            let marked = SaId { mark: Some(MARK), ..id };
            let encapsulation = Some(Encapsulation { source_port: 4500, destination_port: 4501 });
            let common = [
                plain.clone(),
                SaParameters { id: marked, ..plain.clone() },
                SaParameters { if_id: 42, ..plain.clone() },
                SaParameters { encapsulation, ..plain.clone() },
                SaParameters { soft: limits(1), hard: limits(2), ..plain.clone() },
                SaParameters { selector: Some(selector), ..plain.clone() },
                SaParameters {
                    reqid: Reqid(0),
                    id: marked,
                    if_id: u32::MAX,
                    encapsulation,
                    soft: limits(3),
                    ..plain.clone()
                },
            ];
            for parameters in common {
                for esn in [false, true] {
                    all.push((SaDirection::Out, SaParameters { esn, ..parameters.clone() }));
                    let replay_window = if esn { 64 } else { 32 };
                    all.push((SaDirection::In, SaParameters { esn, replay_window, ..parameters.clone() }));
                }
            }
            for replay_window in [0, 1, 31, 33, 1000, MAX_REPLAY_WINDOW] {
                let esn = replay_window != 0;
                all.push((SaDirection::In, SaParameters { replay_window, ..plain.clone() }));
                all.push((SaDirection::In, SaParameters { replay_window, esn, ..plain.clone() }));
            }
            let flags = SaFlags::NO_ECN | SaFlags::NO_PMTU_DISCOVERY;
            all.push((SaDirection::Out, SaParameters { flags, ..plain.clone() }));
            let flags = SaFlags::DECAP_DSCP | SaFlags::ICMP;
            all.push((SaDirection::In, SaParameters { flags, ..plain.clone() }));
        }
    }
    for (number, (_, parameters)) in all.iter_mut().enumerate() {
        parameters.id.spi = Spi(0x1000 + u32::try_from(number).unwrap());
    }
    all
}

/// Whether this kernel (6.10 and later) tells the direction of an SA.
fn knows_directions() -> bool {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release.split('.').map(|number| number.parse::<u32>().unwrap_or(0));
    (numbers.next().unwrap(), numbers.next().unwrap()) >= (6, 10)
}

/// Installs SAs, compares them with what the kernel then has, one by one and all at once, and deletes them.
fn round_trip(kernel: &mut Kernel, sas: Vec<Sa>) {
    let wanted: Vec<_> =
        sas.iter().map(|sa| (sa.direction, sa.parameters.clone(), sa.protection.algorithms())).collect();
    let add: Vec<_> = sas.into_iter().map(Operation::AddSa).collect();
    for (result, sa) in kernel.apply(&add).into_iter().zip(&wanted) {
        assert_eq!(result, Ok(()), "{sa:?}");
    }
    let dump = kernel.sas().unwrap();
    assert_eq!((dump.entries.len(), dump.foreign), (wanted.len(), 0));
    for (direction, parameters, algorithms) in &wanted {
        let state = kernel.sa(&parameters.id).unwrap().unwrap();
        let mut parameters = parameters.clone();
        if *direction == SaDirection::Out && parameters.esn && !knows_directions() {
            parameters.replay_window = 1;
        }
        assert_eq!(state.parameters, parameters);
        assert_eq!(state.algorithms, *algorithms);
        assert_eq!(state.direction, knows_directions().then_some(*direction));
        assert_eq!((state.sent, state.received, state.counters.packets), (0, 0, 0));
        assert!(dump.entries.contains(&state), "{state:?}");
    }
    let delete: Vec<_> = wanted.iter().map(|(_, parameters, _)| Operation::DeleteSa(parameters.id)).collect();
    for result in kernel.apply(&delete) {
        assert_eq!(result, Ok(()));
    }
    assert_eq!(kernel.sas().unwrap().entries, []);
}

#[test]
fn every_shape_of_sa_is_read_back_as_it_was_installed() {
    let Some((_namespace, mut kernel)) = kernel_with_esp() else { return };
    let sa = |(direction, parameters)| Sa { direction, parameters, protection: gcm() };
    round_trip(&mut kernel, every_shape().into_iter().map(sa).collect());
}

#[test]
fn every_algorithm_is_read_back_as_it_was_installed() {
    let Some((_namespace, mut kernel)) = kernel_with_esp() else { return };
    let mut sas = Vec::new();
    for (here, there) in [("192.0.2.1", "192.0.2.2"), ("2001:db8::1", "2001:db8::2")] {
        for (number, protection) in protections(5).into_iter().enumerate() {
            let spi = Spi(0x1000 + u32::try_from(number).unwrap());
            let parameters =
                SaParameters::new(SaId::new(addr(here), addr(there), spi), Reqid(1), Mode::Transport);
            sas.push(Sa { direction: SaDirection::Out, parameters, protection });
        }
    }
    round_trip(&mut kernel, sas);
}

#[test]
fn a_kernel_with_esp_has_every_algorithm_that_is_probed() {
    let Some((_namespace, mut kernel)) = kernel_with_esp() else { return };
    for support in kernel.probe() {
        assert_eq!(support.result, Ok(()), "{:?} {}", support.family, support.algorithms);
    }
    assert_eq!(kernel.sas().unwrap().entries, []);
}

#[test]
fn what_the_kernel_refuses_is_told_with_its_own_words() {
    let Some((_namespace, mut kernel)) = kernel_with_esp() else { return };
    let id = SaId::new(addr("192.0.2.1"), addr("192.0.2.2"), Spi(0x1000));
    let inbound = |replay_window, esn| Sa {
        direction: SaDirection::In,
        parameters: SaParameters { replay_window, esn, ..SaParameters::new(id, Reqid(1), Mode::Transport) },
        protection: gcm(),
    };
    let results = kernel.apply(&[
        Operation::AddSa(inbound(32, false)),
        Operation::AddSa(inbound(32, false)), // again
        Operation::AddSa(inbound(0, true)),   // never sent
        Operation::DeleteSa(id),
        Operation::DeleteSa(id), // again
    ]);
    assert_eq!(results[0], Ok(()));
    let error = results[1].as_ref().unwrap_err();
    assert!(error.is_already_there(), "{error}");
    assert!(error.to_string().starts_with("add SA 192.0.2.1 -> 192.0.2.2 spi 0x00001000: "), "{error}");
    assert!(matches!(results[2].as_ref().unwrap_err().cause, Cause::Invalid(_)));
    assert_eq!(results[3], Ok(()));
    assert!(results[4].as_ref().unwrap_err().is_not_there());

    let mut dscp = inbound(0, false);
    dscp.direction = SaDirection::Out;
    dscp.parameters.flags = SaFlags::DECAP_DSCP;
    // Kernels since 6.10 refuse the flag on an outbound SA, and say why.
    if let Err(error) = kernel.apply_one(Operation::AddSa(dscp)) {
        assert!(matches!(&error.cause, Cause::Refused { errno: libc::EINVAL, message: Some(_) }), "{error}");
    }
}

#[test]
fn an_update_changes_the_limits_and_keeps_the_rest() {
    let Some((_namespace, mut kernel)) = kernel_with_esp() else { return };
    let id = SaId::new(addr("192.0.2.1"), addr("192.0.2.2"), Spi(0x1000));
    let outbound = |seconds| Sa {
        direction: SaDirection::Out,
        parameters: SaParameters {
            hard: Limits { seconds: Some(seconds), ..Limits::default() },
            ..SaParameters::new(id, Reqid(1), Mode::Transport)
        },
        protection: gcm(),
    };
    assert!(kernel.apply_one(Operation::UpdateSa(outbound(50))).unwrap_err().is_not_there());
    kernel.apply_one(Operation::AddSa(outbound(100))).unwrap();
    kernel.apply_one(Operation::UpdateSa(outbound(200))).unwrap();
    let state = kernel.sa(&id).unwrap().unwrap();
    assert_eq!(state.parameters, outbound(200).parameters);
    assert_eq!(state.algorithms, gcm().algorithms());
}

#[test]
fn both_limits_of_an_sa_are_told_with_its_mark_and_interface() {
    let Some((_namespace, mut kernel)) = kernel_with_esp() else { return };
    let mut events = Events::open(&[Group::Expire]).unwrap();
    let id = SaId { mark: Some(MARK), ..SaId::new(addr("192.0.2.1"), addr("192.0.2.2"), Spi(0x1000)) };
    let seconds = |n| Limits { seconds: Some(n), ..Limits::default() };
    let parameters = SaParameters {
        if_id: 42,
        soft: seconds(1),
        hard: seconds(5),
        ..SaParameters::new(id, Reqid(7), Mode::Transport)
    };
    let sa = Sa { direction: SaDirection::Out, parameters, protection: gcm() };
    kernel.apply_one(Operation::AddSa(sa)).unwrap();
    for hard in [false, true] {
        let told = wait_for(&mut events, |event| match event {
            Event::Expire(expire) => Some(expire),
            _ => None,
        });
        assert_eq!((told.id, told.hard, told.reqid, told.if_id), (id, hard, Reqid(7), 42));
        assert_eq!(kernel.sa(&id).unwrap().is_none(), hard);
    }
}

/// Two namespaces with a cable between them.
struct Pair {
    left: (Namespace, Kernel),
    right: (Namespace, Kernel),
}

const LEFT: [&str; 2] = ["192.0.2.1", "2001:db8::1"];
const RIGHT: [&str; 2] = ["192.0.2.2", "2001:db8::2"];

impl Pair {
    fn new() -> Option<Self> {
        let left = kernel_with_esp()?;
        let right = kernel_with_esp()?;
        ip(&format!("link add v0 type veth peer name v0 netns {}", left.0.path()));
        for ((namespace, _), [v4, v6]) in [(&left, LEFT), (&right, RIGHT)] {
            namespace.enter();
            ip("link set v0 up");
            ip(&format!("address add {v4}/24 dev v0"));
            ip(&format!("address add {v6}/64 dev v0 nodad"));
        }
        Some(Self { left, right })
    }

    /// Installs one SA for each direction at both ends, and the policies that demand them.
    fn protect(&mut self, protection: fn() -> Protection, template: &SaParameters, ports: Option<[u16; 2]>) {
        let (here, there) = (template.id.source, template.id.destination);
        for (end, local, remote) in [(&mut self.left, here, there), (&mut self.right, there, here)] {
            let mut operations = Vec::new();
            for (direction, source, destination) in
                [(SaDirection::Out, local, remote), (SaDirection::In, remote, local)]
            {
                let spi = if source == here { Spi(0x1001) } else { Spi(0x1002) };
                let replay_window = if direction == SaDirection::In { template.replay_window } else { 0 };
                let [from_left, from_right] = ports.unwrap_or_default();
                let (source_port, destination_port) =
                    if source == here { (from_left, from_right) } else { (from_right, from_left) };
                let parameters = SaParameters {
                    id: SaId { source, destination, spi, ..template.id },
                    replay_window,
                    encapsulation: ports.map(|_| Encapsulation { source_port, destination_port }),
                    ..template.clone()
                };
                operations.push(Operation::AddSa(Sa { direction, parameters, protection: protection() }));
                let template = Template {
                    source,
                    destination,
                    reqid: template.reqid,
                    mode: template.mode,
                    optional: false,
                };
                let direction =
                    if direction == SaDirection::In { PolicyDirection::In } else { PolicyDirection::Out };
                // UDP only: neighbour discovery stays clear, and is not counted.
                let selector = Selector {
                    protocol: 17,
                    ..Selector::between(Prefix::host(source), Prefix::host(destination))
                };
                let id = PolicyId::new(selector, direction);
                let policy = Policy { id, priority: 1, action: Action::Allow, templates: vec![template] };
                operations.push(Operation::AddPolicy(policy));
            }
            for result in end.1.apply(&operations) {
                result.unwrap();
            }
        }
    }

    /// Sends datagrams from left to right and back; they arrive, and both ends have counted them.
    fn exchange(&mut self, here: IpAddr, there: IpAddr) {
        const DATAGRAMS: u64 = 5;
        self.left.0.enter();
        let left = UdpSocket::bind((here, 7)).unwrap();
        self.right.0.enter();
        let right = UdpSocket::bind((there, 7)).unwrap();
        for socket in [&left, &right] {
            socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        }
        for n in 0..DATAGRAMS {
            let mut buffer = [0; 8];
            left.send_to(&n.to_be_bytes(), (there, 7)).unwrap();
            right.recv(&mut buffer).unwrap();
            assert_eq!(u64::from_be_bytes(buffer), n);
            right.send_to(&buffer, (here, 7)).unwrap();
            left.recv(&mut buffer).unwrap();
            assert_eq!(u64::from_be_bytes(buffer), n);
        }
        for end in [&mut self.left, &mut self.right] {
            for state in end.1.sas().unwrap().entries {
                let counters = state.counters;
                assert_eq!(counters.packets, DATAGRAMS, "{state:?}");
                assert!(
                    counters.bytes >= DATAGRAMS * 16 && counters.first_used >= counters.added,
                    "{state:?}"
                );
                assert_eq!((counters.integrity_failed, counters.replay, counters.replay_window), (0, 0, 0));
                // An inbound SA without a replay window does not follow the numbers.
                let numbers = state.sent.max(state.received);
                assert!(
                    numbers == DATAGRAMS || state.parameters.replay_window == 0 && numbers == 0,
                    "{state:?}"
                );
            }
        }
    }
}

fn parameters(family: usize, mode: Mode) -> SaParameters {
    let id = SaId::new(addr(LEFT[family]), addr(RIGHT[family]), Spi(0));
    SaParameters { replay_window: 32, ..SaParameters::new(id, Reqid(9), mode) }
}

/// One test for each set: protects a pair with these SAs and sends datagrams both ways.
fn traffic_passes(protection: fn() -> Protection, change: impl Fn(&mut SaParameters)) {
    for family in 0..2 {
        for mode in [Mode::Transport, Mode::Tunnel] {
            let Some(mut pair) = Pair::new() else { return };
            let mut parameters = parameters(family, mode);
            change(&mut parameters);
            pair.protect(protection, &parameters, None);
            pair.exchange(addr(LEFT[family]), addr(RIGHT[family]));
        }
    }
}

#[test]
fn traffic_passes_with_aes_gcm() {
    traffic_passes(gcm, |_| ());
    traffic_passes(|| Protection::aead(Aead::AesGcm16, key(36, 3)).unwrap(), |_| ());
}

#[test]
fn traffic_passes_with_chacha20_poly1305() {
    traffic_passes(|| Protection::aead(Aead::ChaCha20Poly1305, key(36, 3)).unwrap(), |_| ());
}

#[test]
fn traffic_passes_with_aes_cbc_and_each_hmac() {
    fn separate(integrity: Integrity, octets: usize) -> Protection {
        Protection::separate(Cipher::AesCbc, key(32, 1), integrity, key(octets, 2)).unwrap()
    }
    traffic_passes(|| separate(Integrity::HmacSha256_128, 32), |_| ());
    traffic_passes(|| separate(Integrity::HmacSha384_192, 48), |_| ());
    traffic_passes(|| separate(Integrity::HmacSha512_256, 64), |_| ());
}

#[test]
fn traffic_passes_with_extended_sequence_numbers() {
    traffic_passes(gcm, |parameters| {
        parameters.esn = true;
        parameters.replay_window = 1024;
    });
}

#[test]
fn a_peer_that_moved_gives_a_mapping() {
    let Some(mut pair) = Pair::new() else { return };
    let (here, there) = (addr(LEFT[0]), addr(RIGHT[0]));
    pair.protect(gcm, &parameters(0, Mode::Transport), Some([4500, 4500]));
    let ike = |namespace: &Namespace, address: IpAddr| {
        namespace.enter();
        let socket = UdpSocket::bind((address, 4500)).unwrap();
        bypass_socket(socket.as_fd(), Family::V4).unwrap();
        enable_udp_encapsulation(socket.as_fd()).unwrap();
        socket
    };
    let _left = ike(&pair.left.0, here);
    let _right = ike(&pair.right.0, there);
    let mut events = Events::open(&[Group::Mapping]).unwrap();
    pair.exchange(here, there);
    assert_eq!(events.poll_event(), Ok(None));

    // The left end now sends from another port, as if a NAT in between had forgotten it.
    let id = SaId::new(here, there, Spi(0x1001));
    let mut moved = Sa {
        direction: SaDirection::Out,
        parameters: pair.left.1.sa(&id).unwrap().unwrap().parameters,
        protection: gcm(),
    };
    moved.parameters.encapsulation = Some(Encapsulation { source_port: 4999, destination_port: 4500 });
    pair.left.1.apply_one(Operation::UpdateSa(moved)).unwrap();
    pair.left.0.enter();
    UdpSocket::bind((here, 8)).unwrap().send_to(b"x", (there, 8)).unwrap();
    let mapping = wait_for(&mut events, |event| match event {
        Event::Mapping(mapping) => Some(mapping),
        _ => None,
    });
    assert_eq!((mapping.id, mapping.reqid), (id, Reqid(9)));
    assert_eq!((mapping.new_source, mapping.old_source_port, mapping.new_source_port), (here, 4500, 4999));
}

#[test]
fn a_packet_limit_is_told_when_it_is_reached() {
    let Some(mut pair) = Pair::new() else { return };
    let mut limited = parameters(0, Mode::Transport);
    limited.soft.packets = Some(3);
    pair.protect(gcm, &limited, None);
    pair.left.0.enter();
    let mut events = Events::open(&[Group::Expire]).unwrap();
    pair.exchange(addr(LEFT[0]), addr(RIGHT[0]));
    let told = wait_for(&mut events, |event| match event {
        Event::Expire(expire) => Some(expire),
        _ => None,
    });
    assert!(!told.hard && told.counters.packets >= 3, "{told:?}");
}
