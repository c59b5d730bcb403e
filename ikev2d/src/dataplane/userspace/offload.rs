//! The header before each packet of a TUN device (`struct virtio_net_hdr`, linux/virtio_net.h): work left to the kernel.
//!
//! ```text
//! | flags | gso type | header length | gso size | checksum start | checksum offset |
//!     1        1            2             2              2                 2           in the host's byte order
//! ```

/// Octets of the header.
pub(super) const OFFLOAD_LEN: usize = 10;

/// The checksum field holds the pseudo-header's sum; the rest is to be added (VIRTIO_NET_HDR_F_NEEDS_CSUM).
pub(super) const CHECKSUM_NEEDED: u8 = 1;

/// The header's fields; all zero: a packet as it is.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Offload {
    pub flags: u8,
    /// What the packet is to be cut into; 0: it is not to be cut.
    pub gso_type: u8,
    /// Octets of payload of each segment.
    pub gso_size: u16,
    /// Where the checksummed octets begin in the packet.
    pub checksum_start: u16,
    /// Where the checksum stands behind that.
    pub checksum_offset: u16,
}

impl Offload {
    pub fn octets(self) -> [u8; OFFLOAD_LEN] {
        let [s0, s1] = self.checksum_start.to_ne_bytes();
        let [o0, o1] = self.checksum_offset.to_ne_bytes();
        let [g0, g1] = self.gso_size.to_ne_bytes();
        [self.flags, self.gso_type, 0, 0, g0, g1, s0, s1, o0, o1]
    }

    /// Reads the header.
    pub fn read(octets: [u8; OFFLOAD_LEN]) -> Offload {
        let [flags, gso_type, _, _, g0, g1, s0, s1, o0, o1] = octets;
        Offload {
            flags,
            gso_type,
            gso_size: u16::from_ne_bytes([g0, g1]),
            checksum_start: u16::from_ne_bytes([s0, s1]),
            checksum_offset: u16::from_ne_bytes([o0, o1]),
        }
    }
}
