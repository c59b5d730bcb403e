//! Transforms and their attributes (RFC 7296 sections 3.3.2 and 3.3.5).

use std::fmt;

use nom::bytes::complete::take;
use nom::number::complete::{be_u8, be_u16};

use crate::wire::error::Fault;
use crate::wire::registry::{TransformId, TransformType};

/// The Key Length attribute with its AF bit: type 14 as type and value, the only form allowed for it.
const KEY_LENGTH: u16 = 0x800e;

/// The AF bit: set, the value is the next two octets; clear, they are its length.
const AF: u16 = 0x8000;

/// One algorithm that a proposal offers.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// | Last Substruc |   RESERVED    |        Transform Length       |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |Transform Type |   RESERVED    |          Transform ID         |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ~                      Transform Attributes                     ~
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Transform {
    /// What is chosen.
    pub kind: TransformType,
    /// The choice.
    pub id: TransformId,
    /// The key length in bits, for ciphers that have several.
    pub key_length: Option<u16>,
    /// Whether there was an attribute that this crate does not understand, which makes this transform, and
    /// only this one, unacceptable (RFC 7296 section 3.3.6).
    ///
    /// A second Key Length counts as one: two lengths have no meaning that could be chosen or "returned
    /// unmodified", and refusing one transform costs less than refusing the message. So does a Key Length in
    /// the variable-length form, which "MUST NOT" be used for it.
    pub unknown_attributes: bool,
}

impl Transform {
    /// A transform without attributes.
    pub const fn new(kind: TransformType, id: TransformId) -> Transform {
        Transform { kind, id, key_length: None, unknown_attributes: false }
    }

    /// A transform with a key length in bits.
    pub const fn with_key_length(kind: TransformType, id: TransformId, bits: u16) -> Transform {
        Transform { kind, id, key_length: Some(bits), unknown_attributes: false }
    }

    /// Reads what follows the length.
    pub(super) fn parse(body: &[u8]) -> Result<Transform, Fault> {
        let (body, kind) = be_u8(body)?;
        let (body, _reserved) = be_u8(body)?;
        let (mut attributes, id) = be_u16(body)?;
        let mut transform = Transform::new(TransformType(kind), TransformId(id));
        while !attributes.is_empty() {
            let (rest, kind) = be_u16(attributes)?;
            let (rest, value) = be_u16(rest)?;
            // At least four octets are gone: a length of zero makes progress too.
            let long = if kind & AF == 0 { value } else { 0 };
            (attributes, _) = take::<_, _, Fault>(long)(rest)?;
            if kind == KEY_LENGTH && transform.key_length.is_none() {
                transform.key_length = Some(value);
            } else {
                transform.unknown_attributes = true;
            }
        }
        Ok(transform)
    }

    /// Writes what follows the length; attributes that were not understood were not kept and cannot be sent.
    pub(super) fn emit(&self, out: &mut Vec<u8>) -> Result<(), Fault> {
        if self.unknown_attributes {
            return Err(Fault::Unsendable);
        }
        out.extend_from_slice(&[self.kind.0, 0]);
        out.extend_from_slice(&self.id.0.to_be_bytes());
        if let Some(bits) = self.key_length {
            out.extend_from_slice(&KEY_LENGTH.to_be_bytes());
            out.extend_from_slice(&bits.to_be_bytes());
        }
        Ok(())
    }
}

impl fmt::Display for Transform {
    /// Type and name, with the key length in bits: `ENCR AES_GCM_16-256`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.id.name(self.kind) {
            Some(name) => write!(f, "{} {name}", self.kind)?,
            None => write!(f, "{} {}", self.kind, self.id)?,
        }
        match self.key_length {
            Some(bits) => write!(f, "-{bits}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{encr, ke};

    /// AES-GCM-16 with the given attributes.
    fn parse(attributes: &[u8]) -> Result<Transform, Fault> {
        Transform::parse(&[&[1, 0xff, 0, 20], attributes].concat())
    }

    const GCM: Transform = Transform::new(TransformType::ENCR, encr::AES_GCM_16);

    #[test]
    fn a_key_length_is_read_and_written() {
        let transform = Transform::with_key_length(TransformType::ENCR, encr::AES_GCM_16, 256);
        assert_eq!(parse(&[0x80, 14, 1, 0]), Ok(transform));
        let mut out = Vec::new();
        transform.emit(&mut out).unwrap();
        assert_eq!(out, [1, 0, 0, 20, 0x80, 14, 1, 0]);
    }

    #[test]
    fn an_attribute_of_another_type_marks_the_transform() {
        let marked = Transform { unknown_attributes: true, ..GCM };
        assert_eq!(parse(&[0x80, 15, 1, 0]), Ok(marked));
        assert_eq!(parse(&[0x00, 15, 0, 3, 1, 2, 3]), Ok(marked));
        assert_eq!(marked.emit(&mut Vec::new()), Err(Fault::Unsendable));
    }

    #[test]
    fn a_second_key_length_or_one_in_the_long_form_marks_the_transform() {
        let transform = parse(&[0x80, 14, 1, 0, 0x80, 14, 0, 128]).unwrap();
        assert_eq!(transform, Transform { key_length: Some(256), unknown_attributes: true, ..GCM });
        let transform = parse(&[0x00, 14, 0, 2, 1, 0]).unwrap();
        assert_eq!(transform, Transform { unknown_attributes: true, ..GCM });
    }

    #[test]
    fn attributes_of_zero_length_end_with_the_transform() {
        let transform = parse(&[0; 4000]).unwrap();
        assert_eq!(transform, Transform { unknown_attributes: true, ..GCM });
    }

    #[test]
    fn an_attribute_that_reaches_past_the_transform_is_truncated() {
        for attributes in [&[0x80][..], &[0x80, 14], &[0x80, 14, 1], &[0, 15, 0, 1], &[0, 15, 0xff, 0xff, 1]]
        {
            assert_eq!(parse(attributes), Err(Fault::Truncated));
        }
    }

    #[test]
    fn a_transform_prints_its_type_name_and_key_length() {
        let transform = Transform::with_key_length(TransformType::ENCR, encr::AES_GCM_16, 256);
        assert_eq!(transform.to_string(), "ENCR AES_GCM_16-256");
        assert_eq!(Transform::new(TransformType::KE, ke::X25519).to_string(), "KE X25519");
        assert_eq!(Transform::new(TransformType(99), TransformId(7)).to_string(), "TransformType(99) 7");
    }
}
