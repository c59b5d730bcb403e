//! The SK payload (RFC 7296 section 3.14, RFC 5282): whole messages in, whole messages out.

use crypto::{Entropy, IkeKeys, Sealer};

use crate::ids::Role;
use crate::message::{Label, Spis, header};
use crate::wire::{Fault, Header, Payload, PayloadType, WireError, emit_chain, parse_chain, patch_length};

/// The generic payload header before the IV.
const GENERIC_HEADER: usize = 4;

/// Why a protected message could not be opened.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum OpenFailure {
    /// It is no protected message, or broken outside protection: nobody is to blame, drop it.
    Malformed,
    /// Its integrity check fails: drop it, a good copy may follow.
    Integrity,
    /// The peer itself wrote payloads that do not parse.
    Inside(WireError),
    /// The peer itself put a critical payload that we do not know outside SK.
    Critical(PayloadType),
}

/// Both directions of one IKE SA's protection, from one end's view.
pub(crate) struct Channel {
    spis: Spis,
    role: Role,
    outbound: Sealer,
    inbound: Sealer,
    /// Messages sealed so far: the AEAD's IV, so that no IV is used twice with a key.
    sealed: u64,
}

/// The secrets that AUTH and Child SAs need, which stay when the channel takes the sealers.
pub(crate) struct SaSecrets {
    pub sk_d: crypto::Secret,
    pub sk_p_local: crypto::Secret,
    pub sk_p_remote: crypto::Secret,
}

impl Channel {
    /// Splits the keys of an IKE SA into protection and secrets.
    pub fn new(keys: IkeKeys, spis: Spis, role: Role) -> (Channel, SaSecrets) {
        let (outbound, inbound, local, remote) = match role {
            Role::Initiator => (keys.initiator, keys.responder, keys.sk_pi, keys.sk_pr),
            Role::Responder => (keys.responder, keys.initiator, keys.sk_pr, keys.sk_pi),
        };
        let channel = Channel { spis, role, outbound, inbound, sealed: 0 };
        (channel, SaSecrets { sk_d: keys.sk_d, sk_p_local: local, sk_p_remote: remote })
    }

    pub fn spis(&self) -> Spis {
        self.spis
    }

    /// A whole protected message.
    pub fn seal(
        &mut self,
        label: Label,
        payloads: &[Payload<'_>],
        entropy: &mut dyn Entropy,
    ) -> Result<Vec<u8>, WireError> {
        let mut inner = Vec::new();
        let first = emit_chain(payloads, &mut inner)?;
        self.pad(&mut inner);
        let sealer = &self.outbound;
        let length = [GENERIC_HEADER, sealer.iv_len(), inner.len(), sealer.icv_len()];
        let length = length.iter().fold(0_usize, |sum, part| sum.saturating_add(*part));
        let sk_length = u16::try_from(length).map_err(|_| sk_error(Fault::TooLong))?;

        let mut message = Vec::with_capacity(Header::LEN.saturating_add(length));
        let header = Header { next_payload: PayloadType::ENCRYPTED, ..header(self.spis, self.role, label) };
        header.emit(&mut message);
        message.push(first.0);
        message.push(0);
        message.extend_from_slice(&sk_length.to_be_bytes());
        let aad_len = message.len();
        // The header's length is authenticated: it must be right before sealing.
        message.resize(Header::LEN.saturating_add(length), 0);
        patch_length(&mut message);
        message.truncate(aad_len);
        message.extend_from_slice(&self.iv(entropy));
        message.append(&mut inner);
        self.outbound.seal(&mut message, aad_len).map_err(|_| sk_error(Fault::TooLong))?;
        Ok(message)
    }

    /// The least padding and the Pad Length octet: "the sender SHOULD set the Pad Length to the minimum".
    fn pad(&self, inner: &mut Vec<u8>) {
        let block = self.outbound.block_len().max(1);
        let over = inner.len().saturating_add(1).checked_rem(block).unwrap_or(0);
        let padding = if over == 0 { 0 } else { block.saturating_sub(over) };
        inner.resize(inner.len().saturating_add(padding), 0);
        // A block is at most 16 octets, so the padding fits an octet.
        inner.push(u8::try_from(padding).unwrap_or(0));
    }

    /// AEAD: a counter (RFC 5282 section 3.1 asks for uniqueness only). CBC: unpredictable octets.
    fn iv(&mut self, entropy: &mut dyn Entropy) -> Vec<u8> {
        self.sealed = self.sealed.saturating_add(1);
        match self.outbound.iv_len() {
            8 => self.sealed.to_be_bytes().to_vec(),
            len => {
                let mut iv = vec![0; len];
                entropy.public(&mut iv);
                iv
            }
        }
    }

    /// Checks, decrypts in place and parses a message of the peer's.
    pub fn open<'a>(&self, header: &Header, message: &'a mut [u8]) -> Result<Vec<Payload<'a>>, OpenFailure> {
        let outer = message.get(Header::LEN..).ok_or(OpenFailure::Malformed)?;
        let outer = parse_chain(header.next_payload, outer).map_err(|_| OpenFailure::Malformed)?;
        let Some(Payload::Encrypted(sk)) = outer.last() else {
            return Err(OpenFailure::Malformed);
        };
        let first = sk.first;
        let aad_len = message.len().checked_sub(sk.body.len()).ok_or(OpenFailure::Malformed)?;
        let critical = outer.iter().find_map(Payload::critical_unknown);
        let plaintext = self.inbound.open(message, aad_len).map_err(|_| OpenFailure::Integrity)?;
        if let Some(payload_type) = critical {
            return Err(OpenFailure::Critical(payload_type));
        }
        let payloads = unpad(plaintext).ok_or(OpenFailure::Inside(sk_error(Fault::Truncated)))?;
        parse_chain(first, payloads).map_err(OpenFailure::Inside)
    }
}

/// "The recipient MUST accept any length that results in proper alignment", whatever the padding holds.
fn unpad(plaintext: &[u8]) -> Option<&[u8]> {
    let (padding, rest) = plaintext.split_last()?;
    let end = rest.len().checked_sub(usize::from(*padding))?;
    rest.get(..end)
}

/// What is wrong with an SK payload itself.
fn sk_error(fault: Fault) -> WireError {
    WireError::Payload { payload: PayloadType::ENCRYPTED, offset: 0, fault }
}

impl Payload<'_> {
    /// The type of a payload that we do not know and whose sender says that it matters.
    fn critical_unknown(&self) -> Option<PayloadType> {
        if let Payload::Unknown(unknown) = self {
            unknown.critical.then_some(unknown.payload_type)
        } else {
            None
        }
    }
}
