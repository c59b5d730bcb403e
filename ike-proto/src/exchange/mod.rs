//! The exchanges as values: data in, outcome out. None of them sees an SA, a clock or a socket.

pub(crate) mod auth;
pub(crate) mod child;
pub(crate) mod collision;
pub(crate) mod create_child;
pub(crate) mod init;
pub(crate) mod narrow;
pub(crate) mod propose;
pub(crate) mod rekey_child;

use crate::ids::EspSpi;
use crate::message::ShapeError;
use crate::wire::{NotifyPayload, NotifyType, Payload, PayloadType, Protocol, TransformId};

/// Why a request is refused: each is exactly one error notify of RFC 7296 section 3.10.1.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// "If the critical flag is set and the payload type is unrecognized, the message MUST be rejected" (2.5).
    UnsupportedCriticalPayload(PayloadType),
    /// "The IKE message ... was invalid because some type, length, or value was out of range."
    InvalidSyntax,
    /// "None of the proposed crypto suites was acceptable."
    NoProposalChosen,
    /// "a Notify payload of type INVALID_KE_PAYLOAD indicating the selected group" (1.2).
    InvalidKe(TransformId),
    /// "The authentication failed": whatever the reason, the peer learns no more.
    AuthenticationFailed,
    /// "the responder's policy does not allow it to accept any part of the proposed Traffic Selectors" (2.9).
    TsUnacceptable,
    /// "The responder is unwilling to accept any more Child SAs on this IKE SA."
    NoAdditionalSas,
    /// "A TEMPORARY_FAILURE notification SHOULD be sent when a peer receives a request that cannot be completed due to
    /// a temporary condition such as a rekeying operation." (2.25)
    TemporaryFailure,
    /// "A CHILD_SA_NOT_FOUND notification SHOULD be sent when a peer receives a request to rekey a Child SA that does
    /// not exist." (2.25) The SPI is that of the request.
    ChildSaNotFound(EspSpi),
}

impl Refusal {
    /// The only place that turns a refusal into a notify.
    pub fn notify(self) -> RefusalNotify {
        let (kind, data) = match self {
            Refusal::UnsupportedCriticalPayload(payload) => {
                (NotifyType::UNSUPPORTED_CRITICAL_PAYLOAD, vec![payload.0])
            }
            Refusal::InvalidSyntax => (NotifyType::INVALID_SYNTAX, Vec::new()),
            Refusal::NoProposalChosen => (NotifyType::NO_PROPOSAL_CHOSEN, Vec::new()),
            Refusal::InvalidKe(group) => (NotifyType::INVALID_KE_PAYLOAD, group.0.to_be_bytes().to_vec()),
            Refusal::AuthenticationFailed => (NotifyType::AUTHENTICATION_FAILED, Vec::new()),
            Refusal::TsUnacceptable => (NotifyType::TS_UNACCEPTABLE, Vec::new()),
            Refusal::NoAdditionalSas => (NotifyType::NO_ADDITIONAL_SAS, Vec::new()),
            Refusal::TemporaryFailure => (NotifyType::TEMPORARY_FAILURE, Vec::new()),
            Refusal::ChildSaNotFound(spi) => {
                let spi = spi.0.to_be_bytes().to_vec();
                let (kind, protocol) = (NotifyType::CHILD_SA_NOT_FOUND, Protocol::ESP);
                return RefusalNotify { kind, protocol, spi, data: Vec::new() };
            }
        };
        RefusalNotify { kind, protocol: Protocol::NONE, spi: Vec::new(), data }
    }
}

impl From<ShapeError> for Refusal {
    fn from(error: ShapeError) -> Refusal {
        match error {
            ShapeError::UnsupportedCritical(payload) => Refusal::UnsupportedCriticalPayload(payload),
            ShapeError::Missing(_) | ShapeError::Repeated(_) | ShapeError::Invalid(_) => {
                Refusal::InvalidSyntax
            }
        }
    }
}

/// A refusal's notify, owning its data.
pub(crate) struct RefusalNotify {
    kind: NotifyType,
    protocol: Protocol,
    spi: Vec<u8>,
    data: Vec<u8>,
}

impl RefusalNotify {
    /// About the message or the IKE SA: no protocol, no SPI. About a Child SA: both (section 3.10).
    pub fn payload(&self) -> Payload<'_> {
        Payload::Notify(NotifyPayload {
            protocol: self.protocol,
            spi: &self.spi,
            kind: self.kind,
            data: &self.data,
        })
    }
}
