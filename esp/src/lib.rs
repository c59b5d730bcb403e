//! ESP (RFC 4303): packet in, packet out, in place, without an allocation for a packet.
//!
//! ```text
//! OutboundSa ─┬─ Layout      where header, IV, padding and ICV stand, and what fits into a path MTU
//! InboundSa  ─┘
//!     │  └────── Replay      which numbers were received, and the half of a number that is not sent
//!     ├───────── Limits      how much one set of keys may protect
//!     └───────── inner       how long an IP packet says that it is
//! Datagram                   RFC 3948: what stands in a datagram of port 4500
//! Ecn                        RFC 6040: congestion marks into the tunnel and out of it
//! ```
//!
//! The caller owns sockets, buffers, policies and the table from SPI to SA. Layer rule: this crate imports `crypto`
//! and nothing else of the workspace.
//!
//! Not done: re-synchronization after the loss of 2^32 packets in a row (RFC 4303 appendix A3). Liveness checks end
//! such an SA long before, and the search would let a forger buy many decryptions with one packet.

#![forbid(unsafe_code)]

mod counters;
mod ecn;
mod inbound;
mod inner;
mod layout;
mod limits;
mod outbound;
mod replay;
mod sa;
mod udp;

#[cfg(test)]
mod tests;

pub use counters::{Counters, Dropped};
pub use ecn::{CongestedButNotCapable, Ecn, leave_tunnel};
pub use inbound::{Content, InboundSa, Opened};
pub use inner::inner_len;
pub use layout::{HEADROOM, Layout, TAILROOM};
pub use limits::{Limit, Limits, Volume};
pub use outbound::{OutboundSa, Payload, SealError, Sealed};
pub use replay::WindowSize;
pub use sa::{Esn, Header, Mode, Parameters, Spi};
pub use udp::{Datagram, KEEPALIVE, NON_ESP_MARKER};
