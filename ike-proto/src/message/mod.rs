//! Payloads sorted into one typed message per exchange, each payload's number of occurrences checked once.

pub mod auth;
pub mod create_child;
pub mod informational;
pub mod init;

use std::fmt;

use crate::ids::{IkeSpi, MessageId, Role};
use crate::wire::{
    AuthPayload, DeletePayload, ExchangeType, Flags, Header, IdPayload, KePayload, NotifyPayload, NotifyType,
    Payload, PayloadType, SaPayload, TsPayload, WireError,
};

/// What is wrong with a message whose payloads parse one by one.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum ShapeError {
    /// A payload that the exchange requires is not there.
    Missing(PayloadType),
    /// A payload that may occur once occurs again.
    Repeated(PayloadType),
    /// A payload that we do not know and whose sender says that it matters.
    UnsupportedCritical(PayloadType),
    /// A payload's content is impossible here.
    Invalid(PayloadType),
}

impl fmt::Display for ShapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ShapeError::Missing(payload) => write!(f, "no {payload} payload"),
            ShapeError::Repeated(payload) => write!(f, "more than one {payload} payload"),
            ShapeError::UnsupportedCritical(payload) => write!(f, "critical {payload} payload"),
            ShapeError::Invalid(payload) => write!(f, "impossible {payload} payload"),
        }
    }
}

/// How often a payload may occur in any message; what is not listed may occur as often as the parser lets it.
///
/// RFC 7296 sections 1.2 to 1.4 draw each exchange; no drawing has two of these.
const AT_MOST_ONCE: [PayloadType; 8] = [
    PayloadType::SA,
    PayloadType::KE,
    PayloadType::ID_INITIATOR,
    PayloadType::ID_RESPONDER,
    PayloadType::AUTH,
    PayloadType::NONCE,
    PayloadType::TS_INITIATOR,
    PayloadType::TS_RESPONDER,
];

/// The payloads of one message, each in its place, in whatever order they came.
///
/// RFC 7296 section 2.5: "implementations MUST NOT reject as invalid a message with those payloads in any other order".
#[derive(Default)]
pub(crate) struct Slots<'a> {
    pub sa: Option<SaPayload>,
    pub ke: Option<KePayload<'a>>,
    pub id_initiator: Option<IdPayload<'a>>,
    pub id_responder: Option<IdPayload<'a>>,
    pub auth: Option<AuthPayload<'a>>,
    pub nonce: Option<&'a [u8]>,
    pub ts_initiator: Option<TsPayload>,
    pub ts_responder: Option<TsPayload>,
    pub notifies: Vec<NotifyPayload<'a>>,
    pub deletes: Vec<DeletePayload>,
}

impl<'a> Slots<'a> {
    /// Sorts payloads; certificates, vendor IDs, configuration and unknown non-critical payloads are left out.
    pub fn sort(payloads: Vec<Payload<'a>>) -> Result<Slots<'a>, ShapeError> {
        for once in AT_MOST_ONCE {
            if payloads.iter().filter(|payload| payload.payload_type() == once).count() > 1 {
                return Err(ShapeError::Repeated(once));
            }
        }
        let mut slots = Slots::default();
        for payload in payloads {
            match payload {
                Payload::Sa(sa) => slots.sa = Some(sa),
                Payload::Ke(ke) => slots.ke = Some(ke),
                Payload::IdInitiator(id) => slots.id_initiator = Some(id),
                Payload::IdResponder(id) => slots.id_responder = Some(id),
                Payload::Auth(auth) => slots.auth = Some(auth),
                Payload::Nonce(nonce) => slots.nonce = Some(nonce.data),
                Payload::TsInitiator(ts) => slots.ts_initiator = Some(ts),
                Payload::TsResponder(ts) => slots.ts_responder = Some(ts),
                Payload::Notify(notify) => slots.notifies.push(notify),
                Payload::Delete(delete) => slots.deletes.push(delete),
                // "MUST skip over those payloads and ignore their contents", unless critical (RFC 7296 2.5).
                Payload::Unknown(unknown) if unknown.critical => {
                    return Err(ShapeError::UnsupportedCritical(unknown.payload_type));
                }
                Payload::Unknown(_)
                | Payload::Cert(_)
                | Payload::CertReq(_)
                | Payload::VendorId(_)
                | Payload::Encrypted(_)
                | Payload::Fragment(_)
                | Payload::Configuration(_) => {}
            }
        }
        Ok(slots)
    }

    /// The first notify of this type.
    pub fn notify(&self, kind: NotifyType) -> Option<&NotifyPayload<'a>> {
        self.notifies.iter().find(|notify| notify.kind == kind)
    }

    /// The first error notify, which decides a response (RFC 7296 section 3.10.1).
    pub fn error(&self) -> Option<&NotifyPayload<'a>> {
        self.notifies.iter().find(|notify| notify.kind.is_error())
    }
}

/// Takes a payload that the exchange requires.
pub(crate) fn require<T>(slot: Option<T>, payload: PayloadType) -> Result<T, ShapeError> {
    slot.ok_or(ShapeError::Missing(payload))
}

/// Request or response: the R flag.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Asks.
    Request,
    /// Answers.
    Response,
}

/// Both SPIs of an IKE SA, by original role, as every header carries them.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Spis {
    /// The original initiator's.
    pub initiator: IkeSpi,
    /// The original responder's.
    pub responder: IkeSpi,
}

/// The part of a header that names a message.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Which exchange.
    pub exchange: ExchangeType,
    /// Request or response.
    pub kind: Kind,
    /// Which one.
    pub id: MessageId,
}

/// The header of a message of ours, its length and first payload still open.
pub(crate) fn header(spis: Spis, role: Role, label: Label) -> Header {
    Header {
        initiator_spi: spis.initiator,
        responder_spi: spis.responder,
        next_payload: PayloadType::NONE,
        major: 2,
        minor: 0,
        exchange: label.exchange,
        flags: Flags { initiator: role == Role::Initiator, response: label.kind == Kind::Response },
        message_id: label.id,
        length: 0,
    }
}

/// A whole message without protection: IKE_SA_INIT, and the few unprotected errors.
pub(crate) fn emit_plain(mut header: Header, payloads: &[Payload<'_>]) -> Result<Vec<u8>, WireError> {
    let mut body = Vec::new();
    header.next_payload = crate::wire::emit_chain(payloads, &mut body)?;
    let mut message = Vec::with_capacity(Header::LEN.saturating_add(body.len()));
    header.emit(&mut message);
    message.append(&mut body);
    crate::wire::patch_length(&mut message);
    Ok(message)
}

/// A notify payload about the IKE SA itself: no protocol, no SPI (RFC 7296 section 3.10).
pub(crate) fn notify(kind: NotifyType, data: &[u8]) -> Payload<'_> {
    Payload::Notify(NotifyPayload { protocol: crate::wire::Protocol::NONE, spi: &[], kind, data })
}
