//! The attributes behind a message's fixed structure, indexed by type.

use netlink_packet_core::{NLA_HEADER_SIZE, NlasIterator};
use netlink_packet_xfrm::constants::{
    UDP_ENCAP_ESPINUDP, XFRMA_ENCAP, XFRMA_IF_ID, XFRMA_LASTUSED, XFRMA_MARK,
};
use netlink_packet_xfrm::{EncapTmpl, Mark as RawMark};

use super::Unread;
use crate::{Encapsulation, Mark};

/// One more than the highest attribute type that this crate reads (`XFRMA_SA_DIR` is 33).
const KINDS: usize = 40;

/// Values by attribute type; the last one of a type counts, as in the kernel.
pub(crate) struct Attributes<'a>([Option<&'a [u8]>; KINDS]);

impl<'a> Attributes<'a> {
    /// Attributes of unknown types are skipped.
    pub(crate) fn parse(octets: &'a [u8]) -> Result<Self, Unread> {
        let mut values = [None; KINDS];
        for attribute in NlasIterator::new(octets) {
            let attribute = attribute?;
            let (kind, length) = (attribute.kind(), usize::from(attribute.length()));
            if let Some(slot) = values.get_mut(usize::from(kind)) {
                *slot = attribute.into_inner().get(NLA_HEADER_SIZE..length);
            }
        }
        Ok(Self(values))
    }

    pub(crate) fn get(&self, kind: u16) -> Option<&'a [u8]> {
        self.0.get(usize::from(kind)).copied().flatten()
    }

    /// A number of 4 octets.
    pub(crate) fn u32(&self, kind: u16) -> Result<Option<u32>, Unread> {
        self.get(kind)
            .map(|v| v.first_chunk().ok_or(Unread::Malformed))
            .transpose()
            .map(|v| v.map(|v| u32::from_ne_bytes(*v)))
    }

    pub(crate) fn mark(&self) -> Result<Option<Mark>, Unread> {
        let Some(value) = self.get(XFRMA_MARK) else { return Ok(None) };
        let raw = RawMark::parse(value)?;
        Ok(Some(Mark { value: raw.value, mask: raw.mask }))
    }

    pub(crate) fn if_id(&self) -> Result<u32, Unread> {
        Ok(self.u32(XFRMA_IF_ID)?.unwrap_or(0))
    }

    /// When the SA was last used, seconds since 1970.
    pub(crate) fn last_used(&self) -> Result<Option<u64>, Unread> {
        let Some(value) = self.get(XFRMA_LASTUSED) else { return Ok(None) };
        let value = value.first_chunk().ok_or(Unread::Malformed)?;
        Ok(Some(u64::from_ne_bytes(*value)).filter(|seconds| *seconds != 0))
    }

    pub(crate) fn encapsulation(&self) -> Result<Option<Encapsulation>, Unread> {
        let Some(value) = self.get(XFRMA_ENCAP) else { return Ok(None) };
        let raw = EncapTmpl::parse(value)?;
        if raw.encap_type != UDP_ENCAP_ESPINUDP {
            return Err(Unread::Foreign);
        }
        Ok(Some(Encapsulation { source_port: raw.encap_sport, destination_port: raw.encap_dport }))
    }
}
