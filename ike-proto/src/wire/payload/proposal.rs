//! Proposals (RFC 7296 section 3.3.1).

use nom::bytes::complete::take;
use nom::number::complete::be_u8;

use super::transform::Transform;
use crate::ids::{EspSpi, IkeSpi};
use crate::wire::error::Fault;
use crate::wire::limits::MAX_TRANSFORMS;
use crate::wire::reader::{self, end};
use crate::wire::registry::Protocol;
use crate::wire::writer;

/// The Last Substruc field of the last substructure, of either kind.
pub(super) const LAST: u8 = 0;

/// The Last Substruc field of a transform before the last.
const MORE_TRANSFORMS: u8 = 3;

/// One offer: per transform type, the algorithms of which one is to be chosen.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// | Last Substruc |   RESERVED    |         Proposal Length       |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// | Proposal Num  |  Protocol ID  |    SPI Size   |Num  Transforms|
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ~                        SPI (variable)                         ~
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ~                        <Transforms>                           ~
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// Its place among the proposals; in a response, that of the accepted one.
    pub number: u8,
    /// What kind of SA it is for.
    pub protocol: Protocol,
    /// The sender's SPI. Whether its size is the protocol's is for the caller to check: a wrong one spoils
    /// this proposal, not the message.
    pub spi: Spi,
    /// In the sender's order of preference. None at all is not refused here: such a proposal lacks every
    /// mandatory type.
    pub transforms: Vec<Transform>,
}

/// The SPI in a proposal, told apart by its size alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spi {
    /// None: the IKE SA's, which is in the header.
    None,
    /// Four octets: ESP or AH.
    Esp(EspSpi),
    /// Eight octets: an IKE SA that replaces another.
    Ike(IkeSpi),
    /// Any other size.
    Other(Vec<u8>),
}

impl Spi {
    fn from_octets(octets: &[u8]) -> Spi {
        if octets.is_empty() {
            Spi::None
        } else if let Ok(spi) = octets.try_into() {
            Spi::Esp(EspSpi(u32::from_be_bytes(spi)))
        } else if let Ok(spi) = octets.try_into() {
            Spi::Ike(IkeSpi::from_bytes(spi))
        } else {
            Spi::Other(octets.to_vec())
        }
    }

    fn emit(&self, out: &mut Vec<u8>) {
        match self {
            Spi::None => {}
            Spi::Esp(spi) => out.extend_from_slice(&spi.0.to_be_bytes()),
            Spi::Ike(spi) => out.extend_from_slice(&spi.to_bytes()),
            Spi::Other(octets) => out.extend_from_slice(octets),
        }
    }

    fn size(&self) -> usize {
        match self {
            Spi::None => 0,
            Spi::Esp(_) => 4,
            Spi::Ike(_) => 8,
            Spi::Other(octets) => octets.len(),
        }
    }
}

impl Proposal {
    /// Reads what follows the length.
    pub(super) fn parse(body: &[u8]) -> Result<Proposal, Fault> {
        let (body, number) = be_u8(body)?;
        let (body, protocol) = be_u8(body)?;
        let (body, spi_size) = be_u8(body)?;
        let (body, count) = be_u8(body)?;
        let (mut body, spi) = take::<_, _, Fault>(spi_size)(body)?;
        let mut transforms = Vec::new();
        // MAX_TRANSFORMS is all that the count can say.
        for _ in 0..count {
            let (rest, ([last, _reserved], transform)) = reader::structure(body)?;
            check_last(last, rest, MORE_TRANSFORMS)?;
            transforms.push(Transform::parse(transform)?);
            body = rest;
        }
        end(body).map_err(|_| Fault::WrongCount)?;
        let spi = Spi::from_octets(spi);
        Ok(Proposal { number, protocol: Protocol(protocol), spi, transforms })
    }

    /// Writes what follows the length.
    pub(super) fn emit(&self, out: &mut Vec<u8>) -> Result<(), Fault> {
        if self.transforms.len() > MAX_TRANSFORMS {
            return Err(Fault::TooMany);
        }
        out.extend_from_slice(&[
            self.number,
            self.protocol.0,
            writer::spi_size(self.spi.size())?,
            writer::count(self.transforms.len())?,
        ]);
        self.spi.emit(out);
        let mut rest = self.transforms.iter().peekable();
        while let Some(transform) = rest.next() {
            let last = if rest.peek().is_some() { MORE_TRANSFORMS } else { LAST };
            writer::structure(out, [last, 0], |out| transform.emit(out))?;
        }
        Ok(())
    }
}

/// Checks a Last Substruc field against what is left: zero at the end, `more` before it, nothing else.
pub(super) fn check_last(last: u8, rest: &[u8], more: u8) -> Result<(), Fault> {
    let expected = if rest.is_empty() { LAST } else { more };
    if last == expected { Ok(()) } else { Err(Fault::WrongLastMark) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{TransformType, encr, esn};

    fn esp() -> Proposal {
        Proposal {
            number: 1,
            protocol: Protocol::ESP,
            spi: Spi::Esp(EspSpi(0x0102_0304)),
            transforms: vec![
                Transform::new(TransformType::ENCR, encr::CHACHA20_POLY1305),
                Transform::new(TransformType::ESN, esn::NO),
            ],
        }
    }

    const ESP: [u8; 24] = [1, 3, 4, 2, 1, 2, 3, 4, 3, 0, 0, 8, 1, 0, 0, 28, 0, 0, 0, 8, 5, 0, 0, 0];

    fn with(at: usize, octet: u8) -> [u8; 24] {
        let mut octets = ESP;
        octets[at] = octet;
        octets
    }

    #[test]
    fn a_proposal_is_read_and_written() {
        assert_eq!(Proposal::parse(&ESP), Ok(esp()));
        let mut out = Vec::new();
        esp().emit(&mut out).unwrap();
        assert_eq!(out, ESP);
    }

    #[test]
    fn reserved_octets_are_ignored() {
        for at in [9, 13, 17, 21] {
            assert_eq!(Proposal::parse(&with(at, 0xff)), Ok(esp()));
        }
    }

    #[test]
    fn the_count_of_transforms_must_be_what_is_there() {
        assert_eq!(Proposal::parse(&with(3, 3)), Err(Fault::Truncated));
        assert_eq!(Proposal::parse(&with(3, 1)), Err(Fault::WrongCount));
        assert_eq!(Proposal::parse(&with(3, 0)), Err(Fault::WrongCount));
    }

    #[test]
    fn the_last_transform_says_so_and_no_other_does() {
        for (at, mark) in [(8, 0), (8, 2), (16, 3), (16, 1)] {
            assert_eq!(Proposal::parse(&with(at, mark)), Err(Fault::WrongLastMark));
        }
    }

    #[test]
    fn a_transform_length_must_be_that_of_a_transform() {
        assert_eq!(Proposal::parse(&with(11, 0)), Err(Fault::LengthTooSmall));
        assert_eq!(Proposal::parse(&with(11, 7)), Err(Fault::Truncated));
    }

    #[test]
    fn an_spi_is_told_by_its_size() {
        for (size, spi) in [
            (0, Spi::None),
            (4, Spi::Esp(EspSpi(0x0505_0505))),
            (8, Spi::Ike(IkeSpi::from_bytes([5; 8]))),
            (3, Spi::Other(vec![5; 3])),
            (255, Spi::Other(vec![5; 255])),
        ] {
            let mut octets = vec![1, 1, size, 0];
            octets.resize(4 + usize::from(size), 5);
            let parsed = Proposal::parse(&octets).unwrap();
            assert_eq!(parsed.spi, spi);
            let mut out = Vec::new();
            parsed.emit(&mut out).unwrap();
            assert_eq!(out, octets);
        }
    }

    #[test]
    fn an_spi_longer_than_its_size_field_is_not_sent() {
        let proposal = Proposal { spi: Spi::Other(vec![0; 256]), ..esp() };
        assert_eq!(proposal.emit(&mut Vec::new()), Err(Fault::TooLong));
    }

    #[test]
    fn a_proposal_holds_as_many_transforms_as_it_can_count() {
        let transform = Transform::new(TransformType::ESN, esn::NO);
        let full = Proposal { transforms: vec![transform; MAX_TRANSFORMS], ..esp() };
        let mut out = Vec::new();
        full.emit(&mut out).unwrap();
        assert_eq!(Proposal::parse(&out), Ok(full));
        let over = Proposal { transforms: vec![transform; MAX_TRANSFORMS + 1], ..esp() };
        assert_eq!(over.emit(&mut Vec::new()), Err(Fault::TooMany));
    }
}
