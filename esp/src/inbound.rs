//! The receiving half of an SA: an ESP packet is authenticated, decrypted in place and unwrapped (RFC 4303
//! section 3.4).

use std::ops::Range;

use crypto::{OpenError, PacketKeys, Sealer, WrongKeyLength};

use crate::counters::{Counters, Dropped};
use crate::inner::inner;
use crate::layout::{Layout, TRAILER_LEN};
use crate::limits::{Limit, Meter, Volume};
use crate::replay::{Refused, Replay, WindowSize};
use crate::sa::{Esn, Header, IPV4, IPV6, Mode, NO_NEXT_HEADER, Parameters, Spi};

/// Opens packets. One thread owns it: packets of one SA come by one path.
#[derive(Debug)]
pub struct InboundSa {
    spi: Spi,
    esn: Esn,
    mode: Mode,
    layout: Layout,
    sealer: Sealer,
    replay: Replay,
    meter: Meter,
    counters: Counters,
}

/// An authentic packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// What it carried.
    pub content: Content,
    /// The soft limit that has been reached: time to rekey. At most once in the SA's life.
    pub soft_limit: Option<Limit>,
}

/// What an authentic packet carried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// In tunnel mode an IP packet, in transport mode what follows the IP header.
    Payload {
        /// Where it stands in the packet that was opened, without padding. TFC padding is cut off in tunnel mode
        /// alone, by the inner packet's own length.
        at: Range<usize>,
        /// Its protocol: 4 or 41 in tunnel mode, anything but 59 in transport mode.
        next_header: u8,
    },
    /// Nothing: a dummy packet (RFC 4303 section 2.6).
    Dummy,
}

impl InboundSa {
    /// An SA before its first packet.
    ///
    /// # Errors
    /// [`WrongKeyLength`] unless the keys have the lengths that the protection states.
    pub fn new(
        parameters: Parameters,
        keys: PacketKeys,
        mode: Mode,
        window: WindowSize,
    ) -> Result<InboundSa, WrongKeyLength> {
        InboundSa::with(Replay::new(window), parameters, &keys, mode)
    }

    /// An SA with this replay window.
    pub(crate) fn with(
        replay: Replay,
        parameters: Parameters,
        keys: &PacketKeys,
        mode: Mode,
    ) -> Result<InboundSa, WrongKeyLength> {
        let Parameters { spi, protection, esn, limits } = parameters;
        Ok(InboundSa {
            spi,
            esn,
            mode,
            layout: Layout::of(protection),
            sealer: Sealer::new(protection, keys)?,
            replay,
            meter: Meter::after(0, limits.within(esn)),
            counters: Counters::default(),
        })
    }

    /// The authenticated packets, dummies and malformed ones included.
    pub fn used(&self) -> Volume {
        self.meter.used()
    }

    /// How many packets ended otherwise.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Opens the ESP packet, which begins with the SPI and ends with the ICV, in place.
    ///
    /// # Errors
    /// Why the packet is to be dropped, which is counted too. Its content is then undefined.
    pub fn open(&mut self, packet: &mut [u8]) -> Result<Opened, Dropped> {
        let outcome = self.authenticate(packet).and_then(|text_at| self.unwrap_text(packet, text_at));
        match &outcome {
            Ok(Content::Payload { .. }) => {}
            Ok(Content::Dummy) => self.counters.dummies = self.counters.dummies.saturating_add(1),
            Err(why) => self.counters.count(*why),
        }
        outcome.map(|content| Opened { content, soft_limit: self.meter.soft() })
    }

    /// Decrypts an authentic packet, with a new number, and remembers the number; where the plaintext stands.
    fn authenticate(&mut self, packet: &mut [u8]) -> Result<Range<usize>, Dropped> {
        let text_at = self.layout.encrypted(packet.len()).ok_or(Dropped::TooShort)?;
        let header =
            Header::parse(packet).filter(|header| header.spi == self.spi).ok_or(Dropped::WrongSpi)?;
        self.meter.room_for(text_at.len()).map_err(|_| Dropped::HardLimit)?;
        let number = self.replay.number(self.esn, header.sequence_number).ok_or(Dropped::TooOld)?;
        self.replay.check(number)?;
        self.sealer.open_esp(packet, self.esn.high(number))?;
        self.replay.accept(number);
        self.meter.take(text_at.len()).map_err(|_| Dropped::HardLimit)?;
        Ok(text_at)
    }

    /// What the plaintext carries, by its trailer.
    fn unwrap_text(&self, packet: &[u8], text_at: Range<usize>) -> Result<Content, Dropped> {
        let text = packet.get(text_at.clone()).ok_or(Dropped::TooShort)?;
        let (rest, [pad_len, next_header]) =
            text.split_last_chunk::<TRAILER_LEN>().ok_or(Dropped::TooShort)?;
        if *next_header == NO_NEXT_HEADER {
            return Ok(Content::Dummy);
        }
        let payload_len = rest.len().checked_sub(usize::from(*pad_len)).ok_or(Dropped::BadPadding)?;
        let (payload, padding) = rest.split_at_checked(payload_len).ok_or(Dropped::BadPadding)?;
        if !padding.iter().copied().eq(1..=*pad_len) {
            return Err(Dropped::BadPadding);
        }
        let len = match self.mode {
            Mode::Transport => payload.len(),
            Mode::Tunnel => tunnelled_len(payload, *next_header)?,
        };
        let at = text_at.start..text_at.start.saturating_add(len);
        Ok(Content::Payload { at, next_header: *next_header })
    }
}

/// The length of the inner packet, without TFC padding.
fn tunnelled_len(payload: &[u8], next_header: u8) -> Result<usize, Dropped> {
    if ![IPV4, IPV6].contains(&next_header) {
        return Err(Dropped::UnknownNextHeader);
    }
    inner(payload)
        .filter(|(version, _)| *version == next_header)
        .map(|(_, len)| len)
        .ok_or(Dropped::BadInnerPacket)
}

impl From<Refused> for Dropped {
    fn from(refused: Refused) -> Dropped {
        match refused {
            Refused::TooOld => Dropped::TooOld,
            Refused::Replayed => Dropped::Replayed,
        }
    }
}

impl From<OpenError> for Dropped {
    fn from(error: OpenError) -> Dropped {
        match error {
            OpenError::TooShort => Dropped::TooShort,
            OpenError::NotBlockAligned => Dropped::NotBlockAligned,
            OpenError::NotAuthentic => Dropped::NotAuthentic,
        }
    }
}
