//! What carries the traffic: policies that fail closed, and the SAs that IKE negotiates for them.
//!
//! | file | what |
//! |---|---|
//! | `kernel` | the data plane of production: Linux XFRM |
//! | `userspace` | ESP over a TUN device and UDP, for kernels without it |
//! | `null` | one that only remembers: for machines without ESP, and for tests of many daemons |
//! | `policies` | which policies a peer needs (pure) |
//! | `blocks` | ranges as aligned blocks, because the kernel matches prefixes (pure) |
//! | `book` | whose each policy is, so that none is ever missing while it changes hands (pure) |
//! | `owned` | how the kernel's objects are recognised as ours, after a crash too |
//! | `sas` | a Child SA as two kernel SAs |

mod blocks;
mod book;
mod kernel;
mod null;
mod owned;
mod policies;
mod sas;
mod userspace;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::IpAddr;
use std::task::{Context, Poll};

use ike_proto::endpoint::Encapsulation;
use ike_proto::ids::EspSpi;
use ike_proto::output::{ChildEnd, ChildSa};
use ike_proto::policy::{PeerId, PeerPolicy};

use crate::net::Exempt;

pub use kernel::KernelPlane;
pub use null::NullPlane;
pub use owned::{MAX_PEER_ID, reqid};
pub use userspace::UserspacePlane;

/// Why a data plane could not do something: one line for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaneError(pub String);

impl fmt::Display for PlaneError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PlaneError {}

/// What one direction of a Child SA has carried.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Octets protected or verified.
    pub bytes: u64,
    /// Packets protected or verified.
    pub packets: u64,
}

/// Traffic by what names an SA: its destination and SPI.
pub type TrafficTable = HashMap<(IpAddr, EspSpi), Traffic>;

/// What a data plane tells unasked.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum PlaneEvent {
    /// A packet for this peer waits for an SA.
    Acquire(PeerId),
    /// An SA reached a limit; if `hard`, it is gone.
    Expired {
        /// Its SPI.
        spi: EspSpi,
        /// Its destination.
        destination: IpAddr,
        /// Whether it is gone.
        hard: bool,
    },
    /// Events were lost: [`DataPlane::resync`] finds out what they would have told.
    Overrun,
}

/// Installs policies and SAs. All calls return when the change is in force.
///
/// Policies change hands without a gap: [`release`](DataPlane::release) and a
/// [`protect`](DataPlane::protect) that needs fewer only put policies up for adoption, and
/// [`sweep`](DataPlane::sweep) removes those that nobody has taken since.
pub trait DataPlane: Exempt {
    /// Its name for the operator.
    fn name(&self) -> &'static str;

    /// Which packets it needs in UDP.
    fn encapsulation(&self) -> Encapsulation {
        Encapsulation::BehindNat
    }

    /// What the operator should know before relying on it.
    fn warnings(&self) -> Vec<String>;

    /// Removes the SAs that an earlier run left, and puts its policies up for adoption. Others' are never touched.
    ///
    /// # Errors
    /// When the kernel cannot be read.
    fn take_over(&mut self) -> Result<Leftover, PlaneError>;

    /// Installs a peer's policies, or changes them in place: from now on its traffic needs an SA.
    ///
    /// # Errors
    /// The first policy that was refused; the others are in force.
    fn protect(&mut self, peer: PeerId, policy: &PeerPolicy) -> Result<(), PlaneError>;

    /// Puts a peer's policies up for adoption. They stay in force until [`DataPlane::sweep`].
    fn release(&mut self, peer: PeerId);

    /// Removes the policies that are nobody's.
    ///
    /// # Errors
    /// The first that could not be removed.
    fn sweep(&mut self) -> Result<(), PlaneError>;

    /// Installs a Child SA, the inbound direction first; the outbound one is kept back if `child.sending` says so.
    ///
    /// # Errors
    /// What was refused; then neither direction is installed.
    fn install(&mut self, child: &ChildSa) -> Result<(), PlaneError>;

    /// Installs the outbound direction that was kept back.
    ///
    /// # Errors
    /// What was refused, or that nothing was kept back.
    fn use_outbound(&mut self, child: &ChildEnd) -> Result<(), PlaneError>;

    /// Removes both directions; that one is gone already is no error.
    ///
    /// # Errors
    /// What could not be removed.
    fn remove(&mut self, child: &ChildEnd) -> Result<(), PlaneError>;

    /// What each SA of ours has carried.
    ///
    /// # Errors
    /// When the kernel cannot be read.
    fn traffic(&mut self) -> Result<TrafficTable, PlaneError>;

    /// Packets dropped by this data plane itself, by cause. Empty where the kernel counts them.
    fn drops(&self) -> BTreeMap<String, u64> {
        BTreeMap::new()
    }

    /// Compares the kernel with what should be there: puts missing policies back, and tells of missing SAs.
    ///
    /// # Errors
    /// When the kernel cannot be read.
    fn resync(&mut self) -> Result<Vec<PlaneEvent>, PlaneError>;

    /// Removes all SAs and policies that are ours, and nothing else.
    ///
    /// # Errors
    /// The first that could not be removed.
    fn clear(&mut self) -> Result<(), PlaneError>;

    /// The next event.
    fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<PlaneEvent>;
}

/// What an earlier run had left.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Leftover {
    /// SAs, removed.
    pub sas: usize,
    /// Policies, kept in force until the first sweep.
    pub policies: usize,
}
