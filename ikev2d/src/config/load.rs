//! From the node file to the whole configuration.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crypto::Secret;

use super::check::{At, Check};
use super::diagnostic::Errors;
use super::model::{Config, Loaded, Node, Peer};
use super::node::NodeDraft;
use super::peer::{self, PeerDraft, Surroundings};
use super::report::{Help, Problem, Report};
use super::settings::{Settings, Shared};
use super::source::{Format, Source};
use super::tree::{Entry, Kind, Value};
use super::unique::Taken;
use super::{files, json, psk, toml};

/// See [`super::load`]; `host` are the addresses that the host has.
pub(super) fn load(node_file: &Path, host: &[IpAddr]) -> Result<Loaded, Errors> {
    let mut report = Report::default();
    let source = match files::read(node_file, &mut report) {
        Ok(source) => source,
        Err(problem) => {
            report.file_problem(node_file, problem);
            return report.finish(None).map(|(config, warnings)| Loaded { config, warnings });
        }
    };
    let mut loader = Loader::new(&mut report, host, KeyFiles::Read(HashMap::new()));
    loader.read_node_file(&source);
    loader.read_peer_files(&source);
    let config = loader.finish();
    report.finish(config).map(|(config, warnings)| Loaded { config, warnings })
}

/// See [`super::check_text`].
pub(super) fn check_text(text: &str, format: Format) -> Result<usize, Errors> {
    let mut report = Report::default();
    let source = Source::new(Path::new("text"), format, text.to_owned());
    let mut loader = Loader::new(&mut report, &[], KeyFiles::Ignore);
    loader.read_node_file(&source);
    let peers = loader.count;
    report.finish(Some(peers)).map(|(peers, _)| peers)
}

/// A configuration that is being read.
struct Loader<'a> {
    report: &'a mut Report,
    host: &'a [IpAddr],
    own: Vec<IpAddr>,
    node: NodeDraft,
    defaults: Settings,
    shared: Shared,
    taken: Taken,
    key_files: KeyFiles,
    peers: Vec<Peer>,
    /// Peers that were seen, right or wrong.
    count: usize,
}

/// What becomes of `psk-file`.
enum KeyFiles {
    /// It is read, once for all peers that name it; `None` for one that could not be read.
    Read(HashMap<PathBuf, Option<Arc<Secret>>>),
    /// It is not looked at.
    Ignore,
}

impl<'a> Loader<'a> {
    fn new(report: &'a mut Report, host: &'a [IpAddr], key_files: KeyFiles) -> Loader<'a> {
        Loader {
            report,
            host,
            own: Vec::new(),
            node: NodeDraft::default(),
            defaults: Settings::default(),
            shared: Shared::default(),
            taken: Taken::default(),
            key_files,
            peers: Vec::new(),
            count: 0,
        }
    }

    fn read_node_file(&mut self, source: &Source) {
        let Some(document) = parse(source, self.report) else { return };
        let mut check = Check { source, report: self.report };
        let entries = check.table(&document, "the document").unwrap_or_default();
        let find = |key: &str| entries.iter().find(|entry| entry.key == key);
        for entry in entries.iter().filter(|entry| !NODE_FILE_KEYS.contains(&entry.key.as_str())) {
            check.unknown(entry, &NODE_FILE_KEYS);
        }
        match find("node") {
            Some(entry) => {
                let table = check.table(&entry.value, "node").unwrap_or_default();
                self.node = NodeDraft::read(&mut check, &entry.value.span, table);
            }
            None => check.missing(&(0..0), "node", Help::new("say who this node is: [node] with an `id`")),
        }
        let own = if self.node.listen.is_empty() { self.host } else { &self.node.listen };
        self.own = own.to_vec();
        if let Some(entry) = find("defaults") {
            let table = check.table(&entry.value, "defaults").unwrap_or_default();
            self.read_defaults(source, table);
        }
        self.read_peers(source, find("peer"));
    }

    fn read_defaults(&mut self, source: &Source, table: &[Entry]) {
        let mut check = Check { source, report: self.report };
        for entry in table {
            if !self.defaults.take(&mut check, &mut self.shared, entry) {
                check.unknown(entry, &super::settings::SETTING_KEYS);
            }
        }
        self.defaults.check_order(&mut check, table);
    }

    /// Reads every file that the node file's `peers` leads to.
    fn read_peer_files(&mut self, node_file: &Source) {
        for path in std::mem::take(&mut self.node.peers) {
            match files::list(&path.value) {
                Ok(files) => files.iter().for_each(|file| self.read_peer_file(node_file, &path, file)),
                Err(problem) => self.report.problem(node_file, &path.span, problem),
            }
        }
    }

    fn read_peer_file(&mut self, node_file: &Source, named_by: &At<PathBuf>, file: &Path) {
        let source = match files::read(file, self.report) {
            Ok(source) => source,
            Err(problem) => return self.report.problem(node_file, &named_by.span, problem),
        };
        let Some(document) = parse(&source, self.report) else { return };
        let mut check = Check { source: &source, report: self.report };
        let entries = check.table(&document, "the document").unwrap_or_default();
        for entry in entries.iter().filter(|entry| entry.key != PEER) {
            if NODE_FILE_KEYS.contains(&entry.key.as_str()) {
                let message = format!("`{}` in a peer file", entry.key);
                check.error(&entry.key_span, message, Help::new("only the node file can have it"));
            } else {
                check.unknown(entry, &[PEER]);
            }
        }
        self.read_peers(&source, entries.iter().find(|entry| entry.key == PEER));
    }

    fn read_peers(&mut self, source: &Source, entry: Option<&Entry>) {
        let Some(entry) = entry else { return };
        if let Kind::Table(_) = entry.value.kind {
            // With one peer in a file there is no doubt what `[peer]` means, but with the next one there would be.
            let help = match source.format {
                Format::Toml => "write [[peer]]",
                Format::Json => "write \"peer\": [{ ... }]",
            };
            let message = "`peer` must be an array of tables, not a table";
            return self.report.error(source, &entry.key_span, message, Help::new(help));
        }
        let tables = Check { source, report: self.report }.array(entry).unwrap_or_default();
        for value in tables {
            self.read_peer(source, value);
        }
    }

    fn read_peer(&mut self, source: &Source, value: &Value) {
        self.count = self.count.saturating_add(1);
        if self.count > MAX_PEERS {
            if self.count == MAX_PEERS.saturating_add(1) {
                self.report.error(source, &value.span, format!("more than {MAX_PEERS} peers"), Help::NONE);
            }
            return;
        }
        let mut check = Check { source, report: self.report };
        let Some(table) = check.table(value, PEER) else { return };
        let around = Surroundings { node: &self.node, own: &self.own, defaults: &self.defaults };
        let draft = peer::read(&mut check, &mut self.shared, &around, &value.span, table);
        let Some(draft) = draft else { return };
        self.taken.add(&mut check, &draft);
        if let Some(psk) = self.key_files.key(&mut check, &draft) {
            let PeerDraft { name, policy, source, .. } = draft;
            self.peers.push(Peer { name: name.value, policy: Arc::new(policy), psk, source });
        }
    }

    /// The configuration, as far as it was right.
    fn finish(self) -> Option<Config> {
        let NodeDraft { id, listen, peers: _, control, ike_port, nat_port, data_plane, log, log_format } =
            self.node;
        let proposals = self.defaults.ike;
        let node =
            Node { id: id?, listen, ike_port, nat_port, control, data_plane, log, log_format, proposals };
        Some(Config { node, peers: self.peers })
    }
}

impl KeyFiles {
    fn key(&mut self, check: &mut Check<'_>, peer: &PeerDraft) -> Option<Arc<Secret>> {
        let KeyFiles::Read(known) = self else { return None };
        let At { value: path, span } = &peer.psk_file;
        if let Some(key) = known.get(path) {
            return key.clone();
        }
        let key = check.accept(span, psk::read(path)).map(|key| Arc::new(key.value));
        if key.as_ref().is_some_and(|key| key.len() < psk::ADVISED_PSK) {
            let message = format!("the key in {} has fewer than {} octets", path.display(), psk::ADVISED_PSK);
            check.report.warning(
                check.source,
                span,
                message,
                Help::new("make one with: openssl rand -hex 32"),
            );
        }
        known.insert(path.clone(), key.clone());
        key
    }
}

/// The text as a tree; `None` if it is not in the file's language, with the errors in the report.
fn parse(source: &Source, report: &mut Report) -> Option<Value> {
    let (parsed, language) = match source.format {
        Format::Toml => (toml::parse(source), "TOML"),
        Format::Json => (json::parse(source), "JSON"),
    };
    match parsed {
        Ok(value) => Some(value),
        Err(errors) => {
            for error in errors {
                let problem = Problem::new(format!("not {language}: {}", error.message), Help::NONE);
                report.problem(source, &error.span, problem);
            }
            None
        }
    }
}

/// What stands in a node file.
const NODE_FILE_KEYS: [&str; 3] = ["node", "defaults", PEER];

/// What stands in a peer file.
const PEER: &str = "peer";

/// Most peers: ten times the mesh that the daemon is made for.
const MAX_PEERS: usize = 100_000;
