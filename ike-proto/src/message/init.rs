//! IKE_SA_INIT (RFC 7296 section 1.2): the only exchange in clear.

use crate::wire::{KePayload, NotifyType, Payload, PayloadType, SaPayload, TransformId};

use super::{ShapeError, Slots, require};

/// Most NAT_DETECTION_SOURCE_IP notifies that are looked at; a host with more source addresses than this is told
/// that it is behind a NAT, which costs it 8 octets a packet.
const MAX_NAT_SOURCES: usize = 16;

/// What both sides say about their addresses (RFC 7296 section 2.23), still as 20-octet hashes.
#[derive(Debug, Default)]
pub struct NatHashes<'a> {
    /// NAT_DETECTION_SOURCE_IP, one for each address that the sender may use.
    pub sources: Vec<&'a [u8]>,
    /// NAT_DETECTION_DESTINATION_IP.
    pub destination: Option<&'a [u8]>,
}

impl<'a> NatHashes<'a> {
    fn of(slots: &Slots<'a>) -> NatHashes<'a> {
        let sources = slots.notifies.iter().filter(|n| n.kind == NotifyType::NAT_DETECTION_SOURCE_IP);
        NatHashes {
            sources: sources.map(|n| n.data).take(MAX_NAT_SOURCES).collect(),
            destination: slots.notify(NotifyType::NAT_DETECTION_DESTINATION_IP).map(|n| n.data),
        }
    }
}

/// A request to create an IKE SA.
#[derive(Debug)]
pub struct InitRequest<'a> {
    /// The cookie that we demanded, if it comes back.
    pub cookie: Option<&'a [u8]>,
    /// SAi1.
    pub sa: SaPayload,
    /// KEi.
    pub ke: KePayload<'a>,
    /// Ni.
    pub nonce: &'a [u8],
    /// The initiator's view of the addresses.
    pub nat: NatHashes<'a>,
}

impl<'a> InitRequest<'a> {
    /// Reads the payloads of a request.
    pub fn read(payloads: Vec<Payload<'a>>) -> Result<InitRequest<'a>, ShapeError> {
        let slots = Slots::sort(payloads)?;
        Ok(InitRequest {
            cookie: slots.notify(NotifyType::COOKIE).map(|n| n.data),
            nat: NatHashes::of(&slots),
            sa: require(slots.sa, PayloadType::SA)?,
            ke: require(slots.ke, PayloadType::KE)?,
            nonce: require(slots.nonce, PayloadType::NONCE)?,
        })
    }
}

/// What a responder can say to [`InitRequest`].
#[derive(Debug)]
pub enum InitResponse<'a> {
    /// It agrees.
    Accept(InitAccept<'a>),
    /// It wants this cookie back first (section 2.6).
    Cookie(&'a [u8]),
    /// It wants a key exchange value of this group (section 1.2).
    InvalidKe(TransformId),
    /// It refuses.
    Error(NotifyType),
}

/// The agreeing response.
#[derive(Debug)]
pub struct InitAccept<'a> {
    /// SAr1.
    pub sa: SaPayload,
    /// KEr.
    pub ke: KePayload<'a>,
    /// Nr.
    pub nonce: &'a [u8],
    /// The responder's view of the addresses.
    pub nat: NatHashes<'a>,
}

/// The cookie "MUST be between 1 and 64 octets in length (inclusive)" (RFC 7296 section 2.6).
pub const MAX_COOKIE: usize = 64;

impl<'a> InitResponse<'a> {
    /// Reads the payloads of a response. Errors come first: they decide whatever else the message holds.
    pub fn read(payloads: Vec<Payload<'a>>) -> Result<InitResponse<'a>, ShapeError> {
        let slots = Slots::sort(payloads)?;
        if let Some(error) = slots.error() {
            return match (error.kind, <[u8; 2]>::try_from(error.data)) {
                (NotifyType::INVALID_KE_PAYLOAD, Ok(group)) => {
                    Ok(InitResponse::InvalidKe(TransformId(u16::from_be_bytes(group))))
                }
                (NotifyType::INVALID_KE_PAYLOAD, Err(_)) => Err(ShapeError::Invalid(PayloadType::NOTIFY)),
                (kind, _) => Ok(InitResponse::Error(kind)),
            };
        }
        if let (Some(cookie), None) = (slots.notify(NotifyType::COOKIE), &slots.sa) {
            return match cookie.data.len() {
                1..=MAX_COOKIE => Ok(InitResponse::Cookie(cookie.data)),
                _ => Err(ShapeError::Invalid(PayloadType::NOTIFY)),
            };
        }
        Ok(InitResponse::Accept(InitAccept {
            nat: NatHashes::of(&slots),
            sa: require(slots.sa, PayloadType::SA)?,
            ke: require(slots.ke, PayloadType::KE)?,
            nonce: require(slots.nonce, PayloadType::NONCE)?,
        }))
    }
}
