//! From the TUN device to the peers: each packet finds its SA, is sealed in place and sent in UDP.

use std::io::{self, PipeReader};
use std::ops::Range;
use std::os::fd::AsFd;
use std::sync::Arc;

use esp::{HEADROOM, Payload, SealError, TAILROOM};
use ike_proto::policy::Mode;

use super::drops::Cause;
use super::ip::Packet;
use super::offload::{CHECKSUM_NEEDED, Offload};
use super::reassembly::{Outcome, Reassembly};
use super::segment::{Segments, complete_checksum};
use super::shared::{BATCH, MAX_PACKET, Note, Shared, wait};
use super::table::{Outbound, Slot};
use super::{icmp, mtu};
use crate::dataplane::PlaneEvent;

/// Octets of a train of datagrams: what one datagram may have, for the kernel handles a train as one.
const MAX_TRAIN: usize = 65_000;
/// Most datagrams of a train (UDP_MAX_SEGMENTS of older kernels).
const MAX_DATAGRAMS: usize = 64;

/// One thread's part of it.
pub(super) struct Egress {
    shared: Arc<Shared>,
    reassembly: Reassembly,
    /// Room for ESP's header, the packet, and room for ESP's trailer.
    buffer: Vec<u8>,
    /// Datagrams that are sent in one go.
    train: Vec<u8>,
}

impl Egress {
    pub fn new(shared: Arc<Shared>) -> Egress {
        let room = HEADROOM.saturating_add(MAX_PACKET).saturating_add(TAILROOM);
        Egress { shared, reassembly: Reassembly::default(), buffer: vec![0; room], train: vec![0; room] }
    }

    /// Carries packets until `stop` is closed.
    ///
    /// # Errors
    /// The device is gone.
    pub fn run(mut self, stop: &PipeReader) -> io::Result<()> {
        while wait(&[self.shared.tun.as_fd()], stop)?.is_some() {
            for _ in 0..BATCH {
                let room = self.buffer.get_mut(HEADROOM..HEADROOM.saturating_add(MAX_PACKET));
                let Some((length, offload)) = self.shared.tun.receive(room.unwrap_or_default())? else {
                    break;
                };
                if let Err(cause) = self.take(HEADROOM..HEADROOM.saturating_add(length), offload) {
                    self.shared.drops.count(cause);
                }
            }
        }
        Ok(())
    }

    /// Sends the packet that stands at `at` in the buffer, or keeps it until its other fragments have come.
    fn take(&mut self, at: Range<usize>, offload: Offload) -> Result<(), Cause> {
        let octets = self.buffer.get_mut(at.clone()).ok_or(Cause::NotIp)?;
        let packet = Packet::parse(octets).ok_or(Cause::NotIp)?;
        if offload.gso_type != 0 {
            return self.send_train(at, packet, offload);
        }
        if offload.flags & CHECKSUM_NEEDED != 0 {
            complete_checksum(octets, offload).ok_or(Cause::NotIp)?;
        }
        let octets = &*octets;
        if packet.is_plain || !wants_whole(&self.shared, &packet) {
            return self.send(at, packet);
        }
        let whole = match self.reassembly.add(&packet, octets) {
            Outcome::Whole(whole) => whole,
            Outcome::Waiting => return Ok(()),
            Outcome::Refused => return Err(Cause::NotTransport),
        };
        let packet = Packet::parse(&whole).ok_or(Cause::NotIp)?;
        let at = HEADROOM..HEADROOM.saturating_add(whole.len());
        self.buffer.get_mut(at.clone()).ok_or(Cause::NotIp)?.copy_from_slice(&whole);
        // What came in fragments may go out in fragments.
        self.send(at, Packet { dont_fragment: false, ..packet })
    }

    /// Cuts the long TCP packet at `at`, and sends the segments as trains of datagrams.
    fn send_train(&mut self, at: Range<usize>, packet: Packet, offload: Offload) -> Result<(), Cause> {
        let (slot, outbound) = self.find(&packet)?;
        let octets = self.buffer.get(at).ok_or(Cause::NotIp)?;
        let segments = Segments::of(octets, &packet, offload).ok_or(Cause::NotIp)?;
        let (skip, payload) = match outbound.mode {
            Mode::Tunnel => (0, Payload::Tunnel { pad_to: 0 }),
            Mode::Transport => (packet.header_len, Payload::Transport { next_header: packet.next_header }),
        };
        let header = outbound.layout.header_len();
        let (mut filled, mut first, mut datagrams) = (0_usize, 0_usize, 0_usize);
        for index in 0..segments.count() {
            let start = filled.saturating_add(header);
            let room = self.train.get_mut(start..).unwrap_or_default();
            let length = segments.write(index, skip, room).ok_or(Cause::NotIp)?;
            let sealed = outbound.sa.seal(&mut self.train, start..start.saturating_add(length), payload);
            let sealed = sealed.map_err(|error| self.refused(error, &outbound))?;
            if sealed.soft_limit.is_some() {
                self.expired(&outbound, false);
            }
            filled = sealed.packet.end;
            first = if first == 0 { filled } else { first };
            datagrams = datagrams.saturating_add(1);
            let is_full = filled.saturating_add(first) > MAX_TRAIN || datagrams == MAX_DATAGRAMS;
            if is_full || index.saturating_add(1) == segments.count() {
                let train = self.train.get(..filled).unwrap_or_default();
                if let Err(cause) = self.depart(train, first, &outbound) {
                    if cause == Cause::TooBig {
                        self.shared.note(Note::PathChanged(slot.peer));
                        self.too_big(&packet, &icmp::Quote::of(octets), &outbound);
                    }
                    return Err(cause);
                }
                (filled, first, datagrams) = (0, 0, 0);
            }
        }
        Ok(())
    }

    /// Sends datagrams of `size` octets each, the last of which may be shorter.
    fn depart(&self, datagrams: &[u8], size: usize, outbound: &Outbound) -> Result<(), Cause> {
        let (local, remote) = (outbound.local.ip(), outbound.remote);
        let socket =
            self.shared.sockets().iter().find(|socket| socket.serves(local)).ok_or(Cause::NotSent)?;
        let size = u16::try_from(size).map_err(|_| Cause::TooBig)?;
        match socket.send_train(datagrams, size, local, remote) {
            Ok(()) => Ok(()),
            Err(error) if matches!(error.raw_os_error(), Some(libc::EMSGSIZE | libc::EINVAL)) => {
                Err(Cause::TooBig)
            }
            Err(_) => Err(Cause::NotSent),
        }
    }

    /// Sends the packet that stands at `at` in the buffer.
    fn send(&mut self, at: Range<usize>, packet: Packet) -> Result<(), Cause> {
        let (slot, outbound) = self.find(&packet)?;
        let (payload_at, payload) = match outbound.mode {
            Mode::Tunnel => (at, Payload::Tunnel { pad_to: 0 }),
            Mode::Transport if !packet.is_plain => return Err(Cause::NotTransport),
            Mode::Transport => {
                let start = at.start.saturating_add(packet.header_len);
                (start..at.end, Payload::Transport { next_header: packet.next_header })
            }
        };
        // Sealing destroys the packet; an ICMP error quotes its beginning.
        let quote = icmp::Quote::of(self.buffer.get(HEADROOM..).unwrap_or_default());
        let sealed = outbound.sa.seal(&mut self.buffer, payload_at, payload);
        let sealed = sealed.map_err(|error| self.refused(error, &outbound))?;
        if sealed.soft_limit.is_some() {
            self.expired(&outbound, false);
        }
        let datagram = self.buffer.get(sealed.packet).unwrap_or_default();
        let (local, remote) = (outbound.local.ip(), outbound.remote);
        let socket =
            self.shared.sockets().iter().find(|socket| socket.serves(local)).ok_or(Cause::NotSent)?;
        match socket.send(datagram, local, remote) {
            Ok(()) => Ok(()),
            Err(error) if error.raw_os_error() == Some(libc::EMSGSIZE) => {
                self.shared.note(Note::PathChanged(slot.peer));
                if !packet.dont_fragment {
                    return socket.send_in_fragments(datagram, local, remote).map_err(|_| Cause::NotSent);
                }
                self.too_big(&packet, &quote, &outbound);
                Err(Cause::TooBig)
            }
            Err(_) => Err(Cause::NotSent),
        }
    }

    /// The SA whose traffic the packet is; asks for one where there is none.
    fn find(&self, packet: &Packet) -> Result<(Arc<Slot>, Arc<Outbound>), Cause> {
        let mut cause = Cause::NoPeer;
        for slot in self.shared.table.load().find(packet.destination.address) {
            match slot.outbound.load_full() {
                Some(outbound)
                    if outbound.selectors.cover(packet.protocol, packet.source, packet.destination) =>
                {
                    return Ok((Arc::clone(slot), outbound));
                }
                Some(_) => cause = Cause::NotSelected,
                None => {
                    cause = Cause::NoSa;
                    if slot.should_ask(self.shared.start) {
                        self.shared.note(Note::Event(PlaneEvent::Acquire(slot.peer)));
                    }
                }
            }
        }
        Err(cause)
    }

    fn refused(&self, error: SealError, outbound: &Outbound) -> Cause {
        match error {
            SealError::HardLimit(_) | SealError::NumbersExhausted => {
                self.expired(outbound, true);
                Cause::Exhausted
            }
            SealError::NoRoom | SealError::NotAnIpPacket | SealError::Failed => Cause::NotIp,
        }
    }

    fn expired(&self, outbound: &Outbound, hard: bool) {
        let (spi, destination) = (outbound.spi, outbound.remote.ip());
        self.shared.note(Note::Event(PlaneEvent::Expired { spi, destination, hard }));
    }

    /// Tells whoever sent the packet how long it may be; routes are corrected by the control side.
    fn too_big(&self, packet: &Packet, quote: &icmp::Quote, outbound: &Outbound) {
        let Some(most) = mtu::inside(outbound.remote.ip(), outbound.layout, outbound.mode) else { return };
        if let Some(error) = icmp::too_big(packet, quote, most) {
            // The system may refuse it as it may lose any packet.
            let _ = self.shared.tun.send(Offload::default(), &error);
        }
    }
}

/// Whether the packet goes out in transport mode.
fn wants_whole(shared: &Shared, packet: &Packet) -> bool {
    let table = shared.table.load();
    let mut slots = table.find(packet.destination.address).iter();
    slots.any(|slot| slot.outbound.load().as_ref().is_some_and(|sa| sa.mode == Mode::Transport))
}
