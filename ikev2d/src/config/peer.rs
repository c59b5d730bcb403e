//! One `[[peer]]` table.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use ike_proto::policy::{Authentication, ChildPolicy, Identity, MAX_SELECTORS, Mode, PeerPolicy, Selector};

use super::check::{At, Check};
use super::diagnostic::Location;
use super::node::NodeDraft;
use super::report::{Help, Problem};
use super::selector::{self, can_pair};
use super::settings::{SETTING_KEYS, Settings, Shared};
use super::source::Span;
use super::tree::Entry;

/// What a peer's own checks need to know.
pub(super) struct Surroundings<'a> {
    pub(super) node: &'a NodeDraft,
    /// The addresses that are this node's.
    pub(super) own: &'a [IpAddr],
    pub(super) defaults: &'a Settings,
}

/// A peer whose own values are right; its key is not read yet.
pub(super) struct PeerDraft {
    pub(super) name: At<String>,
    pub(super) address: At<IpAddr>,
    pub(super) id: At<Identity>,
    pub(super) policy: PeerPolicy,
    pub(super) psk_file: At<PathBuf>,
    pub(super) source: Location,
}

/// The fields that are the peer's alone.
#[derive(Default)]
struct Fields {
    name: Option<At<String>>,
    address: Option<At<IpAddr>>,
    id: Option<At<Identity>>,
    local_address: Option<At<IpAddr>>,
    local_id: Option<At<Identity>>,
    psk_file: Option<At<PathBuf>>,
    local: Option<At<Vec<Selector>>>,
    remote: Option<At<Vec<Selector>>>,
}

/// Reads and checks the table of `entries` at `table`; `None` if anything in it is wrong.
pub(super) fn read(
    check: &mut Check<'_>,
    shared: &mut Shared,
    around: &Surroundings<'_>,
    table: &Span,
    entries: &[Entry],
) -> Option<PeerDraft> {
    let mut settings = around.defaults.clone();
    let mut fields = Fields::default();
    for entry in entries {
        if !fields.take(check, entry) && !settings.take(check, shared, entry) {
            check.unknown(entry, &[&KEYS[..], &SETTING_KEYS[..]].concat());
        }
    }
    settings.check_order(check, entries);
    settings.timing = shared.timing(settings.timing);
    for (key, help) in REQUIRED {
        if !entries.iter().any(|entry| entry.key == key) {
            check.missing(table, key, Help::new(help));
        }
    }
    let address = fields.address.clone()?;
    let local = fields.check_local_address(check, around, &address);
    let child = fields.child(check, &settings, &address, table)?;
    let local_identity = fields.local_id.as_ref().map(|id| id.value.clone()).or(around.node.id.clone());
    let id = match fields.id {
        Some(id) => id,
        None if entries.iter().any(|entry| entry.key == "id") => return None,
        None => At { value: Identity::address(address.value), span: address.span.clone() },
    };
    check_not_ourselves(check, around, &address, &id, local_identity.as_ref());
    let policy = PeerPolicy {
        local,
        remote: address.value,
        port: settings.port,
        local_identity: local_identity?,
        remote_identity: id.value.clone(),
        local_authentication: Authentication::Psk,
        remote_authentication: Authentication::Psk,
        proposals: settings.ike,
        child,
        connect: settings.connect,
        timing: settings.timing,
    };
    let source = check.source.location(table.start);
    Some(PeerDraft { name: fields.name?, address, id, policy, psk_file: fields.psk_file?, source })
}

impl Fields {
    /// Takes `entry` if it is one of the peer's own fields; `false` if it is not.
    fn take(&mut self, check: &mut Check<'_>, entry: &Entry) -> bool {
        match entry.key.as_str() {
            "name" => {
                let text = check.text(entry);
                self.name = text.and_then(|text| check.accept(&entry.value.span, check_name(text)));
            }
            "address" => self.address = check.address(entry),
            "id" => self.id = check.identity(entry),
            "local-address" => self.local_address = check.address(entry),
            "local-id" => self.local_id = check.identity(entry),
            "psk-file" => self.psk_file = check.path(entry),
            "local" => self.local = selectors(check, entry),
            "remote" => self.remote = selectors(check, entry),
            _ => return false,
        }
        true
    }

    /// Our address towards the peer, if the configuration leaves only one.
    fn check_local_address(
        &self,
        check: &mut Check<'_>,
        around: &Surroundings<'_>,
        address: &At<IpAddr>,
    ) -> Option<IpAddr> {
        let same_family = |other: &IpAddr| other.is_ipv4() == address.value.is_ipv4();
        let listen = &around.node.listen;
        if let Some(local) = &self.local_address {
            if !same_family(&local.value) {
                let message = format!("`local-address` {} cannot reach {}", local.value, address.value);
                check.error(&local.span, message, Help::new("both must be IPv4 or both IPv6"));
            } else if !listen.is_empty() && !listen.contains(&local.value) {
                let message = format!("`local-address` {} is not among the node's `listen`", local.value);
                check.error(&local.span, message, Help::new("add it to `listen`, or leave `listen` out"));
            }
            return Some(local.value);
        }
        let mut usable = listen.iter().copied().filter(same_family);
        match (usable.next(), usable.next()) {
            (Some(only), None) => Some(only),
            (Some(_), Some(_)) => None,
            (None, _) if listen.is_empty() => None,
            (None, _) => {
                let family = if address.value.is_ipv4() { "IPv4" } else { "IPv6" };
                let message = format!("{} is {family}, but none of the node's `listen` is", address.value);
                check.error(
                    &address.span,
                    message,
                    Help::new("add an address to `listen`, or leave `listen` out"),
                );
                None
            }
        }
    }

    fn child(
        &self,
        check: &mut Check<'_>,
        settings: &Settings,
        address: &At<IpAddr>,
        table: &Span,
    ) -> Option<ChildPolicy> {
        let mut fine = true;
        let sides = [("local", &self.local), ("remote", &self.remote)];
        for (key, side) in sides {
            let Some(selectors) = side else { continue };
            let ranges = selectors.value.iter().any(|selector| matches!(selector, Selector::Range(_)));
            if settings.mode == Mode::Transport && ranges {
                let message =
                    format!("`{key}` has addresses in transport mode, which is between the hosts themselves");
                let help = "write mode = \"tunnel\", or `dynamic` in place of the addresses";
                check.error(&selectors.span, message, Help::new(help));
                fine = false;
            }
        }
        let selectors = |side: &Option<At<Vec<Selector>>>| match side {
            Some(selectors) => selectors.value.clone(),
            None => vec![Selector::HOST],
        };
        let (local, remote) = (selectors(&self.local), selectors(&self.remote));
        let ipv4 = address.value.is_ipv4();
        let lonely = local.iter().any(|l| !remote.iter().any(|r| can_pair(l, r, ipv4)))
            || remote.iter().any(|r| !local.iter().any(|l| can_pair(l, r, ipv4)));
        if lonely {
            let span = sides.iter().find_map(|(_, side)| side.as_ref()).map_or(table, |side| &side.span);
            let message = "a selector of one side fits none of the other side";
            let help = "a packet has the same family (IPv4 or IPv6) and protocol at both ends; \
                        a side that is left out is the host's own address";
            check.error(span, message, Help::new(help));
            fine = false;
        }
        let proposals = Arc::clone(&settings.esp);
        fine.then_some(ChildPolicy { mode: settings.mode, local, remote, proposals })
    }
}

fn check_not_ourselves(
    check: &mut Check<'_>,
    around: &Surroundings<'_>,
    address: &At<IpAddr>,
    id: &At<Identity>,
    local_identity: Option<&Identity>,
) {
    let help = "a node is no peer of its own: leave it out of its own peer files";
    if around.own.contains(&address.value) {
        let message = format!("{} is this node's own address", address.value);
        check.error(&address.span, message, Help::new(help));
    } else if Some(&id.value) == around.node.id.as_ref() || Some(&id.value) == local_identity {
        check.error(&id.span, format!("{} is this node's own identity", id.value), Help::new(help));
    }
}

fn selectors(check: &mut Check<'_>, entry: &Entry) -> Option<At<Vec<Selector>>> {
    let texts = check.texts(entry)?;
    if texts.is_empty() || texts.len() > MAX_SELECTORS {
        let message = format!("`{}` has {} selectors", entry.key, texts.len());
        let help =
            Help::new(format!("it can have 1 to {MAX_SELECTORS}; leave it out for the host's own address"));
        check.error(&entry.value.span, message, help);
        return None;
    }
    let mut selectors = Some(Vec::with_capacity(texts.len()));
    for text in texts {
        match check.accept(&text.span, selector::parse(text.value)) {
            Some(selector) => selectors.iter_mut().for_each(|selectors| selectors.push(selector.value)),
            None => selectors = None,
        }
    }
    selectors.map(|value| At { value, span: entry.value.span.clone() })
}

/// Takes a peer's name: 1 to 255 of the letters and digits of ASCII and `-`, `_`, `.`, `:`, `@`, with a letter or a
/// digit first. Such a name needs no quotes in a shell, a log line or a metric.
fn check_name(name: &str) -> Result<String, Problem> {
    let usual = |c: char| c.is_ascii_alphanumeric() || "-_.:@".contains(c);
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if starts_well && name.len() <= MAX_NAME && name.chars().all(usual) {
        return Ok(name.to_owned());
    }
    let help = format!(
        "write a letter or a digit, then letters, digits and any of `-_.:@`, {MAX_NAME} characters at most"
    );
    Err(Problem::new(format!("not a peer's name: `{}`", name.escape_debug()), Help::new(help)))
}

/// Longest name in octets: as long as a host name.
const MAX_NAME: usize = 255;

pub(super) const KEYS: [&str; 8] =
    ["name", "address", "id", "local-address", "local-id", "psk-file", "local", "remote"];

const REQUIRED: [(&str, &str); 3] = [
    ("name", "give the peer a name that no other peer has"),
    ("address", "say where the peer is: address = \"192.0.2.1\""),
    ("psk-file", "name the file that holds the key in common with the peer"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_needs_no_quotes() {
        for name in ["a", "db-1.example.net", "1", "site:host@rack_2", &"x".repeat(255)] {
            assert_eq!(check_name(name).unwrap(), name);
        }
        for name in ["", "-a", ".a", "a b", "a/b", "ü", "a\n", &"x".repeat(256)] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
