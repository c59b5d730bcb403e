//! The chain of payloads: each names the type of the next (RFC 7296 section 3.2).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! | Next Payload  |C|  RESERVED   |         Payload Length        |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

use super::error::{Fault, WireError};
use super::payload::{GenericHeader, Payload};
use super::reader;
use super::registry::PayloadType;
use super::writer;

pub use super::limits::MAX_PAYLOADS;

/// The C bit in the second octet of the generic payload header.
const CRITICAL: u8 = 0x80;

/// Reads the payloads of a message, or of a decrypted SK payload, of which `first` is the first one's type.
///
/// `input` must hold them exactly; SK and SKF, whose Next Payload names what is inside them, end the chain.
/// Order and duplicates are kept as they come: what may occur how often depends on the exchange. Whether an
/// SK payload stands inside another is for the caller to check.
pub fn parse_chain<'a>(first: PayloadType, input: &'a [u8]) -> Result<Vec<Payload<'a>>, WireError> {
    let mut payloads = Vec::new();
    let mut next = first;
    let mut rest = input;
    while next != PayloadType::NONE {
        if payloads.len() >= MAX_PAYLOADS {
            return Err(WireError::TooManyPayloads);
        }
        let offset = input.len().saturating_sub(rest.len());
        let (after, payload, following) =
            parse_payload(next, rest).map_err(|fault| WireError::Payload { payload: next, offset, fault })?;
        payloads.push(payload);
        rest = after;
        next = following;
    }
    if rest.is_empty() {
        Ok(payloads)
    } else {
        Err(WireError::TrailingOctets { offset: input.len().saturating_sub(rest.len()) })
    }
}

/// One payload of the given type: what is left after it, itself, and the type of the one that follows.
fn parse_payload(
    payload_type: PayloadType,
    input: &[u8],
) -> Result<(&[u8], Payload<'_>, PayloadType), Fault> {
    let (rest, ([next, flags], body)) = reader::structure(input)?;
    let header = GenericHeader { payload_type, next: PayloadType(next), critical: flags & CRITICAL != 0 };
    let payload = Payload::parse(header, body)?;
    match payload.inner() {
        Some(_) if !rest.is_empty() => Err(Fault::NotLast),
        Some(_) => Ok((rest, payload, PayloadType::NONE)),
        None => Ok((rest, payload, header.next)),
    }
}

/// Appends the payloads and returns the type of the first, for whatever precedes them; NONE if there are none.
///
/// The last one's Next Payload is NONE, or the inner type of an SK or SKF payload, which must be the last.
/// On failure `out` is as it was.
pub fn emit_chain(payloads: &[Payload<'_>], out: &mut Vec<u8>) -> Result<PayloadType, WireError> {
    let start = out.len();
    let emitted = emit_payloads(payloads, out, start);
    if emitted.is_err() {
        out.truncate(start);
    }
    emitted
}

fn emit_payloads(
    payloads: &[Payload<'_>],
    out: &mut Vec<u8>,
    start: usize,
) -> Result<PayloadType, WireError> {
    if payloads.len() > MAX_PAYLOADS {
        return Err(WireError::TooManyPayloads);
    }
    let mut rest = payloads.iter().peekable();
    while let Some(payload) = rest.next() {
        let following = rest.peek().map(|next| next.payload_type());
        let offset = out.len().saturating_sub(start);
        emit_payload(payload, following, out).map_err(|fault| WireError::Payload {
            payload: payload.payload_type(),
            offset,
            fault,
        })?;
    }
    Ok(payloads.first().map_or(PayloadType::NONE, Payload::payload_type))
}

fn emit_payload(
    payload: &Payload<'_>,
    following: Option<PayloadType>,
    out: &mut Vec<u8>,
) -> Result<(), Fault> {
    let next = match (payload.inner(), following) {
        (Some(_), Some(_)) => return Err(Fault::NotLast),
        (Some(inner), None) => inner,
        (None, following) => following.unwrap_or(PayloadType::NONE),
    };
    let flags = if payload.is_critical() { CRITICAL } else { 0 };
    writer::structure(out, [next.0, flags], |out| payload.emit(out))
}
