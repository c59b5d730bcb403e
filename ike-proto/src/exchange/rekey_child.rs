//! CREATE_CHILD_SA as initiator: new keys for a Child SA (RFC 7296 sections 1.3.3, 2.8, 2.17).

use crypto::{Entropy, KeError, KeGroup, KeSecret, Secret};

use super::child::{self, ChildChoice, Ours};
use super::init::nonce;
use super::propose::{Groups, KeyExchange, esp_offer};
use crate::ids::EspSpi;
use crate::keys::group_number;
use crate::message::auth::ChildPart;
use crate::message::create_child::{ChildAccept, CreateChildResponse};
use crate::output::Reason;
use crate::policy::{ChildPolicy, Mode};
use crate::wire::{
    KePayload, NoncePayload, NotifyPayload, NotifyType, Payload, Protocol, TrafficSelector, TransformId,
};

/// What we hold between request and response.
pub(crate) struct RekeyChild {
    /// Our SPI of the new Child SA.
    spi: EspSpi,
    old: OldChild,
    nonce: Vec<u8>,
    secret: Option<KeSecret>,
}

/// The Child SA that is rekeyed, as it is.
#[derive(Clone)]
pub(crate) struct OldChild {
    /// Our SPI of it: "the SPI the exchange initiator would expect in inbound ESP or AH packets".
    pub spi: EspSpi,
    pub mode: Mode,
    pub local: Vec<TrafficSelector>,
    pub remote: Vec<TrafficSelector>,
}

/// What a response makes of a [`RekeyChild`].
pub(crate) enum Conclusion {
    /// Both ends have keys.
    Agreed(AgreedRekey),
    /// Ask again with another group.
    Again(RekeyChild),
    /// The responder says no.
    Refused(NotifyType),
    /// It agrees to something that we did not offer.
    Failed(Reason),
}

/// A successor that is agreed on.
pub(crate) struct AgreedRekey {
    pub choice: ChildChoice,
    pub local_nonce: Vec<u8>,
    pub remote_nonce: Vec<u8>,
    pub shared: Option<Secret>,
}

impl RekeyChild {
    /// Starts with the first group of the first proposal, if it has any.
    pub fn start(
        policy: &ChildPolicy,
        spi: EspSpi,
        old: OldChild,
        entropy: &mut dyn Entropy,
    ) -> Result<RekeyChild, KeError> {
        let group = policy.proposals.first().and_then(|proposal| proposal.groups.first());
        let secret = group.map(|group| group.generate(entropy)).transpose()?;
        Ok(RekeyChild { spi, old, nonce: nonce(entropy), secret })
    }

    /// `N(REKEY_SA), [N(USE_TRANSPORT_MODE)], SA, TSi, TSr, Ni, [KEi]`, for `emit`.
    pub fn with_payloads<R>(&self, policy: &ChildPolicy, emit: impl FnOnce(&[Payload<'_>]) -> R) -> R {
        let part = ChildPart {
            sa: esp_offer(&policy.proposals, self.spi, Groups::Offered),
            initiator_selectors: self.old.local.clone(),
            responder_selectors: self.old.remote.clone(),
            transport: self.old.mode == Mode::Transport,
        };
        let old_spi = self.old.spi.0.to_be_bytes();
        let (kind, protocol) = (NotifyType::REKEY_SA, Protocol::ESP);
        let mut payloads = vec![Payload::Notify(NotifyPayload { protocol, spi: &old_spi, kind, data: &[] })];
        payloads.extend(child::payloads(&part));
        payloads.push(Payload::Nonce(NoncePayload { data: &self.nonce }));
        payloads.extend(self.secret.as_ref().map(|secret| {
            Payload::Ke(KePayload { group: group_number(secret.group()), data: secret.public() })
        }));
        emit(&payloads)
    }

    /// Takes the response in.
    pub fn conclude(
        self,
        response: &CreateChildResponse<'_>,
        policy: &ChildPolicy,
        entropy: &mut dyn Entropy,
    ) -> Conclusion {
        match response {
            CreateChildResponse::Accept(accept) => match self.agree(accept, policy) {
                Ok(agreed) => Conclusion::Agreed(agreed),
                Err(reason) => Conclusion::Failed(reason),
            },
            CreateChildResponse::InvalidKe(wanted) => self.change_group(*wanted, policy, entropy),
            CreateChildResponse::Refused(kind) => Conclusion::Refused(*kind),
        }
    }

    fn agree(self, accept: &ChildAccept<'_>, policy: &ChildPolicy) -> Result<AgreedRekey, Reason> {
        let sent = self.secret.as_ref().map(KeSecret::group);
        let exchange = KeyExchange::Sent(sent.map(group_number));
        let ours = Ours { spi: self.spi, exchange };
        let choice = child::accept(policy, (&self.old.local, &self.old.remote), ours, &accept.part)?;
        let shared = match (choice.esp.group, self.secret, &accept.ke) {
            (None, _, _) => None,
            (Some(group), Some(secret), Some(ke))
                if sent == Some(group) && ke.group == group_number(group) =>
            {
                let bad = |error: KeError| Reason::Protocol(error.to_string());
                Some(secret.agree(ke.data).map_err(bad)?)
            }
            _ => return Err(Reason::Protocol("it chose a group that was not offered".into())),
        };
        let (local_nonce, remote_nonce) = (self.nonce, accept.nonce.to_vec());
        Ok(AgreedRekey { choice, local_nonce, remote_nonce, shared })
    }

    /// A group of ours that we did not send yet: once, because the next answer to it can only be another refusal.
    fn change_group(
        self,
        wanted: TransformId,
        policy: &ChildPolicy,
        entropy: &mut dyn Entropy,
    ) -> Conclusion {
        let sent = self.secret.as_ref().map(KeSecret::group);
        let offered = policy.proposals.iter().flat_map(|proposal| proposal.groups.iter().copied());
        let group: Option<KeGroup> =
            offered.into_iter().find(|group| group_number(*group) == wanted && Some(*group) != sent);
        match group.map(|group| group.generate(entropy)) {
            Some(Ok(secret)) => Conclusion::Again(RekeyChild { secret: Some(secret), ..self }),
            Some(Err(_)) | None => Conclusion::Refused(NotifyType::INVALID_KE_PAYLOAD),
        }
    }
}
