//! The proof that a peer is who it says: only a verdict of the verifier makes one, and only it makes an
//! established IKE SA.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::exchange::init::Agreed;
use crate::ids::Role;
use crate::output::Reason;
use crate::policy::Timing;
use crate::time::Time;

use super::phase::{Asking, Established};

/// Keys of an IKE SA whose peer is authentic.
pub(crate) struct Authenticated {
    pub agreed: Box<Agreed>,
    _proof: (),
}

impl Authenticated {
    /// The verdict on the peer's AUTH payload. Without it the keys are dropped.
    pub fn by(agreed: Box<Agreed>, verdict: bool) -> Result<Authenticated, Box<Agreed>> {
        if verdict { Ok(Authenticated { agreed, _proof: () }) } else { Err(agreed) }
    }

    /// The established SA, as yet without children.
    pub fn establish(self, now: Time, role: Role, timing: &Timing, jitter: u8) -> Established {
        let Agreed { channel, secrets, suite, group, local_nonce, remote_nonce, nat, .. } = *self.agreed;
        Established {
            channel,
            sk_d: secrets.sk_d,
            suite,
            group,
            nat,
            since: now,
            heard: now,
            kept_alive: now,
            soft: now + soft_lifetime(timing.ike_lifetime, role, jitter),
            hard: now + timing.ike_lifetime,
            end: Reason::Expired,
            // "the lowest of the four nonces" (2.8.1): compared as octet strings.
            lowest_nonce: local_nonce.min(remote_nonce),
            children: BTreeMap::new(),
            asking: Asking::Alive,
        }
    }
}

/// 80 to 90 hundredths of the lifetime for the original initiator; its peer leaves it the first move and waits until
/// 92 to 97: "the timing of rekeying requests SHOULD be jittered" (2.8).
pub(super) fn soft_lifetime(lifetime: Duration, role: Role, jitter: u8) -> Duration {
    let (from, range) = match role {
        Role::Initiator => (8000_u32, 1000_u32),
        Role::Responder => (9200, 500),
    };
    let part = u32::from(jitter).saturating_mul(range).checked_div(255).unwrap_or(0);
    lifetime.saturating_mul(from.saturating_add(part)).checked_div(10_000).unwrap_or(lifetime)
}
