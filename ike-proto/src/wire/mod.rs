//! The wire format of RFC 7296 section 3: octets to values and back, and nothing about what they mean.
//!
//! [`Header::parse`] reads the fixed header, [`parse_chain`] the payloads behind it (or those inside a
//! decrypted SK payload); [`emit_chain`] and [`Header::emit`] write them. What parses borrows from the
//! datagram. Unknown numbers are kept, impossible shapes refused; which payloads a message may hold is
//! checked by whoever knows the exchange. No length or count of the input is trusted, none is indexed with,
//! and everything that can grow is bounded in [`limits`].

mod chain;
mod error;
mod header;
pub mod limits;
mod payload;
mod reader;
mod registry;
mod writer;

pub use chain::{MAX_PAYLOADS, emit_chain, parse_chain};
pub use error::{Fault, WireError};
pub use header::{Flags, Header, patch_length};
pub use payload::*;
pub use registry::*;
