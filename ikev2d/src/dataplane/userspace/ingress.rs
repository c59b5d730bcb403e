//! From the peers to the TUN device: each ESP packet finds its SA, is opened in place, and must be of its traffic.

use std::collections::HashMap;
use std::io::{self, PipeReader};
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;
use std::time::Instant;

use esp::{Content, Datagram, InboundSa, Spi, Volume};
use ike_proto::ids::EspSpi;
use ike_proto::policy::Mode;

use super::drops::Cause;
use super::ip::{IPV6_HEADER_LEN, Packet, Selectors};
use super::offload::Offload;
use super::shared::{BATCH, MAX_PACKET, Note, Shared, wait};
use super::transport::{header_len, renew_checksum, write_header};
use crate::dataplane::PlaneEvent;

/// Room before a datagram for the longest IP header that transport mode makes anew; ESP's own makes it more.
const ROOM: usize = IPV6_HEADER_LEN;

/// An SA that packets come in by.
#[derive(Debug)]
pub(super) struct Inbound {
    pub sa: InboundSa,
    pub mode: Mode,
    pub selectors: Selectors,
    pub local: IpAddr,
    pub remote: IpAddr,
    pub carried: Arc<Carried>,
}

/// What an inbound SA has carried, for whoever asks.
#[derive(Debug, Default)]
pub(super) struct Carried {
    packets: AtomicU64,
    octets: AtomicU64,
}

impl Carried {
    /// The amount now.
    pub fn read(&self) -> Volume {
        let (packets, octets) = (self.packets.load(Ordering::Relaxed), self.octets.load(Ordering::Relaxed));
        Volume { packets, octets }
    }

    fn set(&self, volume: Volume) {
        self.packets.store(volume.packets, Ordering::Relaxed);
        self.octets.store(volume.octets, Ordering::Relaxed);
    }
}

/// What the control side wants changed. It is in force for every packet that comes after the change was sent.
#[derive(Debug)]
pub(super) enum Change {
    /// A new SA.
    Add(Spi, Box<Inbound>),
    /// The SA ends now, or for packets that come after a moment, when another one has taken its place.
    Remove(Spi, Option<Instant>),
}

/// One thread's part of it: the SAs are its own.
pub(super) struct Ingress {
    shared: Arc<Shared>,
    changes: Receiver<Change>,
    sas: HashMap<Spi, (Inbound, Option<Instant>)>,
    /// Room for a header, and a datagram.
    buffer: Vec<u8>,
}

impl Ingress {
    pub fn new(shared: Arc<Shared>, changes: Receiver<Change>) -> Ingress {
        Ingress { shared, changes, sas: HashMap::new(), buffer: vec![0; ROOM.saturating_add(MAX_PACKET)] }
    }

    /// Carries packets until `stop` is closed.
    ///
    /// # Errors
    /// The sockets cannot be waited for.
    pub fn run(mut self, stop: &PipeReader) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        let sources: Vec<BorrowedFd<'_>> = shared.sockets().iter().map(AsFd::as_fd).collect();
        while let Some(ready) = wait(&sources, stop)? {
            for socket in ready.iter().filter_map(|index| shared.sockets().get(*index)) {
                for _ in 0..BATCH {
                    let Some(received) = socket.receive(self.buffer.get_mut(ROOM..).unwrap_or_default())
                    else {
                        break;
                    };
                    // An ICMP error of an earlier datagram is no datagram.
                    let Ok(received) = received else { continue };
                    self.change();
                    if let Err(cause) = self.deliver(received.length) {
                        cause.count(&self.shared);
                    }
                }
            }
        }
        Ok(())
    }

    /// Takes in what has changed.
    fn change(&mut self) {
        while let Ok(change) = self.changes.try_recv() {
            match change {
                Change::Add(spi, inbound) => drop(self.sas.insert(spi, (*inbound, None))),
                Change::Remove(spi, None) => drop(self.sas.remove(&spi)),
                Change::Remove(spi, until) => {
                    if let Some((_, end)) = self.sas.get_mut(&spi) {
                        *end = until;
                    }
                    let now = Instant::now();
                    self.sas.retain(|_, (_, end)| end.is_none_or(|end| end > now));
                }
            }
        }
    }

    /// Delivers what the datagram of `length` octets carries.
    fn deliver(&mut self, length: usize) -> Result<(), Refusal> {
        let datagram = self.buffer.get_mut(ROOM..ROOM.saturating_add(length)).unwrap_or_default();
        // What is not ESP is not for this socket: IKE's gets it.
        let Datagram::Esp(spi, packet) = Datagram::classify(datagram) else { return Ok(()) };
        let (inbound, until) = self.sas.get_mut(&spi).ok_or(Refusal::Ours(Cause::UnknownSpi))?;
        if until.is_some_and(|end| end <= Instant::now()) {
            self.sas.remove(&spi);
            return Err(Refusal::Ours(Cause::UnknownSpi));
        }
        let opened = inbound.sa.open(packet).map_err(Refusal::Esp)?;
        inbound.carried.set(inbound.sa.used());
        if opened.soft_limit.is_some() {
            let event =
                PlaneEvent::Expired { spi: EspSpi(spi.get()), destination: inbound.local, hard: false };
            self.shared.note(Note::Event(event));
        }
        let Content::Payload { at, next_header } = opened.content else { return Ok(()) };
        let header = match inbound.mode {
            Mode::Tunnel => 0,
            Mode::Transport => header_len(inbound.remote),
        };
        let payload = at.len();
        let start = ROOM.saturating_add(at.start).saturating_sub(header);
        let end = ROOM.saturating_add(at.end);
        let packet = self.buffer.get_mut(start..end).unwrap_or_default();
        let mut offload = Offload::default();
        if inbound.mode == Mode::Transport {
            let addresses = (inbound.remote, inbound.local);
            let room = packet.get_mut(..header).unwrap_or_default();
            write_header(room, addresses, next_header, payload).ok_or(Refusal::Ours(Cause::NotDelivered))?;
            offload = renew_checksum(packet, addresses, next_header);
        }
        let read = Packet::parse(packet).ok_or(Refusal::Ours(Cause::WrongSelectors))?;
        if !inbound.selectors.cover(read.protocol, read.destination, read.source) {
            return Err(Refusal::Ours(Cause::WrongSelectors));
        }
        self.shared.tun.send(offload, packet).map_err(|_| Refusal::Ours(Cause::NotDelivered))
    }
}

/// Why a datagram was not delivered.
enum Refusal {
    Ours(Cause),
    Esp(esp::Dropped),
}

impl Refusal {
    fn count(self, shared: &Shared) {
        match self {
            Refusal::Ours(cause) => shared.drops.count(cause),
            Refusal::Esp(why) => shared.drops.count_esp(why),
        }
    }
}
