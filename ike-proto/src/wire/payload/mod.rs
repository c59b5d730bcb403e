//! The payloads: one file each, parse and emit together.

mod auth;
mod cert;
mod certreq;
mod configuration;
mod delete;
mod encrypted;
mod fragment;
mod id;
mod ke;
mod nonce;
mod notify;
mod proposal;
mod sa;
mod transform;
mod ts;
mod unknown;
mod vendor_id;

pub use auth::AuthPayload;
pub use cert::CertPayload;
pub use certreq::CertReqPayload;
pub use configuration::ConfigurationPayload;
pub use delete::DeletePayload;
pub use encrypted::EncryptedPayload;
pub use fragment::FragmentPayload;
pub use id::IdPayload;
pub use ke::KePayload;
pub use nonce::NoncePayload;
pub use notify::NotifyPayload;
pub use proposal::{Proposal, Spi};
pub use sa::SaPayload;
pub use transform::Transform;
pub use ts::{TrafficSelector, TsPayload};
pub use unknown::UnknownPayload;
pub use vendor_id::VendorIdPayload;

use super::error::Fault;
use super::registry::PayloadType;

/// One payload. What its fields borrow is the message that it was parsed from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload<'a> {
    /// SA: proposals, or the accepted one.
    Sa(SaPayload),
    /// KE: a public value.
    Ke(KePayload<'a>),
    /// IDi: who the initiator is.
    IdInitiator(IdPayload<'a>),
    /// IDr: who the responder is.
    IdResponder(IdPayload<'a>),
    /// CERT: a certificate.
    Cert(CertPayload<'a>),
    /// CERTREQ: whose certificates the sender trusts.
    CertReq(CertReqPayload<'a>),
    /// AUTH: the proof of identity.
    Auth(AuthPayload<'a>),
    /// Ni or Nr: a nonce.
    Nonce(NoncePayload<'a>),
    /// N: an error or a status.
    Notify(NotifyPayload<'a>),
    /// D: SAs that the sender has deleted.
    Delete(DeletePayload),
    /// V: an implementation's mark.
    VendorId(VendorIdPayload<'a>),
    /// TSi: the initiator's end of the traffic.
    TsInitiator(TsPayload),
    /// TSr: the responder's end of the traffic.
    TsResponder(TsPayload),
    /// SK: payloads under encryption.
    Encrypted(EncryptedPayload<'a>),
    /// SKF: a piece of an SK payload.
    Fragment(FragmentPayload<'a>),
    /// CP: configuration, opaque here.
    Configuration(ConfigurationPayload<'a>),
    /// Any other type, EAP and puzzle solutions among them.
    Unknown(UnknownPayload<'a>),
}

/// What precedes a payload's body on the wire, apart from the length.
#[derive(Copy, Clone)]
pub(super) struct GenericHeader {
    /// The payload's own type, which the payload before it (or the IKE header) names.
    pub payload_type: PayloadType,
    /// The type that this one names.
    pub next: PayloadType,
    /// The C bit: "MUST be ignored by the recipient if the recipient understands the payload type code"
    /// (RFC 7296 section 3.2).
    pub critical: bool,
}

impl<'a> Payload<'a> {
    /// Reads a body, all of it.
    pub(super) fn parse(header: GenericHeader, body: &'a [u8]) -> Result<Payload<'a>, Fault> {
        Ok(match header.payload_type {
            PayloadType::SA => Payload::Sa(SaPayload::parse(body)?),
            PayloadType::KE => Payload::Ke(KePayload::parse(body)?),
            PayloadType::ID_INITIATOR => Payload::IdInitiator(IdPayload::parse(body)?),
            PayloadType::ID_RESPONDER => Payload::IdResponder(IdPayload::parse(body)?),
            PayloadType::CERT => Payload::Cert(CertPayload::parse(body)?),
            PayloadType::CERTREQ => Payload::CertReq(CertReqPayload::parse(body)?),
            PayloadType::AUTH => Payload::Auth(AuthPayload::parse(body)?),
            PayloadType::NONCE => Payload::Nonce(NoncePayload::parse(body)?),
            PayloadType::NOTIFY => Payload::Notify(NotifyPayload::parse(body)?),
            PayloadType::DELETE => Payload::Delete(DeletePayload::parse(body)?),
            PayloadType::VENDOR_ID => Payload::VendorId(VendorIdPayload { data: body }),
            PayloadType::TS_INITIATOR => Payload::TsInitiator(TsPayload::parse(body)?),
            PayloadType::TS_RESPONDER => Payload::TsResponder(TsPayload::parse(body)?),
            PayloadType::ENCRYPTED => Payload::Encrypted(EncryptedPayload { first: header.next, body }),
            PayloadType::ENCRYPTED_FRAGMENT => Payload::Fragment(FragmentPayload::parse(header.next, body)?),
            PayloadType::CONFIGURATION => Payload::Configuration(ConfigurationPayload { body }),
            payload_type => {
                Payload::Unknown(UnknownPayload { payload_type, critical: header.critical, body })
            }
        })
    }

    /// Appends the body.
    pub(super) fn emit(&self, out: &mut Vec<u8>) -> Result<(), Fault> {
        match self {
            Payload::Sa(sa) => sa.emit(out),
            Payload::Ke(ke) => ke.emit(out),
            Payload::IdInitiator(id) | Payload::IdResponder(id) => id.emit(out),
            Payload::Cert(cert) => cert.emit(out),
            Payload::CertReq(certreq) => certreq.emit(out),
            Payload::Auth(auth) => auth.emit(out),
            Payload::Nonce(nonce) => nonce.emit(out),
            Payload::Notify(notify) => notify.emit(out),
            Payload::Delete(delete) => delete.emit(out),
            Payload::VendorId(vendor_id) => vendor_id.emit(out),
            Payload::TsInitiator(ts) | Payload::TsResponder(ts) => ts.emit(out),
            Payload::Encrypted(encrypted) => encrypted.emit(out),
            Payload::Fragment(fragment) => fragment.emit(out),
            Payload::Configuration(configuration) => configuration.emit(out),
            Payload::Unknown(unknown) => unknown.emit(out),
        }
    }

    /// The type that the payload before this one names.
    pub fn payload_type(&self) -> PayloadType {
        match self {
            Payload::Sa(_) => PayloadType::SA,
            Payload::Ke(_) => PayloadType::KE,
            Payload::IdInitiator(_) => PayloadType::ID_INITIATOR,
            Payload::IdResponder(_) => PayloadType::ID_RESPONDER,
            Payload::Cert(_) => PayloadType::CERT,
            Payload::CertReq(_) => PayloadType::CERTREQ,
            Payload::Auth(_) => PayloadType::AUTH,
            Payload::Nonce(_) => PayloadType::NONCE,
            Payload::Notify(_) => PayloadType::NOTIFY,
            Payload::Delete(_) => PayloadType::DELETE,
            Payload::VendorId(_) => PayloadType::VENDOR_ID,
            Payload::TsInitiator(_) => PayloadType::TS_INITIATOR,
            Payload::TsResponder(_) => PayloadType::TS_RESPONDER,
            Payload::Encrypted(_) => PayloadType::ENCRYPTED,
            Payload::Fragment(_) => PayloadType::ENCRYPTED_FRAGMENT,
            Payload::Configuration(_) => PayloadType::CONFIGURATION,
            Payload::Unknown(unknown) => unknown.payload_type,
        }
    }

    /// The type of the first payload inside SK or SKF, which is what their Next Payload field holds.
    pub(super) fn inner(&self) -> Option<PayloadType> {
        if let Payload::Encrypted(EncryptedPayload { first, .. })
        | Payload::Fragment(FragmentPayload { first, .. }) = self
        {
            Some(*first)
        } else {
            None
        }
    }

    /// Whether the C bit is set: never on the types that RFC 7296 defines.
    pub(super) fn is_critical(&self) -> bool {
        matches!(self, Payload::Unknown(UnknownPayload { critical: true, .. }))
    }
}
