//! Linux XFRM over netlink: install, read and watch security associations and policies.
//!
//! XFRM is the kernel's side of RFC 4301: the SAD (*states*: one direction of one Child SA each) and the
//! SPD (*policies*: which packets must be protected, by which SA). This crate knows nothing of IKE.
//!
//! | to do this | use |
//! |---|---|
//! | add, update, delete SAs and policies, many per system call | [`Kernel::apply`] with [`Operation`]s |
//! | read them back, with counters | [`Kernel::sas`], [`Kernel::policies`], [`Kernel::sa`], [`Kernel::policy`] |
//! | learn what the kernel can do, and which module is missing | [`Kernel::probe`] |
//! | hear of traffic that needs an SA, of lifetimes and of moved peers | [`Events`] |
//! | let IKE's own packets pass all policies, receive ESP in UDP | [`bypass_socket`], [`enable_udp_encapsulation`] |
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use xfrm::{Aead, Kernel, Mode, Operation, Protection, Reqid, Sa, SaDirection, SaId, SaParameters, Secret, Spi};
//!
//! let mut kernel = Kernel::open()?;
//! let id = SaId::new("192.0.2.1".parse()?, "192.0.2.2".parse()?, Spi(0xc000_0001));
//! let add = Operation::AddSa(Sa {
//!     direction: SaDirection::Out,
//!     parameters: SaParameters { esn: true, ..SaParameters::new(id, Reqid(1), Mode::Transport) },
//!     protection: Protection::aead(Aead::AesGcm16, Secret::copy_from(&[0; 20]))?,
//! });
//! for result in kernel.apply(&[add]) {
//!     result?;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! All calls are synchronous: the kernel handles a netlink request within `sendto`, so an answer is ready
//! when the call returns. The one wait is for the kernel to load an algorithm's module at its first use.
//!
//! # Which part is whose
//!
//! The fixed structures (`xfrm_usersa_info`, `xfrm_userpolicy_info`, `xfrm_user_tmpl`, ...) are those of
//! `netlink-packet-xfrm`, whose parsers check lengths; headers and attribute iteration are those of
//! `netlink-packet-core`. The crate's *message* and *attribute* types are not used: `quirks.rs` says what is
//! wrong with them and what stands in their place.
//!
//! # Cost
//!
//! Linux 6.18, one core of a shared machine, release build, 20,000 policies: 2.4 us to add or delete one in batches
//! (one `sendto` and one `recvfrom` per [`MAX_PER_SEND`]), 6 to 8 us one by one, 0.9 us to dump one. An SA takes the
//! kernel 2 to 6 times as long as a policy, for the set-up of its keys.
//!
//! # Secrets
//!
//! Keys exist in a [`Secret`] and, while a request is built, in one buffer of fixed capacity; both are wiped.
//! Dumps bring keys back from the kernel: they are never decoded, and the receive buffer is wiped.

mod algorithm;
mod batch;
mod error;
mod events;
mod kernel;
mod operation;
mod policy;
mod probe;
mod quirks;
mod sa;
mod secret;
mod selector;
mod socket;
mod sockopt;
mod wire;

pub use algorithm::{Aead, Algorithms, Cipher, Integrity, KeyLength, Protection};
pub use batch::MAX_PER_SEND;
pub use error::{Cause, Error};
pub use events::{Acquire, Event, Events, Expire, Group, Ignored, Mapping};
pub use kernel::{Dump, Kernel};
pub use operation::Operation;
pub use policy::{Action, MAX_TEMPLATES, Policy, PolicyDirection, PolicyId, PolicyState, Template};
pub use probe::Support;
pub use sa::{
    Counters, Encapsulation, Limits, MAX_REPLAY_WINDOW, Mark, Mode, Reqid, Sa, SaDirection, SaFlags, SaId,
    SaParameters, SaState, Spi,
};
pub use secret::Secret;
pub use selector::{Family, Ports, Prefix, Selector};
pub use sockopt::{bypass_socket, enable_udp_encapsulation};
