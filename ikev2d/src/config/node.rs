//! The `[node]` table.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use ike_proto::policy::Identity;

use super::address;
use super::check::{At, Check};
use super::model::{DEFAULT_CONTROL, DEFAULT_IKE_PORT, DEFAULT_NAT_PORT, DataPlaneChoice, LogFormat};
use super::report::Help;
use super::source::Span;
use super::tree::Entry;

/// The node, as far as it could be read.
pub(super) struct NodeDraft {
    pub(super) id: Option<Identity>,
    pub(super) listen: Vec<IpAddr>,
    pub(super) peers: Vec<At<PathBuf>>,
    pub(super) control: PathBuf,
    pub(super) ike_port: u16,
    pub(super) nat_port: u16,
    pub(super) data_plane: DataPlaneChoice,
    pub(super) log: tracing::Level,
    pub(super) log_format: LogFormat,
}

impl Default for NodeDraft {
    fn default() -> NodeDraft {
        NodeDraft {
            id: None,
            listen: Vec::new(),
            peers: Vec::new(),
            control: Path::new(DEFAULT_CONTROL).to_owned(),
            ike_port: DEFAULT_IKE_PORT,
            nat_port: DEFAULT_NAT_PORT,
            data_plane: DataPlaneChoice::Auto,
            log: tracing::Level::INFO,
            log_format: LogFormat::Text,
        }
    }
}

impl NodeDraft {
    /// Reads the table's entries; `table` is where it stands.
    pub(super) fn read(check: &mut Check<'_>, table: &Span, entries: &[Entry]) -> NodeDraft {
        let mut node = NodeDraft::default();
        for entry in entries {
            node.take(check, entry);
        }
        if !entries.iter().any(|entry| entry.key == "id") {
            let help = Help::new("say who this node is: id = \"host.example.net\"");
            check.missing(table, "id", help);
        }
        if let (true, Some(entry)) =
            (node.ike_port == node.nat_port, entries.iter().find(|entry| entry.key.ends_with("-port")))
        {
            let message = format!("`ike-port` and `nat-port` are both {}", node.ike_port);
            check.error(&entry.value.span, message, Help::new("they are two sockets: choose two ports"));
        }
        node
    }

    fn take(&mut self, check: &mut Check<'_>, entry: &Entry) {
        match entry.key.as_str() {
            "id" => self.id = check.identity(entry).map(|id| id.value),
            "listen" => self.listen = listen(check, entry),
            "peers" => {
                let texts = check.texts(entry).unwrap_or_default();
                self.peers = texts.iter().filter_map(|text| check.resolve(text)).collect();
            }
            "control" => self.control = check.path(entry).map(|path| path.value).unwrap_or_default(),
            "ike-port" => self.ike_port = check.port(entry).map_or(DEFAULT_IKE_PORT, |port| port.value),
            "nat-port" => self.nat_port = check.port(entry).map_or(DEFAULT_NAT_PORT, |port| port.value),
            "dataplane" => self.data_plane = check.choice(entry, &PLANES).unwrap_or(DataPlaneChoice::Auto),
            "log" => self.log = check.choice(entry, &LEVELS).unwrap_or(tracing::Level::INFO),
            "log-format" => self.log_format = check.choice(entry, &FORMATS).unwrap_or(LogFormat::Text),
            _ => check.unknown(entry, &KEYS),
        }
    }
}

/// The addresses, each once.
fn listen(check: &mut Check<'_>, entry: &Entry) -> Vec<IpAddr> {
    let mut addresses = Vec::new();
    for text in check.texts(entry).unwrap_or_default() {
        let Some(address) = check.accept(&text.span, address::parse(text.value)) else { continue };
        if addresses.contains(&address.value) {
            check.error(&address.span, format!("{} is listed twice", address.value), Help::NONE);
        } else if addresses.len() == MAX_LISTEN {
            let message = format!("more than {MAX_LISTEN} addresses to listen on");
            check.error(&address.span, message, Help::new("leave `listen` out to listen on all addresses"));
            break;
        } else {
            addresses.push(address.value);
        }
    }
    addresses
}

pub(super) const KEYS: [&str; 9] =
    ["id", "listen", "peers", "control", "ike-port", "nat-port", "dataplane", "log", "log-format"];

const PLANES: [(&str, DataPlaneChoice); 3] = [
    ("auto", DataPlaneChoice::Auto),
    ("kernel", DataPlaneChoice::Kernel),
    ("userspace", DataPlaneChoice::Userspace),
];

const LEVELS: [(&str, tracing::Level); 5] = [
    ("error", tracing::Level::ERROR),
    ("warn", tracing::Level::WARN),
    ("info", tracing::Level::INFO),
    ("debug", tracing::Level::DEBUG),
    ("trace", tracing::Level::TRACE),
];

const FORMATS: [(&str, LogFormat); 2] = [("text", LogFormat::Text), ("json", LogFormat::Json)];

/// Most addresses to listen on: each takes two sockets.
const MAX_LISTEN: usize = 64;
