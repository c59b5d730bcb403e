//! The sending half of an SA: an inner packet becomes an ESP packet around itself (RFC 4303 section 3.3).

use std::fmt;
use std::ops::Range;

use crypto::{EspIv, PacketKeys, Sealer, WrongKeyLength};

use crate::inner::inner;
use crate::layout::{Layout, TRAILER_LEN};
use crate::limits::{Limit, Meter, Volume};
use crate::sa::{Esn, Header, NO_NEXT_HEADER, Parameters, Spi, halves};

/// Seals packets. `&self` suffices, so that threads may share one; each sequence number is given once, and with it
/// each nonce.
#[derive(Debug)]
pub struct OutboundSa {
    spi: Spi,
    esn: Esn,
    layout: Layout,
    sealer: Sealer,
    iv: EspIv,
    meter: Meter,
}

/// What is to be sealed.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// Tunnel mode: a whole IP packet.
    Tunnel {
        /// TFC padding fills the payload up to this many octets; 0 for none. The peer must be ready for it: in
        /// IKEv2 it is, unless it sent ESP_TFC_PADDING_NOT_SUPPORTED.
        pad_to: usize,
    },
    /// Transport mode: what followed the IP header.
    Transport {
        /// The protocol of what followed: the IP header's own Protocol or Next Header field.
        next_header: u8,
    },
    /// A dummy packet with any content, which the peer drops (RFC 4303 section 2.6).
    Dummy,
}

/// A sealed packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Where the ESP packet stands in the buffer.
    pub packet: Range<usize>,
    /// The soft limit that this packet reached: time to rekey. At most once in the SA's life.
    pub soft_limit: Option<Limit>,
}

/// Why a packet was not sealed. The buffer must not be sent.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum SealError {
    /// The buffer has too little room before or after the payload, or the payload is not in the buffer.
    NoRoom,
    /// In tunnel mode: the payload is not one IP packet of just the length that its header states.
    NotAnIpPacket,
    /// The packet would exceed a hard limit.
    HardLimit(Limit),
    /// The sequence numbers are used up; none may be used twice. An auditable event (RFC 4303 section 3.3.3).
    NumbersExhausted,
    /// The cipher refused the packet.
    Failed,
}

/// What stands in a packet between IV and ICV.
struct Text {
    payload_len: usize,
    tfc_len: usize,
    next_header: u8,
}

impl OutboundSa {
    /// An SA whose first packet will have the number 1.
    ///
    /// The keys are consumed: a second SA of the same keys would use the same nonces, which reveals what both have
    /// sent and lets anybody forge.
    ///
    /// # Errors
    /// [`WrongKeyLength`] unless the keys have the lengths that the protection states.
    pub fn new(parameters: Parameters, keys: PacketKeys) -> Result<OutboundSa, WrongKeyLength> {
        OutboundSa::after(0, parameters, &keys)
    }

    /// An SA whose last packet had this number.
    pub(crate) fn after(
        number: u64,
        parameters: Parameters,
        keys: &PacketKeys,
    ) -> Result<OutboundSa, WrongKeyLength> {
        let Parameters { spi, protection, esn, limits } = parameters;
        Ok(OutboundSa {
            spi,
            esn,
            layout: Layout::of(protection),
            sealer: Sealer::new(protection, keys)?,
            iv: EspIv::new(protection, keys)?,
            meter: Meter::after(number, limits.within(esn)),
        })
    }

    /// The lengths of this SA's packets, for buffers and the path MTU.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// What has been sealed. The number of packets is the last sequence number.
    pub fn used(&self) -> Volume {
        self.meter.used()
    }

    /// Makes an ESP packet around the payload that stands at `payload_at` in the buffer, in place.
    ///
    /// The payload needs [`Layout::header_len`] octets of room before it ([`crate::HEADROOM`] always suffices) and
    /// the rest of [`Layout::sealed_len`] after it ([`crate::TAILROOM`], and TFC padding). Nothing outside of the
    /// returned range is touched.
    ///
    /// # Errors
    /// [`SealError`]; [`SealError::NoRoom`] and [`SealError::NotAnIpPacket`] use up no number.
    pub fn seal(
        &self,
        buffer: &mut [u8],
        payload_at: Range<usize>,
        payload: Payload,
    ) -> Result<Sealed, SealError> {
        self.seal_with(buffer, payload_at, payload, |number, iv| self.iv.write(number, iv))
    }

    /// [`OutboundSa::seal`] with a choice of the IV, which must be as [`EspIv`] promises.
    pub(crate) fn seal_with(
        &self,
        buffer: &mut [u8],
        payload_at: Range<usize>,
        payload: Payload,
        write_iv: impl FnOnce(u64, &mut [u8]),
    ) -> Result<Sealed, SealError> {
        let text = Text::new(buffer.get(payload_at.clone()).ok_or(SealError::NoRoom)?, payload)?;
        let start = payload_at.start.checked_sub(self.layout.header_len()).ok_or(SealError::NoRoom)?;
        let end = start.checked_add(self.layout.sealed_len(text.len())).ok_or(SealError::NoRoom)?;
        let packet = buffer.get_mut(start..end).ok_or(SealError::NoRoom)?;
        let number =
            self.meter.take(self.layout.encrypted_len(text.len())).map_err(|limit| self.refuse(limit))?;
        write_iv(number, packet.get_mut(self.layout.iv()).ok_or(SealError::NoRoom)?);
        self.emit(packet, &text, number).ok_or(SealError::Failed)?;
        Ok(Sealed { packet: start..end, soft_limit: self.meter.soft() })
    }

    /// Writes what stands around IV and payload, then seals.
    fn emit(&self, packet: &mut [u8], text: &Text, number: u64) -> Option<()> {
        let header = Header { spi: self.spi, sequence_number: halves(number).1 };
        *packet.first_chunk_mut()? = header.octets();
        let encrypted = self.layout.encrypted(packet.len())?;
        text.trail(packet.get_mut(encrypted)?)?;
        self.sealer.seal_esp(packet, self.esn.high(number)).ok()
    }

    fn refuse(&self, limit: Limit) -> SealError {
        match limit {
            Limit::Packets if self.used().packets == self.esn.last() => SealError::NumbersExhausted,
            Limit::Packets | Limit::Octets => SealError::HardLimit(limit),
        }
    }
}

impl Text {
    fn new(octets: &[u8], payload: Payload) -> Result<Text, SealError> {
        let (next_header, pad_to) = match payload {
            Payload::Tunnel { pad_to } => match inner(octets) {
                Some((next_header, len)) if len == octets.len() => (next_header, pad_to),
                Some(_) | None => return Err(SealError::NotAnIpPacket),
            },
            Payload::Transport { next_header } => (next_header, 0),
            Payload::Dummy => (NO_NEXT_HEADER, 0),
        };
        let payload_len = octets.len();
        Ok(Text { payload_len, tfc_len: pad_to.saturating_sub(payload_len), next_header })
    }

    /// Octets of payload and TFC padding.
    fn len(&self) -> usize {
        self.payload_len.saturating_add(self.tfc_len)
    }

    /// Writes TFC padding, padding, pad length and next header behind the payload.
    fn trail(&self, encrypted: &mut [u8]) -> Option<()> {
        let (_, rest) = encrypted.split_at_mut_checked(self.payload_len)?;
        let (tfc, rest) = rest.split_at_mut_checked(self.tfc_len)?;
        tfc.fill(0);
        let (padding, trailer) = rest.split_last_chunk_mut::<TRAILER_LEN>()?;
        let pad_len = u8::try_from(padding.len()).ok()?;
        padding.iter_mut().zip(1..).for_each(|(octet, value)| *octet = value);
        *trailer = [pad_len, self.next_header];
        Some(())
    }
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SealError::NoRoom => f.write_str("the buffer has too little room around the packet"),
            SealError::NotAnIpPacket => f.write_str("not one whole IP packet"),
            SealError::HardLimit(limit) => write!(f, "the SA has reached its hard limit of {limit}"),
            SealError::NumbersExhausted => f.write_str("the SA's sequence numbers are used up"),
            SealError::Failed => f.write_str("the cipher refused the packet"),
        }
    }
}

impl std::error::Error for SealError {}
