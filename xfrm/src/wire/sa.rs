//! `XFRM_MSG_NEWSA`, `UPDSA`, `DELSA`, `GETSA`: one SA.

use netlink_packet_core::Emitable;
use netlink_packet_xfrm::constants::{
    IPPROTO_ESP, UDP_ENCAP_ESPINUDP, XFRM_INF, XFRM_MODE_TRANSPORT, XFRM_MODE_TUNNEL, XFRM_STATE_ESN,
    XFRMA_ENCAP, XFRMA_IF_ID, XFRMA_MARK,
};
use netlink_packet_xfrm::{EncapTmpl, Id, LifetimeConfig, UserSaId, UserSaInfo, XFRM_USER_SA_INFO_LEN};

use super::{Attributes, Request, Unread, address, address_family, address_of, selector};
use crate::quirks::{self, DirectionSupport};
use crate::{
    Algorithms, Counters, Limits, Mark, Mode, Reqid, Sa, SaDirection, SaFlags, SaId, SaParameters, SaState,
    Spi,
};

/// Appends the body of a request that adds or updates an SA.
pub(crate) fn emit(request: &mut Request, sa: &Sa, support: DirectionSupport) {
    let parameters = &sa.parameters;
    let replay = quirks::Replay::of(sa, support);
    request.structure(&info(parameters, replay.legacy_window()));
    quirks::emit_protection(request, &sa.protection);
    replay.emit(request);
    if let Some(encapsulation) = parameters.encapsulation {
        let template = EncapTmpl {
            encap_type: UDP_ENCAP_ESPINUDP,
            encap_sport: encapsulation.source_port,
            encap_dport: encapsulation.destination_port,
            ..EncapTmpl::default()
        };
        let mut value = vec![0; template.buffer_len()];
        template.emit(&mut value);
        request.attribute(XFRMA_ENCAP, &[&value]);
    }
    emit_mark(request, parameters.id.mark);
    emit_if_id(request, parameters.if_id);
    quirks::emit_direction(request, sa.direction, support);
}

/// Appends the body of a request that deletes or reads an SA.
pub(crate) fn emit_id(request: &mut Request, id: &SaId) {
    request.structure(&UserSaId {
        daddr: address(id.destination),
        spi: id.spi.0,
        family: address_family(id.family()),
        proto: IPPROTO_ESP,
    });
    emit_mark(request, id.mark);
}

pub(crate) fn emit_mark(request: &mut Request, mark: Option<Mark>) {
    if let Some(mark) = mark {
        request.attribute(XFRMA_MARK, &[&mark.value.to_ne_bytes(), &mark.mask.to_ne_bytes()]);
    }
}

pub(crate) fn emit_if_id(request: &mut Request, if_id: u32) {
    if if_id != 0 {
        request.attribute(XFRMA_IF_ID, &[&if_id.to_ne_bytes()]);
    }
}

fn info(parameters: &SaParameters, replay_window: u8) -> UserSaInfo {
    let id = &parameters.id;
    let mut flags = parameters.flags;
    if parameters.mode == Mode::Tunnel && parameters.selector.is_none() {
        flags = flags | SaFlags::AF_UNSPEC;
    }
    UserSaInfo {
        selector: parameters.selector.as_ref().map(selector::emit).unwrap_or_default(),
        id: Id { daddr: address(id.destination), spi: id.spi.0, proto: IPPROTO_ESP },
        saddr: address(id.source),
        lifetime_cfg: LifetimeConfig {
            soft_byte_limit: parameters.soft.bytes.unwrap_or(XFRM_INF),
            hard_byte_limit: parameters.hard.bytes.unwrap_or(XFRM_INF),
            soft_packet_limit: parameters.soft.packets.unwrap_or(XFRM_INF),
            hard_packet_limit: parameters.hard.packets.unwrap_or(XFRM_INF),
            soft_add_expires_seconds: parameters.soft.seconds.unwrap_or(0),
            hard_add_expires_seconds: parameters.hard.seconds.unwrap_or(0),
            ..LifetimeConfig::default()
        },
        reqid: parameters.reqid.0,
        family: address_family(id.family()),
        mode: mode_number(parameters.mode),
        replay_window,
        flags: flags.0 | if parameters.esn { XFRM_STATE_ESN } else { 0 },
        ..UserSaInfo::default()
    }
}

/// Reads the body of `XFRM_MSG_NEWSA`: an answer, an entry of a dump, or an event.
pub(crate) fn parse(payload: &[u8]) -> Result<SaState, Unread> {
    let raw = UserSaInfo::parse(payload)?;
    let attributes = Attributes::parse(payload.get(XFRM_USER_SA_INFO_LEN..).unwrap_or_default())?;
    if raw.id.proto != IPPROTO_ESP {
        return Err(Unread::Foreign);
    }
    let algorithms = quirks::parse_algorithms(&attributes)?;
    let replay = quirks::parse_replay(&attributes, raw.replay_window)?;
    Ok(SaState {
        direction: quirks::parse_direction(&attributes)?,
        counters: counters(&raw),
        sent: replay.sent,
        received: replay.received,
        last_used: attributes.last_used()?,
        parameters: parameters(&raw, &attributes, replay.window, &algorithms)?,
        algorithms,
    })
}

fn parameters(
    raw: &UserSaInfo,
    attributes: &Attributes<'_>,
    replay_window: u32,
    algorithms: &Algorithms,
) -> Result<SaParameters, Unread> {
    let mode = mode_of(raw.mode)?;
    let selector = match raw.selector.family {
        0 => None,
        _ => {
            Some(selector::parse(&raw.selector)?).filter(|s| !s.is_any() || *algorithms == Algorithms::Larval)
        }
    };
    let mut flags = SaFlags::from_kernel(raw.flags);
    if mode == Mode::Tunnel && selector.is_none() {
        // Implied: see `info`.
        flags.0 &= !SaFlags::AF_UNSPEC.0;
    }
    let limits = |seconds, bytes, packets| Limits {
        seconds: Some(seconds).filter(|s| *s != 0),
        bytes: Some(bytes).filter(|b| *b != XFRM_INF),
        packets: Some(packets).filter(|p| *p != XFRM_INF),
    };
    let l = &raw.lifetime_cfg;
    Ok(SaParameters {
        id: id(raw, attributes)?,
        reqid: Reqid(raw.reqid),
        mode,
        esn: raw.flags & XFRM_STATE_ESN != 0,
        replay_window,
        encapsulation: attributes.encapsulation()?,
        if_id: attributes.if_id()?,
        selector,
        soft: limits(l.soft_add_expires_seconds, l.soft_byte_limit, l.soft_packet_limit),
        hard: limits(l.hard_add_expires_seconds, l.hard_byte_limit, l.hard_packet_limit),
        flags,
    })
}

pub(crate) fn id(raw: &UserSaInfo, attributes: &Attributes<'_>) -> Result<SaId, Unread> {
    Ok(SaId {
        source: address_of(&raw.saddr, raw.family)?,
        destination: address_of(&raw.id.daddr, raw.family)?,
        spi: Spi(raw.id.spi),
        mark: attributes.mark()?,
    })
}

pub(crate) fn counters(raw: &UserSaInfo) -> Counters {
    Counters {
        bytes: raw.lifetime_cur.bytes,
        packets: raw.lifetime_cur.packets,
        added: raw.lifetime_cur.add_time,
        first_used: raw.lifetime_cur.use_time,
        replay_window: raw.stats.replay_window,
        replay: raw.stats.replay,
        integrity_failed: raw.stats.integrity_failed,
    }
}

pub(crate) fn mode_number(mode: Mode) -> u8 {
    match mode {
        Mode::Transport => XFRM_MODE_TRANSPORT,
        Mode::Tunnel => XFRM_MODE_TUNNEL,
    }
}

pub(crate) fn mode_of(number: u8) -> Result<Mode, Unread> {
    match number {
        XFRM_MODE_TRANSPORT => Ok(Mode::Transport),
        XFRM_MODE_TUNNEL => Ok(Mode::Tunnel),
        _ => Err(Unread::Foreign),
    }
}

/// The kernel's numbers of `XFRMA_SA_DIR`.
pub(crate) fn direction_number(direction: SaDirection) -> u8 {
    match direction {
        SaDirection::In => 1,
        SaDirection::Out => 2,
    }
}
