//! Payloads of a type that is not read here, kept with their critical bit (RFC 7296 section 2.5).

use crate::wire::error::Fault;
use crate::wire::registry::PayloadType;

/// A payload of another type: to be skipped, or the reason to refuse the message if it is critical.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct UnknownPayload<'a> {
    /// Its type: none of those that [`Payload`](super::Payload) has a variant for.
    pub payload_type: PayloadType,
    /// The C bit: the sender wants the whole message rejected if the type is not understood.
    pub critical: bool,
    /// Everything after the generic payload header.
    pub body: &'a [u8],
}

impl UnknownPayload<'_> {
    /// Fails with [`Fault::Unsendable`] on a type that would be read as something else.
    pub(super) fn emit(&self, out: &mut Vec<u8>) -> Result<(), Fault> {
        if self.payload_type == PayloadType::NONE || has_variant(self.payload_type) {
            return Err(Fault::Unsendable);
        }
        out.extend_from_slice(self.body);
        Ok(())
    }
}

/// Whether `Payload` has a variant of its own for the type.
fn has_variant(payload_type: PayloadType) -> bool {
    matches!(payload_type.0, 33..=47) || payload_type == PayloadType::ENCRYPTED_FRAGMENT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_that_would_be_read_as_something_else_is_not_sent() {
        for octet in 0..=u8::MAX {
            let unknown = UnknownPayload { payload_type: PayloadType(octet), critical: false, body: &[] };
            let known = octet == 0 || (33..=47).contains(&octet) || octet == 53;
            let expected = if known { Err(Fault::Unsendable) } else { Ok(()) };
            assert_eq!(unknown.emit(&mut Vec::new()), expected, "type {octet}");
        }
    }
}
