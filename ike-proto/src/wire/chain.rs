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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{
        EncryptedPayload, NoncePayload, Proposal, Protocol, SaPayload, Spi, Transform, TransformType,
        UnknownPayload, VendorIdPayload, esn,
    };

    const VENDOR_ID: Payload<'_> = Payload::VendorId(VendorIdPayload { data: &[7] });

    fn sk(body: &[u8]) -> Payload<'_> {
        Payload::Encrypted(EncryptedPayload { first: PayloadType::DELETE, body })
    }

    fn fault(payload: PayloadType, offset: usize, fault: Fault) -> WireError {
        WireError::Payload { payload, offset, fault }
    }

    #[test]
    fn each_payload_names_the_next_and_the_last_none() {
        let mut out = vec![99];
        assert_eq!(emit_chain(&[VENDOR_ID, VENDOR_ID], &mut out), Ok(PayloadType::VENDOR_ID));
        assert_eq!(out, [99, 43, 0, 0, 5, 7, 0, 0, 0, 5, 7]);
        assert_eq!(parse_chain(PayloadType::VENDOR_ID, &out[1..]), Ok(vec![VENDOR_ID, VENDOR_ID]));
    }

    #[test]
    fn an_empty_chain_has_no_first_type_and_no_octets() {
        let mut out = Vec::new();
        assert_eq!(emit_chain(&[], &mut out), Ok(PayloadType::NONE));
        assert_eq!(out, []);
        assert_eq!(parse_chain(PayloadType::NONE, &[]), Ok(vec![]));
    }

    #[test]
    fn an_encrypted_payload_names_what_is_inside_and_ends_the_chain() {
        let mut out = Vec::new();
        emit_chain(&[VENDOR_ID, sk(&[1, 2])], &mut out).unwrap();
        assert_eq!(out, [46, 0, 0, 5, 7, 42, 0, 0, 6, 1, 2]);
        assert_eq!(parse_chain(PayloadType::VENDOR_ID, &out), Ok(vec![VENDOR_ID, sk(&[1, 2])]));
        out.push(0);
        let not_last = fault(PayloadType::ENCRYPTED, 5, Fault::NotLast);
        assert_eq!(parse_chain(PayloadType::VENDOR_ID, &out), Err(not_last));
    }

    #[test]
    fn nothing_is_emitted_after_an_encrypted_payload_and_what_was_is_taken_back() {
        let mut out = vec![99];
        let not_last = fault(PayloadType::ENCRYPTED, 5, Fault::NotLast);
        assert_eq!(emit_chain(&[VENDOR_ID, sk(&[]), VENDOR_ID], &mut out), Err(not_last));
        assert_eq!(out, [99]);
    }

    #[test]
    fn an_unknown_payload_keeps_its_critical_bit() {
        for critical in [false, true] {
            let unknown =
                Payload::Unknown(UnknownPayload { payload_type: PayloadType(49), critical, body: &[5] });
            let flags = if critical { 0x80 } else { 0 };
            let mut out = Vec::new();
            assert_eq!(emit_chain(std::slice::from_ref(&unknown), &mut out), Ok(PayloadType(49)));
            assert_eq!(out, [0, flags, 0, 5, 5]);
            assert_eq!(parse_chain(PayloadType(49), &[0, flags | 0x7f, 0, 5, 5]), Ok(vec![unknown]));
        }
    }

    #[test]
    fn the_critical_and_reserved_bits_of_a_known_payload_are_ignored() {
        assert_eq!(parse_chain(PayloadType::VENDOR_ID, &[0, 0xff, 0, 5, 7]), Ok(vec![VENDOR_ID]));
    }

    #[test]
    fn octets_after_the_last_payload_are_refused() {
        let trailing = parse_chain(PayloadType::VENDOR_ID, &[0, 0, 0, 5, 7, 0, 0, 0, 4]);
        assert_eq!(trailing, Err(WireError::TrailingOctets { offset: 5 }));
        assert_eq!(parse_chain(PayloadType::NONE, &[0]), Err(WireError::TrailingOctets { offset: 0 }));
    }

    #[test]
    fn a_payload_that_is_named_but_missing_is_truncated() {
        let missing = parse_chain(PayloadType::VENDOR_ID, &[40, 0, 0, 5, 7]);
        assert_eq!(missing, Err(fault(PayloadType::NONCE, 5, Fault::Truncated)));
    }

    #[test]
    fn a_payload_that_makes_no_progress_is_refused() {
        let input = [49, 0, 0, 0].repeat(1000);
        assert_eq!(
            parse_chain(PayloadType(49), &input),
            Err(fault(PayloadType(49), 0, Fault::LengthTooSmall))
        );
    }

    #[test]
    fn a_chain_holds_as_many_payloads_as_the_limit_and_no_more() {
        let mut out = Vec::new();
        let mut chain = vec![VENDOR_ID; MAX_PAYLOADS];
        emit_chain(&chain, &mut out).unwrap();
        assert_eq!(parse_chain(PayloadType::VENDOR_ID, &out), Ok(chain.clone()));
        chain.push(VENDOR_ID);
        assert_eq!(emit_chain(&chain, &mut Vec::new()), Err(WireError::TooManyPayloads));
        let last = out.len() - 5;
        out[last] = PayloadType::VENDOR_ID.0;
        out.extend([0, 0, 0, 5, 7]);
        assert_eq!(parse_chain(PayloadType::VENDOR_ID, &out), Err(WireError::TooManyPayloads));
    }

    #[test]
    fn an_error_names_the_payload_and_where_it_starts() {
        let chain = [VENDOR_ID, Payload::Nonce(NoncePayload { data: &[0; 15] })];
        let short = fault(PayloadType::NONCE, 5, Fault::TooShort);
        assert_eq!(emit_chain(&chain, &mut vec![9, 9]), Err(short));
    }

    #[test]
    fn a_payload_may_fill_its_length_field_and_not_one_octet_more() {
        let data = vec![7; 65532];
        let mut out = Vec::new();
        let full = Payload::VendorId(VendorIdPayload { data: &data[1..] });
        emit_chain(std::slice::from_ref(&full), &mut out).unwrap();
        assert_eq!(parse_chain(PayloadType::VENDOR_ID, &out), Ok(vec![full]));
        let over = Payload::VendorId(VendorIdPayload { data: &data });
        let too_long = fault(PayloadType::VENDOR_ID, 0, Fault::TooLong);
        assert_eq!(emit_chain(&[over], &mut Vec::new()), Err(too_long));
    }

    #[test]
    fn an_sa_within_every_count_is_still_refused_when_it_is_too_long_in_all() {
        let transforms = vec![Transform::new(TransformType::ESN, esn::NO); 255];
        let proposals = (1..=255)
            .map(|number| Proposal {
                number,
                protocol: Protocol::ESP,
                spi: Spi::None,
                transforms: transforms.clone(),
            })
            .collect();
        let too_long = fault(PayloadType::SA, 0, Fault::TooLong);
        let mut out = Vec::new();
        assert_eq!(emit_chain(&[Payload::Sa(SaPayload { proposals })], &mut out), Err(too_long));
        assert_eq!(out, []);
    }
}
