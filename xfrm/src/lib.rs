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
//! All calls are synchronous: the kernel handles a netlink request within `sendto`, so an answer is ready
//! when the call returns. The one wait is for the kernel to load an algorithm's module at its first use.
//!
//! # Which part is whose
//!
//! The fixed structures (`xfrm_usersa_info`, `xfrm_userpolicy_info`, `xfrm_user_tmpl`, ...) are those of
//! `netlink-packet-xfrm`, whose parsers check lengths; headers and attribute iteration are those of
//! `netlink-packet-core`. The crate's *message* and *attribute* types are not used: `quirks.rs` says what is wrong with
//! them and what stands in their place.
//!
//! # Secrets
//!
//! Keys exist in a [`Secret`] and, while a request is built, in one buffer of fixed capacity; both are wiped.
//! Dumps bring keys back from the kernel: they are never decoded, and the receive buffer is wiped.

mod algorithm;
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
pub use error::{Cause, Error};
pub use events::{Acquire, Event, Events, Expire, Group, Ignored, Mapping};
pub use kernel::{Dump, Kernel, MAX_PER_SEND};
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
