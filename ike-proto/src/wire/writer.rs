//! Writing: structures that measure themselves, and counts that must fit their field.

use super::error::Fault;

/// Octets before the body of a structure: two of its own and the length.
pub(super) const STRUCTURE_HEADER: usize = 4;

/// Appends the two octets of `lead`, a length, and what `body` writes; then fills the length in.
///
/// The counterpart of [`structure`](super::reader::structure); [`Fault::TooLong`] if the length does not fit.
pub(super) fn structure(
    out: &mut Vec<u8>,
    lead: [u8; 2],
    body: impl FnOnce(&mut Vec<u8>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let start = out.len();
    out.extend_from_slice(&lead);
    out.extend_from_slice(&[0, 0]);
    body(out)?;
    let length = u16::try_from(out.len().saturating_sub(start)).map_err(|_| Fault::TooLong)?;
    for (field, octet) in out.iter_mut().skip(start).skip(lead.len()).zip(length.to_be_bytes()) {
        *field = octet;
    }
    Ok(())
}

/// A number of items for a one-octet count field.
pub(super) fn count(items: usize) -> Result<u8, Fault> {
    u8::try_from(items).map_err(|_| Fault::TooMany)
}

/// The length of an SPI for a one-octet size field.
pub(super) fn spi_size(spi: usize) -> Result<u8, Fault> {
    u8::try_from(spi).map_err(|_| Fault::TooLong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_structure_measures_itself() {
        let mut out = vec![9];
        structure(&mut out, [1, 2], |out| {
            out.push(7);
            Ok(())
        })
        .unwrap();
        assert_eq!(out, [9, 1, 2, 0, 5, 7]);
    }

    #[test]
    fn a_structure_may_fill_its_length_field_and_not_one_octet_more() {
        let write = |size: usize| {
            structure(&mut Vec::new(), [0, 0], |out| {
                out.resize(out.len() + size, 0);
                Ok(())
            })
        };
        assert_eq!(write(65531), Ok(()));
        assert_eq!(write(65532), Err(Fault::TooLong));
    }
}
