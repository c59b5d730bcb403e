//! What the machine shows of itself: plain values for `ikectl status` and metrics.

use crypto::{IkeSuite, KeGroup, Protection};

use crate::ids::{IkeSpi, Role};
use crate::output::{ChildEnd, Path, Reason};
use crate::policy::{Connect, Esn, Mode, PeerId};
use crate::time::Time;
use crate::wire::TrafficSelector;

/// One IKE SA, half-open ones included.
#[derive(Clone, Debug)]
pub struct IkeStatus {
    /// Whose; `None` for a half-open SA of a stranger.
    pub peer: Option<PeerId>,
    /// Our SPI and the peer's (zero while unknown).
    pub spis: (IkeSpi, IkeSpi),
    /// Our role in it.
    pub role: Role,
    /// The phase by name: `init-sent`, `half-open`, `authenticating`, `established`, `closing`.
    pub phase: &'static str,
    /// The path in use.
    pub path: Path,
    /// What was negotiated, once it was.
    pub suite: Option<(IkeSuite, KeGroup)>,
    /// Whether a NAT stands before us and before the peer.
    pub nat: (bool, bool),
    /// Since when it is established.
    pub established: Option<Time>,
    /// Its Child SAs.
    pub children: Vec<ChildStatus>,
}

/// One installed Child SA.
#[derive(Clone, Debug)]
pub struct ChildStatus {
    /// Its name, addresses and SPIs.
    pub end: ChildEnd,
    /// Transport or tunnel.
    pub mode: Mode,
    /// Cipher and integrity.
    pub protection: Protection,
    /// Sequence number size.
    pub esn: Esn,
    /// Whether ESP travels in UDP.
    pub encapsulated: bool,
    /// Our side's traffic.
    pub local_selectors: Vec<TrafficSelector>,
    /// The peer's side's traffic.
    pub remote_selectors: Vec<TrafficSelector>,
    /// Since when it is installed.
    pub installed: Time,
}

/// Whether a peer is connected.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum PeerState {
    /// At least one Child SA is installed.
    Up,
    /// An attempt is under way.
    Connecting,
    /// Wanted but not connected; the next attempt is due at `PeerStatus::retry`.
    Down,
    /// Not connected, and nobody here will begin: passive, or taken down by the operator.
    Idle,
}

/// One configured peer.
#[derive(Clone, Debug)]
pub struct PeerStatus {
    /// Which.
    pub peer: PeerId,
    /// Connected or not.
    pub state: PeerState,
    /// Who begins, as in force now (`ikectl down` makes it passive).
    pub connect: Connect,
    /// Since when it is in this state.
    pub since: Time,
    /// Failed attempts since it was last up.
    pub attempts: u32,
    /// When the next attempt is due.
    pub retry: Option<Time>,
    /// The last failure of either side, kept until the peer is up again.
    pub last_failure: Option<(Time, Reason)>,
}
