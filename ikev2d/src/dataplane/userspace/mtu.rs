//! How long a packet may be inside the tunnel: the path's MTU, less what ESP in UDP adds.

use std::net::IpAddr;

use esp::Layout;
use ike_proto::policy::Mode;

use super::steer;
use super::transport::header_len;

/// Octets of a UDP header.
const UDP_HEADER_LEN: usize = 8;

/// Every IPv6 link carries packets of this length (RFC 8200 section 5): no MTU below is told, and longer packets than
/// the path takes are fragmented outside then.
pub(super) const LEAST: usize = 1280;

/// The longest packet inside, in octets; `None` if there is no path to `remote` now.
pub(super) fn inside(remote: IpAddr, layout: Layout, mode: Mode) -> Option<usize> {
    inside_of(steer::path_mtu(remote).ok()?, remote, layout, mode)
}

/// The longest packet inside a path that takes packets of `path_mtu` octets.
fn inside_of(path_mtu: usize, remote: IpAddr, layout: Layout, mode: Mode) -> Option<usize> {
    let outer = header_len(remote);
    let payload = layout.longest_payload(path_mtu.checked_sub(outer)?.checked_sub(UDP_HEADER_LEN)?)?;
    // In transport mode the header outside is the packet's own.
    let header = if mode == Mode::Transport { outer } else { 0 };
    Some(payload.saturating_add(header))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crypto::{Encryption, Protection};

    #[test]
    fn the_longest_packet_inside_just_fits_the_path() {
        let layout = Layout::of(Protection::aead(Encryption::AesGcm16_256).unwrap());
        for (remote, outer) in [("192.0.2.1", 20), ("2001:db8::1", 40)] {
            let remote = remote.parse().unwrap();
            for path in 1280..1600 {
                let tunnel = inside_of(path, remote, layout, Mode::Tunnel).unwrap();
                assert!(outer + 8 + layout.sealed_len(tunnel) <= path);
                assert!(outer + 8 + layout.sealed_len(tunnel + 1) > path);
                assert_eq!(inside_of(path, remote, layout, Mode::Transport), Some(tunnel + outer));
            }
            assert_eq!(inside_of(60, remote, layout, Mode::Tunnel), None);
        }
    }
}
