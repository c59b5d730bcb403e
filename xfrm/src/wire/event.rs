//! `XFRM_MSG_ACQUIRE`, `EXPIRE`, `MAPPING`: what the kernel tells unasked.

use netlink_packet_xfrm::constants::{IPPROTO_ESP, XFRM_MSG_ACQUIRE, XFRM_MSG_EXPIRE, XFRM_MSG_MAPPING};
use netlink_packet_xfrm::{UserAcquire, UserExpire, UserMapping, XFRM_USER_ACQUIRE_LEN};

use super::frame::Message;
use super::{Attributes, Unread, address_of, policy, sa, selector};
use crate::quirks::EXPIRE_LENGTH;
use crate::{Acquire, Event, Expire, Mapping, Reqid, SaId, Spi};

/// Reads an event; messages of other types are `Foreign`.
pub(crate) fn parse(message: &Message<'_>) -> Result<Event, Unread> {
    match message.kind {
        XFRM_MSG_ACQUIRE => acquire(message.payload).map(Event::Acquire),
        XFRM_MSG_EXPIRE => expire(message.payload).map(Event::Expire),
        XFRM_MSG_MAPPING => mapping(message.payload).map(Event::Mapping),
        _ => Err(Unread::Foreign),
    }
}

fn acquire(payload: &[u8]) -> Result<Acquire, Unread> {
    let raw = UserAcquire::parse(payload)?;
    let attributes = Attributes::parse(payload.get(XFRM_USER_ACQUIRE_LEN..).unwrap_or_default())?;
    if raw.id.proto != IPPROTO_ESP {
        return Err(Unread::Foreign);
    }
    let templates = policy::parse_templates(&attributes)?;
    // The addresses are the template's (tunnel) or the packet's (transport); both of the template's family.
    let family = templates
        .first()
        .map_or(raw.selector.family, |t| super::address_family(crate::Family::of(t.destination)));
    Ok(Acquire {
        source: address_of(&raw.saddr, family)?,
        destination: address_of(&raw.id.daddr, family)?,
        selector: selector::parse(&raw.selector)?,
        policy_index: raw.policy.index,
        policy_selector: selector::parse(&raw.policy.selector)?,
        priority: raw.policy.priority,
        templates,
        mark: attributes.mark()?,
        if_id: attributes.if_id()?,
        sequence: raw.seq,
    })
}

fn expire(payload: &[u8]) -> Result<Expire, Unread> {
    let raw = UserExpire::parse(payload)?;
    let attributes = Attributes::parse(payload.get(EXPIRE_LENGTH..).unwrap_or_default())?;
    if raw.state.id.proto != IPPROTO_ESP {
        return Err(Unread::Foreign);
    }
    Ok(Expire {
        id: sa::id(&raw.state, &attributes)?,
        hard: raw.hard != 0,
        reqid: Reqid(raw.state.reqid),
        if_id: attributes.if_id()?,
        counters: sa::counters(&raw.state),
    })
}

fn mapping(payload: &[u8]) -> Result<Mapping, Unread> {
    let raw = UserMapping::parse(payload)?;
    let family = raw.id.family;
    Ok(Mapping {
        id: SaId {
            source: address_of(&raw.old_saddr, family)?,
            destination: address_of(&raw.id.daddr, family)?,
            spi: Spi(raw.id.spi),
            mark: None,
        },
        reqid: Reqid(raw.reqid),
        new_source: address_of(&raw.new_saddr, family)?,
        old_source_port: raw.old_sport,
        new_source_port: raw.new_sport,
    })
}
