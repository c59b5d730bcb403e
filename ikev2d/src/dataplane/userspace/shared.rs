//! What the threads of the packet path and the control side have in common.

use std::io::{self, PipeReader};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::OnceLock;
use std::time::Instant;

use arc_swap::ArcSwap;
use ike_proto::policy::PeerId;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::sync::mpsc;

use super::drops::Drops;
use super::steer::EspSocket;
use super::table::Table;
use super::tun::Tun;
use crate::dataplane::PlaneEvent;

/// Notes that wait for the daemon; beyond that they are lost, and told again when there is reason to.
pub(super) const NOTES_BACKLOG: usize = 1024;

/// Packets taken from one source before the others are looked at.
pub(super) const BATCH: usize = 64;

/// The longest IP packet.
pub(super) const MAX_PACKET: usize = 65_535;

/// Everything that the packet path needs.
#[derive(Debug)]
pub(super) struct Shared {
    pub tun: Tun,
    /// ESP's sockets, once the threads have started.
    pub sockets: OnceLock<Vec<EspSocket>>,
    pub table: ArcSwap<Table>,
    pub drops: Drops,
    pub notes: mpsc::Sender<Note>,
    /// What times are counted from.
    pub start: Instant,
}

/// What the packet path tells the control side.
#[derive(Copy, Clone, Debug)]
pub(super) enum Note {
    /// For IKE.
    Event(PlaneEvent),
    /// The path to this peer takes only shorter packets now.
    PathChanged(PeerId),
}

impl Shared {
    /// ESP's sockets.
    pub fn sockets(&self) -> &[EspSocket] {
        self.sockets.get().map_or(&[], Vec::as_slice)
    }

    /// Tells the control side. A note that finds no room is lost: each is told again if its reason persists.
    pub fn note(&self, note: Note) {
        let _ = self.notes.try_send(note);
    }
}

/// Waits until one of the sources has something; which ones, or `None` when it is time to stop.
///
/// # Errors
/// The system's answer.
pub(super) fn wait(sources: &[BorrowedFd<'_>], stop: &PipeReader) -> io::Result<Option<Vec<usize>>> {
    let all = sources.iter().copied().chain([stop.as_fd()]);
    let mut polled: Vec<PollFd<'_>> = all.map(|source| PollFd::new(source, PollFlags::POLLIN)).collect();
    loop {
        match poll(&mut polled, PollTimeout::NONE) {
            Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
            Ok(_) => break,
        }
    }
    let ready = |source: &PollFd<'_>| source.revents().is_some_and(|events| !events.is_empty());
    if polled.last().is_some_and(ready) {
        return Ok(None);
    }
    let found = polled.iter().enumerate().filter(|(_, source)| ready(source));
    Ok(Some(found.map(|(index, _)| index).collect()))
}
