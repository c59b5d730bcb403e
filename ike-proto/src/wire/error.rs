//! What can be wrong with a message's shape: one enum for the message, one for the inside of a payload.

use std::fmt;

use super::PayloadType;

/// Why octets are not a message, or why a message cannot be written.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum WireError {
    /// The datagram is shorter than the header.
    NoHeader {
        /// Octets that there were.
        length: usize,
    },
    /// The major version is not 2. The answer to a higher one is INVALID_MAJOR_VERSION (RFC 7296 section
    /// 2.5); [`Header::parse_any_version`](super::Header::parse_any_version) reads what that answer needs.
    UnsupportedMajorVersion {
        /// The version found, 0 to 15.
        major: u8,
    },
    /// The header's length is not the datagram's.
    WrongLength {
        /// The header's Length field.
        stated: u32,
        /// Octets that there were.
        actual: usize,
    },
    /// More payloads than [`MAX_PAYLOADS`](super::MAX_PAYLOADS).
    TooManyPayloads,
    /// Octets after the payload that says that it is the last.
    TrailingOctets {
        /// Where they start, in octets from the first payload.
        offset: usize,
    },
    /// One payload is malformed.
    Payload {
        /// Its type.
        payload: PayloadType,
        /// Where it starts, in octets from the first payload; when emitting, from the first one emitted.
        offset: usize,
        /// What is wrong in it.
        fault: Fault,
    },
}

/// What is wrong inside a payload.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A field, or what a length field promises, reaches past the end.
    Truncated,
    /// Octets are left over after the last field.
    Trailing,
    /// A length field is smaller than the fixed part of what it measures.
    LengthTooSmall,
    /// Too long for its length field, or for the limit on it.
    TooLong,
    /// Shorter than the least that the RFC allows.
    TooShort,
    /// More items than the limit on them (see [`limits`](super::limits)).
    TooMany,
    /// At least one item is required.
    Empty,
    /// A count field does not agree with what is there.
    WrongCount,
    /// A Last Substruc field that does not say last at the end, or more before it.
    WrongLastMark,
    /// Proposal numbers that do not count up one by one.
    WrongNumber,
    /// An SPI size that the protocol does not have.
    WrongSpiSize,
    /// A traffic selector whose start lies after its end, or whose ends are of two address families.
    BadRange,
    /// A fragment number of zero or above the total.
    BadFragmentNumber,
    /// SK or SKF, which must be the last payload, is followed by something.
    NotLast,
    /// Parsed but not kept whole, or a payload type that has its own variant: emitting would not say the same.
    Unsendable,
}

impl std::error::Error for WireError {}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WireError::NoHeader { length } => write!(f, "{length} octets are too few for an IKE header"),
            WireError::UnsupportedMajorVersion { major } => write!(f, "major version {major} is not 2"),
            WireError::WrongLength { stated, actual } => {
                write!(f, "the header says {stated} octets, the datagram has {actual}")
            }
            WireError::TooManyPayloads => write!(f, "more than {} payloads", super::MAX_PAYLOADS),
            WireError::TrailingOctets { offset } => {
                write!(f, "octets after the last payload, at offset {offset}")
            }
            WireError::Payload { payload, offset, fault } => {
                write!(f, "payload {payload} at offset {offset}: {fault}")
            }
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fault::Truncated => "truncated",
            Fault::Trailing => "octets left over",
            Fault::LengthTooSmall => "a length smaller than its own header",
            Fault::TooLong => "too long",
            Fault::TooShort => "too short",
            Fault::TooMany => "too many items",
            Fault::Empty => "no items",
            Fault::WrongCount => "a count that does not match",
            Fault::WrongLastMark => "a wrong Last Substruc field",
            Fault::WrongNumber => "proposal numbers out of sequence",
            Fault::WrongSpiSize => "an SPI size that the protocol does not have",
            Fault::BadRange => "a traffic selector that starts after its end",
            Fault::BadFragmentNumber => "an impossible fragment number",
            Fault::NotLast => "not the last payload",
            Fault::Unsendable => "holds what cannot be sent",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_line_that_says_what_and_where() {
        let error = WireError::Payload { payload: PayloadType::NONCE, offset: 40, fault: Fault::TooShort };
        assert_eq!(error.to_string(), "payload NONCE at offset 40: too short");
        let error = WireError::WrongLength { stated: 29, actual: 28 };
        assert_eq!(error.to_string(), "the header says 29 octets, the datagram has 28");
    }
}
