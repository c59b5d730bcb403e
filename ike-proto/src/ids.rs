//! Identifiers that the protocol counts with: SPIs, message IDs and roles, each its own type.

use std::fmt;

/// One end's SPI of an IKE SA: eight octets, never zero once chosen (RFC 7296 section 3.1).
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IkeSpi(u64);

impl IkeSpi {
    /// The responder's SPI in the first message of an IKE SA: "This value MUST be zero".
    pub const ZERO: IkeSpi = IkeSpi(0);

    /// The SPI as it stands on the wire.
    pub const fn from_bytes(bytes: [u8; 8]) -> IkeSpi {
        IkeSpi(u64::from_be_bytes(bytes))
    }

    /// The eight octets for the wire.
    pub const fn to_bytes(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }

    /// Whether no SPI has been chosen yet.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Debug for IkeSpi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for IkeSpi {
    /// Sixteen hexadecimal digits, as `tcpdump` and strongSwan print them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The SPI that the receiver of ESP packets chose: four octets, 0 to 255 are reserved (RFC 4303 section 2.1).
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EspSpi(pub u32);

impl EspSpi {
    /// The first value that is not reserved.
    pub const FIRST_USABLE: u32 = 256;

    /// Whether the value may name an SA.
    pub const fn is_usable(self) -> bool {
        self.0 >= EspSpi::FIRST_USABLE
    }
}

impl fmt::Debug for EspSpi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for EspSpi {
    /// Eight hexadecimal digits, as `ip xfrm state` prints them after `0x`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// A message ID: counted per direction of an IKE SA from zero (RFC 7296 section 2.2).
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub u32);

impl MessageId {
    /// The ID of every IKE_SA_INIT message.
    pub const ZERO: MessageId = MessageId(0);

    /// The next ID; `None` when the space is used up and the IKE SA must be closed or rekeyed.
    pub fn next(self) -> Option<MessageId> {
        self.0.checked_add(1).map(MessageId)
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Who started: of an IKE SA (the "original initiator", whose messages carry the I flag) or of an exchange.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// The end that sent the first request.
    Initiator,
    /// The other end.
    Responder,
}

impl Role {
    /// The other end's role.
    pub const fn peer(self) -> Role {
        match self {
            Role::Initiator => Role::Responder,
            Role::Responder => Role::Initiator,
        }
    }
}
