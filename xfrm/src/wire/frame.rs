//! Netlink messages: a request buffer that is wiped, and an iterator over what the kernel answers.
//!
//! ```text
//!  0               4       6       8               12              16
//!  +---------------+-------+-------+---------------+---------------+-----------------+------------
//!  | length        | type  | flags | sequence      | port          | fixed structure | attributes
//!  +---------------+-------+-------+---------------+---------------+-----------------+------------
//!  attribute: length (2, with this header), type (2), value, zeros up to a multiple of 4
//! ```

use netlink_packet_core::{Emitable, NLM_F_ACK, NLMSG_ERROR, NetlinkBuffer};
use netlink_packet_xfrm::constants::{AF_INET, AF_INET6};
use zeroize::{Zeroize, Zeroizing};

use super::Unread;
use crate::Family;

/// Length of a netlink header in octets.
const HEADER: usize = 16;
/// Length of an attribute header in octets.
const ATTRIBUTE_HEADER: usize = 4;

/// The kernel's number for a family.
pub(crate) fn address_family(family: Family) -> u16 {
    match family {
        Family::V4 => AF_INET,
        Family::V6 => AF_INET6,
    }
}

/// One or more requests in a buffer that is wiped when dropped.
///
/// It never grows past its first capacity when the caller asks [`Request::is_full`], so no copy of a key stays behind
/// in freed memory.
pub(crate) struct Request {
    bytes: Zeroizing<Vec<u8>>,
    /// Where the last message starts.
    last: usize,
}

impl Request {
    /// No request of this crate is longer. An SA: header and structure 240, CBC with HMAC-SHA2-512 244, ESN state,
    /// encapsulation, mark, if_id and direction 84. A policy: 184, six templates 388, mark and if_id 20.
    pub(crate) const MAX_MESSAGE: usize = 1024;

    pub(crate) fn with_capacity(octets: usize) -> Self {
        Self { bytes: Zeroizing::new(Vec::with_capacity(octets)), last: 0 }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// True when another message may not fit.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes.capacity().saturating_sub(self.bytes.len()) < Self::MAX_MESSAGE
    }

    /// Wipes the content, keeps the buffer.
    pub(crate) fn clear(&mut self) {
        self.bytes.zeroize();
        self.last = 0;
    }

    /// Appends a message whose body `write` appends.
    pub(crate) fn message(&mut self, kind: u16, flags: u16, sequence: u32, write: impl FnOnce(&mut Self)) {
        let start = self.bytes.len();
        self.last = start;
        self.bytes.resize(start.saturating_add(HEADER), 0);
        write(self);
        let length = self.bytes.len().saturating_sub(start);
        if let Some(message) = self.bytes.get_mut(start..) {
            let mut header = NetlinkBuffer::new(message);
            header.set_length(u32::try_from(length).unwrap_or(u32::MAX));
            header.set_message_type(kind);
            header.set_flags(flags);
            header.set_sequence_number(sequence);
        }
    }

    /// Asks the kernel to answer the last message even when it succeeds.
    pub(crate) fn acknowledge_last(&mut self) {
        if let Some(message) = self.bytes.get_mut(self.last..).filter(|message| message.len() >= HEADER) {
            let mut header = NetlinkBuffer::new(message);
            header.set_flags(header.flags() | NLM_F_ACK);
        }
    }

    /// Appends a fixed structure.
    pub(crate) fn structure(&mut self, structure: &impl Emitable) {
        let start = self.bytes.len();
        self.bytes.resize(start.saturating_add(structure.buffer_len()), 0);
        if let Some(target) = self.bytes.get_mut(start..) {
            structure.emit(target);
        }
    }

    /// Appends an attribute whose value is the parts one after the other (the longest are six templates, 384 octets).
    pub(crate) fn attribute(&mut self, kind: u16, parts: &[&[u8]]) {
        let length = parts.iter().fold(ATTRIBUTE_HEADER, |sum, part| sum.saturating_add(part.len()));
        self.bytes.extend_from_slice(&u16::try_from(length).unwrap_or(u16::MAX).to_ne_bytes());
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
        let padded = self.bytes.len().next_multiple_of(4);
        self.bytes.resize(padded, 0);
    }
}

/// A message from the kernel.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Message<'a> {
    pub(crate) kind: u16,
    pub(crate) flags: u16,
    pub(crate) sequence: u32,
    pub(crate) payload: &'a [u8],
}

impl<'a> Message<'a> {
    /// Takes the first message off `packet`. `None` at the end; a malformed rest is dropped.
    pub(crate) fn next(packet: &mut &'a [u8]) -> Option<Result<Self, Unread>> {
        if packet.is_empty() {
            return None;
        }
        let whole = *packet;
        *packet = &[];
        let Ok(buffer) = NetlinkBuffer::new_checked(whole) else {
            return Some(Err(Unread::Malformed));
        };
        let length = usize::try_from(buffer.length()).unwrap_or(usize::MAX);
        // `new_checked` has found 16 <= length <= whole.len().
        let payload = whole.get(HEADER..length).unwrap_or_default();
        *packet = whole.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(Ok(Self {
            kind: buffer.message_type(),
            flags: buffer.flags(),
            sequence: buffer.sequence_number(),
            payload,
        }))
    }

    /// The kernel's verdict, when this message is one: `Ok` for an ACK.
    pub(crate) fn verdict(&self) -> Option<Result<(), (i32, Option<String>)>> {
        if self.kind != NLMSG_ERROR {
            return None;
        }
        let code = self
            .payload
            .first_chunk::<4>()
            .map_or(libc::EIO, |code| i32::from_ne_bytes(*code).saturating_abs());
        if code == 0 { Some(Ok(())) } else { Some(Err((code, extended_ack(self)))) }
    }
}

/// The kernel's own words in a refusal: attribute `NLMSGERR_ATTR_MSG` behind the copy of the request's header.
fn extended_ack(message: &Message<'_>) -> Option<String> {
    const CODE_AND_HEADER: usize = 4 + HEADER;
    const NLMSGERR_ATTR_MSG: u16 = 1;
    /// The longest text that is kept, in octets; the kernel's are below 120.
    const MAX_TEXT: usize = 256;
    let wanted = netlink_packet_core::NLM_F_CAPPED | netlink_packet_core::NLM_F_ACK_TLVS;
    if message.flags & wanted != wanted {
        return None;
    }
    let attributes = super::Attributes::parse(message.payload.get(CODE_AND_HEADER..)?).ok()?;
    let text = attributes.get(NLMSGERR_ATTR_MSG)?;
    let text = text.get(..MAX_TEXT).unwrap_or(text);
    let text = String::from_utf8_lossy(text);
    Some(text.trim_end_matches('\0').to_owned())
}
