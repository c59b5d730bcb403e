//! INFORMATIONAL (RFC 7296 section 1.4): deletes, errors and liveness checks.

use crate::ids::EspSpi;
use crate::wire::{NotifyType, Payload, PayloadType, Protocol};

use super::{ShapeError, Slots};

/// A request or a response; an empty one is a liveness check or its answer.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Informational {
    /// A Delete payload for the IKE SA itself: everything ends.
    pub delete_ike: bool,
    /// The SPIs of Child SAs that the sender no longer receives on.
    pub delete_children: Vec<EspSpi>,
    /// Error notifies.
    pub errors: Vec<NotifyType>,
}

impl Informational {
    /// Reads the payloads inside SK.
    pub fn read(payloads: Vec<Payload<'_>>) -> Result<Informational, ShapeError> {
        let slots = Slots::sort(payloads)?;
        let mut message = Informational {
            errors: slots.notifies.iter().map(|n| n.kind).filter(|kind| kind.is_error()).collect(),
            ..Informational::default()
        };
        for delete in slots.deletes {
            match delete.protocol {
                Protocol::IKE => message.delete_ike = true,
                Protocol::ESP => message.delete_children.extend(delete.spis),
                // An AH SA of ours cannot exist, and "a request to close a Child SA that does not exist" is no error
                // (section 2.25.1).
                Protocol::AH => {}
                _ => return Err(ShapeError::Invalid(PayloadType::DELETE)),
            }
        }
        Ok(message)
    }
}
