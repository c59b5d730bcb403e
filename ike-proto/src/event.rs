//! What an operator or a metric wants to know: events, and the reasons in them.

use std::fmt;
use std::net::SocketAddr;

use crate::ids::{IkeSpi, Role};
use crate::output::{ChildEnd, Path};
use crate::policy::{Identity, Mode, PeerId};
use crate::time::Time;
use crate::wire::{ExchangeType, NotifyType};

/// Something that an operator or a metric wants to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// An IKE SA is authenticated.
    IkeUp {
        /// With whom.
        peer: PeerId,
        /// Our SPI and the peer's.
        spis: (IkeSpi, IkeSpi),
        /// Our role in it.
        role: Role,
        /// The path that it uses.
        path: Path,
    },
    /// An IKE SA ended.
    IkeDown {
        /// With whom.
        peer: PeerId,
        /// Our SPI and the peer's.
        spis: (IkeSpi, IkeSpi),
        /// Why.
        reason: Reason,
    },
    /// An IKE SA has new keys and new SPIs; its Child SAs go on.
    IkeRekeyed {
        /// With whom.
        peer: PeerId,
        /// Our SPI and the peer's, before.
        old: (IkeSpi, IkeSpi),
        /// Our SPI and the peer's, now.
        new: (IkeSpi, IkeSpi),
    },
    /// A Child SA that we wanted to rekey stays as it is for now.
    RekeyFailed {
        /// Which.
        child: ChildEnd,
        /// Why.
        reason: Reason,
    },
    /// A Child SA is installed: traffic passes.
    ChildUp(ChildEnd),
    /// A Child SA is being removed.
    ChildDown {
        /// Which.
        child: ChildEnd,
        /// Why.
        reason: Reason,
    },
    /// An attempt of ours to connect failed.
    AttemptFailed {
        /// To whom.
        peer: PeerId,
        /// Why.
        reason: Reason,
        /// When the next attempt is due; `None` if there will be none.
        retry: Option<Time>,
    },
    /// We refused a peer, or what it asked for.
    Refused {
        /// Who it was, if known.
        peer: Option<PeerId>,
        /// Where from.
        from: SocketAddr,
        /// Why.
        reason: Reason,
    },
    /// A datagram was dropped without an answer.
    Dropped {
        /// Where from.
        from: SocketAddr,
        /// Why.
        cause: DropCause,
    },
}

/// Why something ended, failed or was refused: one line for the operator, one label for a metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The peer did not answer all retransmissions of a request of this exchange.
    NoAnswer(ExchangeType),
    /// The host has no route or address towards the peer.
    NoRoute(String),
    /// The peer refused with this error notify in this exchange.
    PeerRefused(ExchangeType, NotifyType),
    /// The peer's message broke the protocol.
    Protocol(String),
    /// The peer's AUTH does not prove its identity: wrong key.
    AuthenticationFailed,
    /// The peer says that it is somebody else than configured.
    WrongIdentity(Identity),
    /// Nobody in the configuration has this identity.
    UnknownIdentity(Identity),
    /// No proposal of the peer's is acceptable.
    NoProposalChosen,
    /// No traffic of the peer's selectors is acceptable.
    TrafficSelectors,
    /// The peer wants the other mode.
    WrongMode(Mode),
    /// We could not sign: key missing or unusable.
    NoKey(String),
    /// The kernel refused the SAs.
    Kernel(String),
    /// The peer deleted it.
    DeletedByPeer,
    /// We deleted it: told to by the operator.
    Operator,
    /// We deleted it: removed from the configuration, or its configuration changed.
    Configuration,
    /// A newer SA took its place.
    Replaced,
    /// It was rekeyed: another Child SA with the same traffic took its place.
    Rekeyed,
    /// The peer restarted (INITIAL_CONTACT).
    InitialContact,
    /// It reached the end of its lifetime.
    Expired,
    /// We are stopping.
    Shutdown,
}

/// Why a datagram was dropped; each is a counter.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DropCause {
    /// Not an IKE message, or malformed outside protection.
    Malformed,
    /// An SPI that we do not know.
    UnknownSpi,
    /// A major version above 2.
    Version,
    /// The integrity check failed.
    Integrity,
    /// An exchange or role that makes no sense in the SA's phase.
    Unexpected,
    /// A message ID outside the window.
    MessageId,
    /// More half-open SAs than the limit, or a cookie was demanded.
    HalfOpenLimit,
    /// Nobody is configured at that address and strangers are refused.
    UnknownPeer,
    /// A response that matches no request.
    UnknownResponse,
    /// An invalid key exchange value in IKE_SA_INIT (RFC 6989).
    InvalidKeyExchange,
    /// An unauthenticated error notify, which changes nothing (RFC 7296 section 2.4).
    UnauthenticatedNotify,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::NoAnswer(exchange) => write!(f, "no answer to {exchange}"),
            Reason::NoRoute(why) => write!(f, "no route: {why}"),
            Reason::PeerRefused(exchange, notify) => write!(f, "the peer answered {notify} to {exchange}"),
            Reason::Protocol(what) => write!(f, "protocol error: {what}"),
            Reason::AuthenticationFailed => {
                f.write_str("AUTHENTICATION_FAILED: the peer's AUTH does not match its key")
            }
            Reason::WrongIdentity(id) => write!(f, "AUTHENTICATION_FAILED: the peer says that it is {id}"),
            Reason::UnknownIdentity(id) => write!(f, "AUTHENTICATION_FAILED: no peer has the identity {id}"),
            Reason::NoProposalChosen => f.write_str("NO_PROPOSAL_CHOSEN: no common proposal"),
            Reason::TrafficSelectors => f.write_str("TS_UNACCEPTABLE: no common traffic selectors"),
            Reason::WrongMode(Mode::Transport) => {
                f.write_str("the peer wants transport mode, we want tunnel")
            }
            Reason::WrongMode(Mode::Tunnel) => f.write_str("the peer wants tunnel mode, we want transport"),
            Reason::NoKey(why) => write!(f, "no key: {why}"),
            Reason::Kernel(why) => write!(f, "the kernel refused the SAs: {why}"),
            Reason::DeletedByPeer => f.write_str("deleted by the peer"),
            Reason::Operator => f.write_str("deleted by the operator"),
            Reason::Configuration => f.write_str("configuration changed"),
            Reason::Replaced => f.write_str("replaced by a newer SA"),
            Reason::Rekeyed => f.write_str("rekeyed"),
            Reason::InitialContact => f.write_str("the peer restarted (INITIAL_CONTACT)"),
            Reason::Expired => f.write_str("lifetime reached"),
            Reason::Shutdown => f.write_str("shutting down"),
        }
    }
}
