//! A Child SA as `esp` takes it: one SA for each direction.

use std::sync::Arc;

use crypto::{PacketKeys, Secret};
use esp::{Esn, InboundSa, Layout, Limits, OutboundSa, Parameters, Spi, WindowSize};
use ike_proto::ids::EspSpi;
use ike_proto::output::ChildSa;
use ike_proto::policy;

use super::ingress::{Carried, Inbound};
use super::ip::Selectors;
use super::table::Outbound;
use crate::dataplane::PlaneError;

/// The inbound and the outbound SA.
///
/// # Errors
/// When a key does not fit its algorithm, or an SPI is zero.
pub(super) fn of_child(child: &ChildSa) -> Result<(Inbound, Outbound), PlaneError> {
    let wrong_key = |_| PlaneError("a key does not fit its algorithm".to_owned());
    let selectors =
        || Selectors { local: child.local_selectors.clone(), remote: child.remote_selectors.clone() };
    let mode = match child.mode {
        policy::Mode::Transport => esp::Mode::Transport,
        policy::Mode::Tunnel => esp::Mode::Tunnel,
    };
    let opener = InboundSa::new(
        parameters(child, child.inbound_spi)?,
        copy(&child.inbound),
        mode,
        WindowSize::DEFAULT,
    );
    let inbound = Inbound {
        sa: opener.map_err(wrong_key)?,
        mode: child.mode,
        selectors: selectors(),
        local: child.local.ip(),
        remote: child.remote.ip(),
        carried: Arc::new(Carried::default()),
    };
    let sealer = OutboundSa::new(parameters(child, child.outbound_spi)?, copy(&child.outbound));
    let outbound = Outbound {
        sa: sealer.map_err(wrong_key)?,
        spi: child.outbound_spi,
        mode: child.mode,
        layout: Layout::of(child.protection),
        selectors: selectors(),
        local: child.local,
        remote: child.remote,
    };
    Ok((inbound, outbound))
}

/// The SPI as ESP has it.
///
/// # Errors
/// When it is zero.
pub(super) fn spi(spi: EspSpi) -> Result<Spi, PlaneError> {
    Spi::new(spi.0).ok_or_else(|| PlaneError("an SPI is zero".to_owned()))
}

fn parameters(child: &ChildSa, of: EspSpi) -> Result<Parameters, PlaneError> {
    let esn = match child.esn {
        policy::Esn::No => Esn::No,
        policy::Esn::Yes => Esn::Yes,
    };
    // Beside these, the sequence numbers limit the packets.
    Ok(Parameters { spi: spi(of)?, protection: child.protection, esn, limits: Limits::NONE })
}

/// The keys of one direction: an SA consumes them.
fn copy(keys: &PacketKeys) -> PacketKeys {
    PacketKeys {
        encryption: Secret::copy_from(keys.encryption.expose()),
        integrity: Secret::copy_from(keys.integrity.expose()),
    }
}
