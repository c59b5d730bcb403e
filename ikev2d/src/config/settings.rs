//! What `[defaults]` sets for all peers and each peer can set otherwise.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ike_proto::policy::{Connect, EspProposal, IkeProposal, Mode, Timing};

use super::check::Check;
use super::report::{Help, Problem};
use super::tree::Entry;
use super::{duration, proposal};

/// The keys of [`Settings`].
pub(super) const SETTING_KEYS: [&str; 12] = [
    "port",
    "mode",
    "connect",
    "ike",
    "esp",
    "retransmit",
    "retransmissions",
    "liveness",
    "ike-lifetime",
    "child-lifetime",
    "retry-first",
    "retry-most",
];

/// The settings in force for a peer.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) port: u16,
    pub(super) mode: Mode,
    pub(super) connect: Connect,
    pub(super) ike: Arc<[IkeProposal]>,
    pub(super) esp: Arc<[EspProposal]>,
    pub(super) timing: Arc<Timing>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            port: super::DEFAULT_IKE_PORT,
            mode: Mode::Transport,
            connect: Connect::Always,
            ike: proposal::default_ike().into(),
            esp: proposal::default_esp().into(),
            timing: Arc::default(),
        }
    }
}

impl Settings {
    /// Takes `entry` if it is a setting; `false` if it is not.
    pub(super) fn take(&mut self, check: &mut Check<'_>, shared: &mut Shared, entry: &Entry) -> bool {
        match entry.key.as_str() {
            "port" => assign(&mut self.port, check.port(entry).map(|port| port.value)),
            "mode" => assign(&mut self.mode, check.choice(entry, &MODES)),
            "connect" => assign(&mut self.connect, check.choice(entry, &CONNECTS)),
            "ike" => assign(&mut self.ike, proposals(check, &mut shared.ike, entry, proposal::ike)),
            "esp" => assign(&mut self.esp, proposals(check, &mut shared.esp, entry, proposal::esp)),
            _ => return self.take_timing(check, entry),
        }
        true
    }

    fn take_timing(&mut self, check: &mut Check<'_>, entry: &Entry) -> bool {
        let mut timing = Timing::clone(&self.timing);
        let (field, allowed) = match entry.key.as_str() {
            "retransmissions" => {
                assign(&mut timing.retransmissions, check.count(entry, RETRANSMISSIONS));
                self.timing = Arc::new(timing);
                return true;
            }
            "retransmit" => (&mut timing.retransmit, RETRANSMIT),
            "liveness" => (&mut timing.liveness, LIVENESS),
            "ike-lifetime" => (&mut timing.ike_lifetime, IKE_LIFETIME),
            "child-lifetime" => (&mut timing.child_lifetime, CHILD_LIFETIME),
            "retry-first" => (&mut timing.retry_first, RETRY),
            "retry-most" => (&mut timing.retry_most, RETRY),
            _ => return false,
        };
        if let Some(text) = check.text(entry) {
            let value = check.accept(&entry.value.span, duration::parse(text, allowed));
            assign(field, value.map(|value| value.value));
        }
        self.timing = Arc::new(timing);
        true
    }

    /// What no single entry shows: the order of the two pauses. `entries` is where the settings were taken from.
    pub(super) fn check_order(&self, check: &mut Check<'_>, entries: &[Entry]) {
        let Timing { retry_first, retry_most, .. } = *self.timing;
        let retry = entries.iter().find(|entry| entry.key.starts_with("retry-"));
        if let (true, Some(entry)) = (retry_first > retry_most, retry) {
            let message =
                format!("`retry-first` ({retry_first:?}) is longer than `retry-most` ({retry_most:?})");
            check.error(&entry.value.span, message, Help::NONE);
        }
    }
}

fn assign<T>(field: &mut T, value: Option<T>) {
    value.into_iter().for_each(|value| *field = value);
}

/// Values that many peers have alike, each held once.
#[derive(Default)]
pub(super) struct Shared {
    ike: ByText<IkeProposal>,
    esp: ByText<EspProposal>,
    timing: HashMap<([Duration; 6], u32), Arc<Timing>>,
}

/// Lists of proposals by the texts that they were read from.
type ByText<T> = HashMap<Vec<String>, Arc<[T]>>;

impl Shared {
    /// `timing`, or its equal that came first.
    pub(super) fn timing(&mut self, timing: Arc<Timing>) -> Arc<Timing> {
        let Timing {
            retransmit,
            retransmissions,
            liveness,
            ike_lifetime,
            child_lifetime,
            retry_first,
            retry_most,
        } = *timing;
        let pauses = [retransmit, liveness, ike_lifetime, child_lifetime, retry_first, retry_most];
        let key = (pauses, retransmissions);
        Arc::clone(self.timing.entry(key).or_insert(timing))
    }
}

/// Reads a list of proposals, or finds the equal one that came first.
fn proposals<T>(
    check: &mut Check<'_>,
    known: &mut ByText<T>,
    entry: &Entry,
    parse: fn(&str) -> Result<T, Problem>,
) -> Option<Arc<[T]>> {
    let texts = check.texts(entry)?;
    if texts.is_empty() || texts.len() > proposal::MAX_PROPOSALS {
        let message = format!("`{}` has {} proposals", entry.key, texts.len());
        let help = Help::new(format!("it can have 1 to {}", proposal::MAX_PROPOSALS));
        check.error(&entry.value.span, message, help);
        return None;
    }
    let key = texts.iter().map(|text| text.value.to_owned()).collect();
    if let Some(proposals) = known.get(&key) {
        return Some(Arc::clone(proposals));
    }
    let parsed: Vec<Option<T>> = texts
        .iter()
        .map(|text| check.accept(&text.span, parse(text.value)).map(|proposal| proposal.value))
        .collect();
    let proposals: Arc<[T]> = parsed.into_iter().collect::<Option<Vec<T>>>()?.into();
    known.insert(key, Arc::clone(&proposals));
    Some(proposals)
}

const MODES: [(&str, Mode); 2] = [("transport", Mode::Transport), ("tunnel", Mode::Tunnel)];
const CONNECTS: [(&str, Connect); 2] = [("always", Connect::Always), ("passive", Connect::Passive)];

/// Shorter than the round trip of any network sends everything twice; longer, and one lost datagram is an outage.
pub(super) const RETRANSMIT: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(60));

/// With the default of one second, 1 gives up after 3 s and 12 after 40 minutes.
pub(super) const RETRANSMISSIONS: (u32, u32) = (1, 12);

/// A probe costs two datagrams; a peer that has been dead for an hour should not go unnoticed.
pub(super) const LIVENESS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(3600));

/// A replacement costs a handshake with each peer; nobody gains by keeping keys for more than a week.
pub(super) const IKE_LIFETIME: (Duration, Duration) =
    (Duration::from_secs(60), Duration::from_secs(7 * 24 * 3600));

/// The same for a Child SA, whose rekeying costs less.
pub(super) const CHILD_LIFETIME: (Duration, Duration) = IKE_LIFETIME;

/// A peer that comes back should not have to wait for more than an hour, nor one that is down be flooded.
pub(super) const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(3600));
