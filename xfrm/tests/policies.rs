//! Policies, batches, events and errors against the running kernel: needs XFRM and root, not ESP.
//!
//! Each test has a network namespace of its own. Without root each prints why it was skipped.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests
#![allow(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm)] // tests

mod common;

use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::AsFd;

use common::{addr, device_to_nowhere, kernel, wait_for};
use xfrm::*;

fn between(source: &str, destination: &str) -> Selector {
    Selector::between(Prefix::host(addr(source)), Prefix::host(addr(destination)))
}

fn policy(id: PolicyId, templates: Vec<Template>) -> Policy {
    Policy { id, priority: 1000, action: Action::Allow, templates }
}

/// Policy number `n` of many.
fn numbered(n: u32) -> Policy {
    let peer = Prefix::host(Ipv4Addr::from(0x0a00_0000 + n).into());
    let selector = Selector::between(Prefix::host(addr("192.0.2.1")), peer);
    policy(PolicyId::new(selector, PolicyDirection::Out), vec![Template::transport(Family::V4, Reqid(n))])
}

fn every_kind() -> Vec<Policy> {
    let mut all = Vec::new();
    for (direction, n) in
        [PolicyDirection::In, PolicyDirection::Out, PolicyDirection::Forward].into_iter().zip(1..)
    {
        for (here, there, net, family) in [
            ("192.0.2.1", "192.0.2.2", "198.51.100.0", Family::V4),
            ("2001:db8::1", "2001:db8::2", "2001:db8:1::", Family::V6),
        ] {
            let plain = PolicyId::new(between(here, there), direction);
            let reqid = Reqid(n);
            let tcp = Selector {
                protocol: 6,
                source_ports: Ports { port: 0x1000, mask: 0xf000 },
                destination_ports: Ports::one(443),
                ..between(here, there)
            };
            let subnet = Selector::between(Prefix::any(family), Prefix { address: addr(net), length: 24 });
            let mark = Some(Mark { value: 0x12, mask: 0xff });
            all.push(policy(plain, vec![Template::transport(family, reqid)]));
            all.push(policy(PolicyId { mark, ..plain }, vec![Template::transport(family, reqid)]));
            all.push(policy(PolicyId { if_id: 77, ..plain }, vec![Template::transport(family, reqid)]));
            all.push(policy(PolicyId { selector: tcp, ..plain }, vec![]));
            let tunnel = Template::tunnel(addr(here), addr(there), reqid);
            let optional = Template { optional: direction != PolicyDirection::Out, ..tunnel };
            all.push(policy(PolicyId { selector: subnet, ..plain }, vec![optional]));
            let other_family = Template::tunnel(addr("203.0.113.1"), addr("203.0.113.2"), reqid);
            let any = Selector::between(Prefix::any(family), Prefix::any(family));
            all.push(Policy {
                priority: 1,
                ..policy(PolicyId { selector: any, ..plain }, vec![other_family])
            });
            let blocked = Selector { protocol: 17, ..any };
            all.push(Policy {
                action: Action::Block,
                ..policy(PolicyId { selector: blocked, ..plain }, vec![])
            });
        }
    }
    all
}

#[test]
fn every_policy_is_read_back_as_it_was_installed() {
    let Some((_namespace, mut kernel)) = kernel() else { return };
    let wanted = every_kind();
    let add: Vec<_> = wanted.iter().cloned().map(Operation::AddPolicy).collect();
    for (result, policy) in kernel.apply(&add).into_iter().zip(&wanted) {
        assert_eq!(result, Ok(()));
        let read = kernel.policy(&policy.id).unwrap().unwrap();
        assert_eq!(read.policy, *policy);
        assert_ne!(read.index, 0);
    }
    let dump = kernel.policies().unwrap();
    assert_eq!(dump.entries.len(), wanted.len());
    for policy in &wanted {
        assert!(dump.entries.iter().any(|state| state.policy == *policy), "{policy:?}");
    }
    let delete: Vec<_> = wanted.iter().map(|policy| Operation::DeletePolicy(policy.id)).collect();
    assert!(kernel.apply(&delete).iter().all(Result::is_ok));
    assert_eq!(kernel.policies().unwrap().entries, []);
}

#[test]
fn an_update_replaces_and_an_addition_does_not() {
    let Some((_namespace, mut kernel)) = kernel() else { return };
    let first = numbered(1);
    let second =
        Policy { priority: 7, templates: vec![Template::transport(Family::V4, Reqid(99))], ..first.clone() };
    assert_eq!(kernel.apply_one(Operation::UpdatePolicy(first.clone())), Ok(()));
    let error = kernel.apply_one(Operation::AddPolicy(second.clone())).unwrap_err();
    assert!(error.is_already_there() && !error.is_not_there(), "{error}");
    assert_eq!(kernel.policy(&first.id).unwrap().unwrap().policy, first);
    assert_eq!(kernel.apply_one(Operation::UpdatePolicy(second.clone())), Ok(()));
    assert_eq!(kernel.policies().unwrap().entries.len(), 1);
    assert_eq!(kernel.policy(&first.id).unwrap().unwrap().policy, second);
}

#[test]
fn what_is_not_there_cannot_be_deleted_and_reads_as_none() {
    let Some((_namespace, mut kernel)) = kernel() else { return };
    let id = numbered(1).id;
    assert_eq!(kernel.policy(&id), Ok(None));
    let error = kernel.apply_one(Operation::DeletePolicy(id)).unwrap_err();
    assert!(error.is_not_there(), "{error}");
    assert!(error.to_string().contains("delete policy out 192.0.2.1/32 -> 10.0.0.1/32"), "{error}");
    assert!(error.to_string().contains("there is nothing of this name"), "{error}");

    let sa = SaId::new(addr("192.0.2.1"), addr("192.0.2.2"), Spi(0x1234));
    assert_eq!(kernel.sa(&sa), Ok(None));
    let error = kernel.apply_one(Operation::DeleteSa(sa)).unwrap_err();
    assert!(error.is_not_there(), "{error}");
    assert!(error.to_string().contains("delete SA 192.0.2.1 -> 192.0.2.2 spi 0x00001234"), "{error}");
}

#[test]
fn in_a_long_batch_each_operation_has_its_own_outcome() {
    let Some((_namespace, mut kernel)) = kernel() else { return };
    // Longer than three system calls; failures at both ends of calls and in their middle, refused by the kernel
    // (a second addition) or by this crate (seven templates).
    let count = u32::try_from(MAX_PER_SEND * 3 + 17).unwrap();
    let last_of_first = u32::try_from(MAX_PER_SEND).unwrap() - 1;
    let twice = [1, 60, last_of_first, last_of_first + 1, count - 1];
    let invalid = [0, 61, last_of_first + 2];
    let before: Vec<_> = twice.iter().map(|n| Operation::AddPolicy(numbered(*n))).collect();
    assert!(kernel.apply(&before).iter().all(Result::is_ok));
    let batch: Vec<_> = (0..count)
        .map(|n| {
            let mut policy = numbered(n);
            if invalid.contains(&n) {
                policy.templates = vec![policy.templates[0]; MAX_TEMPLATES + 1];
            }
            Operation::AddPolicy(policy)
        })
        .collect();
    let results = kernel.apply(&batch);
    assert_eq!(results.len(), batch.len());
    for (n, result) in (0..count).zip(&results) {
        match result {
            Ok(()) => assert!(!twice.contains(&n) && !invalid.contains(&n), "{n}"),
            Err(error) if twice.contains(&n) => {
                assert_eq!(error.errno(), Some(libc::EEXIST));
                assert_eq!(error.operation, batch[n as usize].to_string());
            }
            Err(error) => {
                assert!(invalid.contains(&n), "{n}: {error}");
                assert!(matches!(error.cause, Cause::Invalid(_)));
            }
        }
    }
    let there = kernel.policies().unwrap().entries.len();
    assert_eq!(there, count as usize - invalid.len());
    assert_eq!(kernel.apply(&[]), []);
}

#[test]
fn thousands_of_policies_are_dumped_once_each() {
    let Some((_namespace, mut kernel)) = kernel() else { return };
    let batch: Vec<_> = (0..5000).map(|n| Operation::AddPolicy(numbered(n))).collect();
    assert!(kernel.apply(&batch).iter().all(Result::is_ok));
    let mut reqids: Vec<_> =
        kernel.policies().unwrap().entries.iter().map(|state| state.policy.templates[0].reqid.0).collect();
    reqids.sort_unstable();
    assert!(reqids.into_iter().eq(0..5000));
}

#[test]
fn a_packet_without_an_sa_gives_an_acquire() {
    let Some((_namespace, mut kernel)) = kernel() else { return };
    device_to_nowhere("192.0.2.1/24");
    let mut events = Events::open(&Group::ALL).unwrap();
    assert_eq!(events.poll_event(), Ok(None));
    let policy = policy(
        PolicyId::new(between("192.0.2.1", "192.0.2.2"), PolicyDirection::Out),
        vec![Template::transport(Family::V4, Reqid(42))],
    );
    kernel.apply_one(Operation::AddPolicy(policy.clone())).unwrap();
    let socket = UdpSocket::bind("192.0.2.1:1111").unwrap();
    let _ = socket.send_to(b"x", "192.0.2.2:2222"); // the kernel drops it, and may say so
    let acquire = wait_for(&mut events, |event| match event {
        Event::Acquire(acquire) => Some(acquire),
        _ => None,
    });
    assert_eq!(acquire.policy_selector, policy.id.selector);
    assert_eq!(acquire.policy_index, kernel.policy(&policy.id).unwrap().unwrap().index);
    assert_eq!(acquire.templates, policy.templates);
    assert_eq!((acquire.source, acquire.destination), (addr("192.0.2.1"), addr("192.0.2.2")));
    let packet = Selector {
        protocol: 17,
        source_ports: Ports::one(1111),
        destination_ports: Ports::one(2222),
        ..policy.id.selector
    };
    assert_eq!(acquire.selector, packet);
    let dump = kernel.sas().unwrap();
    assert_eq!(dump.entries.len(), 1, "the kernel's placeholder");
    assert_eq!(dump.entries[0].algorithms, Algorithms::Larval);
    assert_eq!(dump.entries[0].parameters.id.spi, Spi(0));
}

#[test]
fn lost_events_are_told_as_an_overrun_and_later_ones_still_come() {
    let Some((_namespace, mut kernel)) = kernel() else { return };
    device_to_nowhere("10.0.0.1/8");
    let mut events = Events::open(&[Group::Acquire]).unwrap();
    let everywhere =
        Selector::between(Prefix::host(addr("10.0.0.1")), Prefix { address: addr("10.0.0.0"), length: 8 });
    let id = PolicyId::new(everywhere, PolicyDirection::Out);
    kernel
        .apply_one(Operation::AddPolicy(policy(id, vec![Template::transport(Family::V4, Reqid(1))])))
        .unwrap();
    let socket = UdpSocket::bind("10.0.0.1:1111").unwrap();
    let knock = |n: u32| drop(socket.send_to(b"x", (Ipv4Addr::from(0x0a10_0000 + n), 9)));
    // An acquire takes a kilobyte or more of the buffer of 8 MiB (4, which the kernel doubles).
    (0..16_000).for_each(knock);
    let mut acquires = 0;
    wait_for(&mut events, |event| match event {
        Event::Acquire(_) => {
            acquires += 1;
            None
        }
        Event::Overrun => Some(()),
        _ => panic!("{event:?}"),
    });
    while let Some(event) = events.poll_event().unwrap() {
        acquires += i32::from(matches!(event, Event::Acquire(_)));
    }
    assert!((1000..16_000).contains(&acquires), "{acquires}");
    knock(20_000);
    wait_for(&mut events, |event| matches!(event, Event::Acquire(_)).then_some(()));
    assert_eq!(events.ignored(), Ignored::default());
}

#[test]
fn a_bypassed_socket_passes_a_policy_that_blocks_all() {
    let Some((_namespace, mut kernel)) = kernel() else { return };
    device_to_nowhere("192.0.2.1/24");
    common::ip("address add 2001:db8::1/64 dev v0 nodad");
    for (family, here, there) in [
        (Family::V4, "192.0.2.1:500", "192.0.2.2:500"),
        (Family::V6, "[2001:db8::1]:500", "[2001:db8::2]:500"),
    ] {
        let all = Selector::between(Prefix::any(family), Prefix::any(family));
        let id = PolicyId::new(all, PolicyDirection::Out);
        let block = Policy { action: Action::Block, ..policy(id, vec![]) };
        kernel.apply_one(Operation::AddPolicy(block)).unwrap();
        let socket = UdpSocket::bind(here).unwrap();
        assert!(socket.send_to(b"x", there).is_err());
        bypass_socket(socket.as_fd(), family).unwrap();
        socket.send_to(b"x", there).unwrap();
        enable_udp_encapsulation(socket.as_fd()).unwrap();
    }
}

#[test]
fn socket_options_on_the_wrong_socket_are_errors() {
    let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let error = enable_udp_encapsulation(tcp.as_fd()).unwrap_err();
    assert!(error.to_string().starts_with("receive ESP in UDP: setsockopt: "), "{error}");
    let v4 = UdpSocket::bind("127.0.0.1:0").unwrap();
    assert!(bypass_socket(v4.as_fd(), Family::V6).is_err());
}

#[test]
#[allow(unsafe_code)]
fn without_the_capability_the_error_says_so() {
    let Some((_namespace, _kernel)) = kernel() else { return };
    // SAFETY: a plain system call; made directly it changes the calling thread only, which ends with this test.
    let result = unsafe { libc::syscall(libc::SYS_setresuid, 65534, 65534, 65534) };
    assert_eq!(result, 0);
    let error = Kernel::open().err().unwrap();
    assert_eq!(error.errno(), Some(libc::EPERM));
    assert!(error.to_string().contains("CAP_NET_ADMIN"), "{error}");
    let error = Events::open(&Group::ALL).err().unwrap();
    assert_eq!(error.errno(), Some(libc::EPERM));
    assert!(error.to_string().contains("CAP_NET_ADMIN"), "{error}");
}

#[test]
fn a_probe_says_which_module_is_missing_and_leaves_nothing() {
    let Some((_namespace, mut kernel)) = kernel() else { return };
    let supports = kernel.probe();
    assert_eq!(supports.len(), 12);
    for of_family in supports.chunks(6) {
        let no_esp = of_family
            .iter()
            .any(|s| s.result.as_ref().is_err_and(|e| e.errno() == Some(libc::EPROTONOSUPPORT)));
        for support in of_family {
            let Err(error) = &support.result else { continue };
            let wanted = match (no_esp, support.family) {
                (true, Family::V4) => "load the module esp4",
                (true, Family::V6) => "load the module esp6",
                (false, _) => "load the modules",
            };
            assert!(error.to_string().contains(wanted), "{error}");
        }
    }
    assert_eq!(kernel.sas().unwrap().entries, []);
}
