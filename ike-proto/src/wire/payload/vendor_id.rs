//! V, the Vendor ID payload (RFC 7296 section 3.12).

use crate::wire::error::Fault;

/// The mark of an implementation: its body is the vendor's constant and nothing else.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct VendorIdPayload<'a> {
    /// The constant.
    pub data: &'a [u8],
}

impl VendorIdPayload<'_> {
    pub(super) fn emit(&self, out: &mut Vec<u8>) -> Result<(), Fault> {
        out.extend_from_slice(self.data);
        Ok(())
    }
}
