//! ESP without the kernel's: a TUN device takes the peers' traffic in, UDP sockets carry it as ESP (RFC 3948).
//!
//! ```text
//! routes, rule ── TUN ── egress ──> table: peer, SA ── seal ──> UDP port 4500 ──> peer
//!                  └──── ingress <─ SPI: SA ── open, selectors <─┘
//! ```
//!
//! | file | what |
//! |---|---|
//! | `plane` | what the daemon calls |
//! | `egress`, `ingress` | the two threads of the packet path |
//! | `shared` | what they have in common with the control side: this file and `plane` |
//! | `table` | the peer and the SA that a packet goes out by |
//! | `sas` | a Child SA as `esp` takes it |
//! | `reassembly`, `segment` | whole packets for transport mode; long TCP packets cut |
//! | `ip`, `transport`, `icmp`, `mtu` | IP packets: what policies look at, headers made anew, ICMP errors |
//! | `tun`, `offload` | the TUN device, and the header before its packets |
//! | `steer` | sockets that share a port with IKE's |
//! | `routes`, `netlink` | routes and rules that lead into the device |
//! | `guard` | what comes in clear is dropped |
//! | `claims` | whose each route is (pure) |
//! | `sysctl` | the host's settings |
//! | `drops` | why packets were dropped |
//!
//! **Fail closed.** A peer's traffic is led into the device as soon as the peer is configured, and stays so: without an
//! SA the device is a dead end. If the daemon dies the device goes, and a `prohibit` route comes to light behind it.
//!
//! **What differs from the kernel's policies.** Routes know no protocols and ports: where a peer's selectors name some,
//! all other traffic with its addresses is dropped, not passed. Packets that come *in* clear are dropped by nftables; where
//! there is no `nft`, a warning says that they are not.

mod claims;
mod drops;
mod egress;
mod guard;
mod icmp;
mod ingress;
mod ip;
mod mtu;
mod netlink;
mod offload;
mod plane;
mod reassembly;
mod routes;
mod sas;
mod segment;
mod shared;
mod steer;
mod sysctl;
mod table;
mod transport;
mod tun;

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{self, PipeReader, PipeWriter};
use std::net::IpAddr;
use std::sync::mpsc as blocking;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use ike_proto::endpoint::Ports;
use ike_proto::output::{ChildEnd, ChildId, Sending};
use ike_proto::policy::{PeerId, PeerPolicy, Selector};
use tokio::sync::mpsc;
use xfrm::Prefix;

use super::{PlaneError, blocks};

use claims::Claims;
use drops::Drops;
use egress::Egress;
use ingress::{Carried, Change, Ingress};
use routes::{Route, Routing};
use shared::{NOTES_BACKLOG, Note, Shared};
use steer::EspSocket;
use table::{Outbound, Slot, Table};
use tun::Tun;

/// How long packets of an SA that another one has replaced may still come: longer than any path delays them.
const LATE: Duration = Duration::from_secs(10);

/// Most prefixes of one peer, as many as the kernel's data plane takes policies.
const MAX_PREFIXES: usize = 4096;

/// The data plane.
pub struct UserspacePlane {
    shared: Arc<Shared>,
    /// ESP's sockets, until the threads start.
    sockets: RefCell<Vec<EspSocket>>,
    threads: Option<Threads>,
    routing: Routing,
    claims: Claims,
    peers: HashMap<PeerId, Peer>,
    children: HashMap<ChildId, Child>,
    notes: mpsc::Receiver<Note>,
    /// Whether the table must be made anew from the peers.
    stale: bool,
    /// IKE's ports, which are open to all.
    ports: Ports,
    /// The prefixes that nothing comes in clear from, or why that is not so.
    guarded: Result<Vec<Prefix>, String>,
}

/// The running threads: they stop when this is dropped.
struct Threads {
    changes: blocking::Sender<Change>,
    _stop: PipeWriter,
}

/// A configured peer.
struct Peer {
    policy: PeerPolicy,
    slot: Arc<Slot>,
    prefixes: Vec<Prefix>,
    /// The routes as they were last told to the kernel.
    told: Vec<Route>,
    /// Its Child SAs, the newest last.
    children: Vec<ChildId>,
}

/// An installed Child SA.
struct Child {
    end: ChildEnd,
    outbound: Arc<Outbound>,
    /// When to send on it: until the peer can receive on it, the one that it replaces is used.
    sending: Sending,
    carried: Arc<Carried>,
}

impl UserspacePlane {
    /// Makes the TUN device and brings it up.
    ///
    /// # Errors
    /// No TUN, no CAP_NET_ADMIN, or another daemon has the device.
    pub fn open(ports: Ports) -> Result<UserspacePlane, PlaneError> {
        let tun = Tun::open()?;
        sysctl::quieten();
        let routing = Routing::open(tun.index())
            .map_err(|error| PlaneError(format!("bring {} up: {error}", tun::NAME)))?;
        let (sender, notes) = mpsc::channel(NOTES_BACKLOG);
        let shared = Shared {
            tun,
            sockets: OnceLock::new(),
            table: ArcSwap::default(),
            drops: Drops::default(),
            notes: sender,
            start: Instant::now(),
        };
        Ok(UserspacePlane {
            shared: Arc::new(shared),
            sockets: RefCell::default(),
            threads: None,
            routing,
            claims: Claims::default(),
            peers: HashMap::new(),
            children: HashMap::new(),
            notes,
            stale: false,
            ports,
            guarded: Ok(Vec::new()),
        })
    }

    /// Whether what comes in clear from the peers' addresses can be held back.
    ///
    /// # Errors
    /// What is missing for that.
    pub fn can_hold_back(&self) -> Result<(), PlaneError> {
        guard::check(self.ports).map_err(|error| PlaneError(format!("nft: {error}")))
    }

    /// Starts the packet path on the sockets that there are.
    fn start(&mut self) -> io::Result<()> {
        let _ = self.shared.sockets.set(self.sockets.take());
        let (stop, writer) = io::pipe()?;
        let (changes, received) = blocking::channel();
        let ingress = Ingress::new(Arc::clone(&self.shared), received);
        let egress = Egress::new(Arc::clone(&self.shared));
        spawn("esp-in", stop.try_clone()?, move |stop| ingress.run(stop))?;
        spawn("esp-out", stop, move |stop| egress.run(stop))?;
        self.threads = Some(Threads { changes, _stop: writer });
        Ok(())
    }

    fn change(&self, change: Change) -> Result<(), PlaneError> {
        let sent = self.threads.as_ref().and_then(|threads| threads.changes.send(change).ok());
        sent.ok_or_else(|| PlaneError("the packet path has stopped: see the log".to_owned()))
    }

    /// Leads a peer's traffic into the device, with what its newest Child SA tells about the path.
    fn lead(&mut self, peer: PeerId) -> Result<(), PlaneError> {
        let Some(entry) = self.peers.get(&peer) else { return Ok(()) };
        let newest = entry.children.last().and_then(|child| self.children.get(child));
        let used = newest.map_or(entry.policy.remote, |child| child.end.remote);
        let mut prefixes = prefixes(&entry.policy, entry.policy.remote)?;
        prefixes.extend(self::prefixes(&entry.policy, used)?);
        prefixes.sort_unstable();
        prefixes.dedup();
        let mtu = newest.and_then(|child| {
            let outbound = &child.outbound;
            let mtu = mtu::inside(child.end.remote, outbound.layout, outbound.mode)?;
            u32::try_from(mtu.max(mtu::LEAST)).ok()
        });
        let source = newest.map(|child| child.end.local).or(entry.policy.local);
        let route = |prefix: &Prefix| Route {
            prefix: *prefix,
            mtu,
            source: source.filter(|_| entry.policy.child.mode == ike_proto::policy::Mode::Transport),
        };
        let routes: Vec<Route> = prefixes.iter().map(route).collect();
        let Some(entry) = self.peers.get_mut(&peer) else { return Ok(()) };
        if entry.told == routes {
            return Ok(());
        }
        entry.told.clear();
        let told =
            self.routing.lead(&routes).map_err(|error| PlaneError(format!("set the peer's routes: {error}")));
        self.claims.want(peer, &prefixes);
        self.stale |= entry.prefixes != prefixes;
        entry.prefixes = prefixes;
        told?;
        entry.told = routes;
        Ok(())
    }

    /// Makes the table anew if peers or their prefixes have changed.
    fn publish(&mut self) {
        if !std::mem::take(&mut self.stale) {
            return;
        }
        let mut table = Table::default();
        for peer in self.peers.values() {
            for prefix in &peer.prefixes {
                table.insert(*prefix, Arc::clone(&peer.slot));
            }
        }
        self.shared.table.store(Arc::new(table));
        self.guard();
    }

    /// Holds back what comes in clear from where the peers' traffic comes from.
    fn guard(&mut self) {
        let prefixes = self.claims.prefixes();
        if self.guarded.as_ref() != Ok(&prefixes) {
            let done = guard::hold_back(&prefixes, self.ports);
            self.guarded = done.map(|()| prefixes).map_err(|error| error.to_string());
        }
    }

    /// Has a peer's packets go out by its newest Child SA that the peer can receive on.
    fn choose(&self, peer: PeerId) {
        let Some(peer) = self.peers.get(&peer) else { return };
        let mut children = peer.children.iter().rev().filter_map(|child| self.children.get(child));
        let newest = children.find(|child| child.sending == Sending::AtOnce);
        peer.slot.outbound.store(newest.map(|child| Arc::clone(&child.outbound)));
    }
}

/// Starts one thread of the packet path; that it ends early is told in the log.
fn spawn(
    name: &'static str,
    stop: PipeReader,
    run: impl FnOnce(&PipeReader) -> io::Result<()> + Send + 'static,
) -> io::Result<()> {
    let body = move || {
        if let Err(error) = run(&stop) {
            tracing::error!("the packet path ({name}) has stopped, restart the daemon: {error}");
        }
    };
    std::thread::Builder::new().name(name.to_owned()).spawn(body).map(|_| ())
}

/// Which destinations a peer's policy is about, if the peer is at `remote`.
fn prefixes(policy: &PeerPolicy, remote: IpAddr) -> Result<Vec<Prefix>, PlaneError> {
    let of = |selector: &Selector| match selector {
        Selector::Host { .. } => vec![Prefix::host(remote)],
        Selector::Range(range) => blocks::prefixes(range.start, range.end),
    };
    let found: Vec<Prefix> = policy.child.remote.iter().flat_map(of).collect();
    if found.len() > MAX_PREFIXES {
        let count = found.len();
        return Err(PlaneError(format!(
            "the traffic selectors need {count} routes, more than {MAX_PREFIXES}"
        )));
    }
    Ok(found)
}
