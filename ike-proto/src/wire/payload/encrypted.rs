//! SK, the Encrypted payload (RFC 7296 section 3.14).

use crate::wire::error::Fault;
use crate::wire::registry::PayloadType;

/// Payloads under encryption. Its Next Payload field, in the generic payload header, names the first of them.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                     Initialization Vector                     |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ~                    Encrypted IKE Payloads                     ~
/// +               +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |               |             Padding (0-255 octets)            |
/// +-+-+-+-+-+-+-+-+                               +-+-+-+-+-+-+-+-+
/// |                                               |  Pad Length   |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ~                    Integrity Checksum Data                    ~
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
///
/// Where IV and checksum end depends on the algorithm, and so does the least length: the keys' owner checks.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct EncryptedPayload<'a> {
    /// The type of the first payload inside; NONE when it is empty, which is legal.
    pub first: PayloadType,
    /// IV, ciphertext and checksum.
    pub body: &'a [u8],
}

impl EncryptedPayload<'_> {
    pub(super) fn emit(&self, out: &mut Vec<u8>) -> Result<(), Fault> {
        out.extend_from_slice(self.body);
        Ok(())
    }
}
