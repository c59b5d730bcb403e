//! `XFRM_MSG_NEWPOLICY`, `UPDPOLICY`, `DELPOLICY`, `GETPOLICY`: one policy.

use netlink_packet_core::Emitable;
use netlink_packet_xfrm::constants::{
    IPPROTO_ESP, XFRM_POLICY_ALLOW, XFRM_POLICY_BLOCK, XFRM_POLICY_FWD, XFRM_POLICY_IN, XFRM_POLICY_OUT,
    XFRMA_TMPL,
};
use netlink_packet_xfrm::{
    Id, UserPolicyId, UserPolicyInfo, UserTemplate, XFRM_USER_POLICY_INFO_LEN, XFRM_USER_TEMPLATE_LEN,
};

use super::{Attributes, Request, Unread, address, address_family, address_of, sa, selector};
use crate::{Action, Family, MAX_TEMPLATES, Policy, PolicyDirection, PolicyId, PolicyState, Reqid, Template};

/// Appends the body of a request that adds or updates a policy.
pub(crate) fn emit(request: &mut Request, policy: &Policy) {
    request.structure(&UserPolicyInfo {
        selector: selector::emit(&policy.id.selector),
        priority: policy.priority,
        direction: direction_number(policy.id.direction),
        action: match policy.action {
            Action::Allow => XFRM_POLICY_ALLOW,
            Action::Block => XFRM_POLICY_BLOCK,
        },
        ..UserPolicyInfo::default()
    });
    if !policy.templates.is_empty() {
        let mut value = vec![0; policy.templates.len().saturating_mul(XFRM_USER_TEMPLATE_LEN)];
        for (slot, template) in value.chunks_exact_mut(XFRM_USER_TEMPLATE_LEN).zip(&policy.templates) {
            emit_template(template).emit(slot);
        }
        request.attribute(XFRMA_TMPL, &[&value]);
    }
    sa::emit_mark(request, policy.id.mark);
    sa::emit_if_id(request, policy.id.if_id);
}

/// Appends the body of a request that deletes or reads a policy.
pub(crate) fn emit_id(request: &mut Request, id: &PolicyId) {
    request.structure(&UserPolicyId {
        selector: selector::emit(&id.selector),
        index: 0, // by selector
        direction: direction_number(id.direction),
    });
    sa::emit_mark(request, id.mark);
    sa::emit_if_id(request, id.if_id);
}

fn emit_template(template: &Template) -> UserTemplate {
    UserTemplate {
        id: Id { daddr: address(template.destination), spi: 0, proto: IPPROTO_ESP },
        family: address_family(Family::of(template.destination)),
        saddr: address(template.source),
        reqid: template.reqid.0,
        mode: sa::mode_number(template.mode),
        optional: template.optional.into(),
        ..UserTemplate::default()
    }
}

/// Reads the body of `XFRM_MSG_NEWPOLICY`: an answer or an entry of a dump.
pub(crate) fn parse(payload: &[u8]) -> Result<PolicyState, Unread> {
    let raw = UserPolicyInfo::parse(payload)?;
    let attributes = Attributes::parse(payload.get(XFRM_USER_POLICY_INFO_LEN..).unwrap_or_default())?;
    Ok(PolicyState {
        policy: Policy {
            id: PolicyId {
                selector: selector::parse(&raw.selector)?,
                direction: direction_of(raw.direction)?,
                mark: attributes.mark()?,
                if_id: attributes.if_id()?,
            },
            priority: raw.priority,
            action: match raw.action {
                XFRM_POLICY_ALLOW => Action::Allow,
                XFRM_POLICY_BLOCK => Action::Block,
                _ => return Err(Unread::Malformed),
            },
            templates: parse_templates(&attributes)?,
        },
        index: raw.index,
        added: raw.lifetime_cur.add_time,
        used: raw.lifetime_cur.use_time,
    })
}

/// Reads `XFRMA_TMPL`: whole templates, at most [`MAX_TEMPLATES`].
pub(crate) fn parse_templates(attributes: &Attributes<'_>) -> Result<Vec<Template>, Unread> {
    let value = attributes.get(XFRMA_TMPL).unwrap_or_default();
    let templates = value.chunks_exact(XFRM_USER_TEMPLATE_LEN);
    if !templates.remainder().is_empty() || templates.len() > MAX_TEMPLATES {
        return Err(Unread::Malformed);
    }
    templates.map(parse_template).collect()
}

fn parse_template(octets: &[u8]) -> Result<Template, Unread> {
    let raw = UserTemplate::parse(octets)?;
    if raw.id.proto != IPPROTO_ESP || raw.id.spi != 0 {
        return Err(Unread::Foreign);
    }
    Ok(Template {
        source: address_of(&raw.saddr, raw.family)?,
        destination: address_of(&raw.id.daddr, raw.family)?,
        reqid: Reqid(raw.reqid),
        mode: sa::mode_of(raw.mode)?,
        optional: raw.optional != 0,
    })
}

fn direction_number(direction: PolicyDirection) -> u8 {
    match direction {
        PolicyDirection::In => XFRM_POLICY_IN,
        PolicyDirection::Out => XFRM_POLICY_OUT,
        PolicyDirection::Forward => XFRM_POLICY_FWD,
    }
}

fn direction_of(number: u8) -> Result<PolicyDirection, Unread> {
    match number {
        XFRM_POLICY_IN => Ok(PolicyDirection::In),
        XFRM_POLICY_OUT => Ok(PolicyDirection::Out),
        XFRM_POLICY_FWD => Ok(PolicyDirection::Forward),
        // The policies of sockets (directions 3 and up) appear in dumps.
        _ => Err(Unread::Foreign),
    }
}
