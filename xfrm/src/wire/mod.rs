//! Requests to octets and answers to values; no sockets.

pub(crate) mod attributes;
#[cfg(test)]
mod captures;
pub(crate) mod event;
pub(crate) mod frame;
pub(crate) mod policy;
pub(crate) mod sa;
pub(crate) mod selector;

pub(crate) use attributes::Attributes;
pub(crate) use frame::{Request, address_family};
pub(crate) use selector::{address, address_of};

/// Why an answer gives no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unread {
    /// Shorter than its type says, or with impossible numbers.
    Malformed,
    /// Well formed, but nothing that this crate installs (AH, IPComp, BEET, ...).
    Foreign,
}

impl From<netlink_packet_core::DecodeError> for Unread {
    fn from(_: netlink_packet_core::DecodeError) -> Self {
        Self::Malformed
    }
}
