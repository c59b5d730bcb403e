//! IKE_AUTH (RFC 7296 section 1.2): the payloads of both messages.

use super::RefusalNotify;
use super::child;
use crate::message::auth::ChildPart;
use crate::message::notify;
use crate::octets::id_payload;
use crate::policy::{Authentication, Identity};
use crate::wire::{AuthMethod, AuthPayload, NotifyType, Payload};

/// The AUTH method of each way to authenticate (section 3.8).
pub(crate) fn method(authentication: Authentication) -> AuthMethod {
    match authentication {
        Authentication::Psk => AuthMethod::SHARED_KEY,
    }
}

/// One end's proof: its identity and its AUTH data.
#[derive(Copy, Clone)]
pub(crate) struct Proof<'a> {
    pub identity: &'a Identity,
    pub authentication: Authentication,
    pub auth: &'a [u8],
}

impl<'a> Proof<'a> {
    fn auth_payload(&self) -> Payload<'a> {
        Payload::Auth(AuthPayload { method: method(self.authentication), data: self.auth })
    }
}

/// Whether this is the only IKE SA that we know with the peer (section 2.4).
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Contact {
    /// It is: INITIAL_CONTACT.
    Initial,
    /// There are others.
    Further,
}

/// `IDi, [N(INITIAL_CONTACT)], IDr, AUTH, [N(USE_TRANSPORT_MODE)], SAi2, TSi, TSr`.
pub(crate) fn request<'a>(
    proof: Proof<'a>,
    wanted: &'a Identity,
    contact: Contact,
    offer: &'a ChildPart,
) -> Vec<Payload<'a>> {
    let mut payloads = vec![Payload::IdInitiator(id_payload(proof.identity))];
    if contact == Contact::Initial {
        payloads.push(notify(NotifyType::INITIAL_CONTACT, &[]));
    }
    payloads.push(Payload::IdResponder(id_payload(wanted)));
    payloads.push(proof.auth_payload());
    payloads.extend(child::payloads(offer));
    payloads
}

/// `IDr, AUTH, [N(USE_TRANSPORT_MODE)], SAr2, TSi, TSr`.
pub(crate) fn response<'a>(proof: Proof<'a>, answer: &'a ChildPart) -> Vec<Payload<'a>> {
    let mut payloads = childless_response(proof);
    payloads.extend(child::payloads(answer));
    payloads
}

/// `IDr, AUTH`: the peer asked for no Child SA (RFC 6023).
pub(crate) fn childless_response(proof: Proof<'_>) -> Vec<Payload<'_>> {
    vec![Payload::IdResponder(id_payload(proof.identity)), proof.auth_payload()]
}

/// `IDr, AUTH, N(error)`: "the IKE SA is still created as usual", its Child SA is not (section 1.2).
pub(crate) fn response_without_child<'a>(proof: Proof<'a>, notify: &'a RefusalNotify) -> Vec<Payload<'a>> {
    let mut payloads = childless_response(proof);
    payloads.push(notify.payload());
    payloads
}
