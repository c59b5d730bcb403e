//! What AUTH signs (RFC 7296 section 2.15).

use crypto::{Prf, Secret};

use crate::policy::Identity;
use crate::wire::IdPayload;

/// The octets that one end signs and the other checks:
///
/// ```text
/// its first message, whole (from the SPI on, as sent last) | the peer's nonce | prf(its SK_p, IDx')
/// ```
///
/// `id_body` is IDx': the ID payload without its generic header, RESERVED octets as they were on the wire.
pub(crate) fn signed_octets(
    message: &[u8],
    peer_nonce: &[u8],
    prf: Prf,
    sk_p: &Secret,
    id_body: &[u8],
) -> Vec<u8> {
    let maced_id = prf.compute(sk_p.expose(), &[id_body]);
    [message, peer_nonce, maced_id.expose()].concat()
}

/// The ID payload of one of our identities.
pub(crate) fn id_payload(identity: &Identity) -> IdPayload<'_> {
    IdPayload { id_type: identity.id_type, reserved: [0; 3], data: &identity.data }
}

/// An identity as a peer sent it.
pub(crate) fn identity_of(payload: &IdPayload<'_>) -> Identity {
    Identity { id_type: payload.id_type, data: payload.data.to_vec() }
}
