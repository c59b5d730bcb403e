//! Whole configurations, as files with real modes.

mod bad;
mod good;
mod hostile;
mod manual;
mod mesh;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::{Config, Errors, Loaded, load};

/// A directory of configuration files that is removed in the end.
struct Files {
    directory: tempfile::TempDir,
}

impl Files {
    fn new() -> Files {
        Files { directory: tempfile::tempdir().unwrap() }
    }

    /// A node file with `peers = "peers.d"`, that directory, and a key file `peers.d/db-1.psk`.
    fn with_node() -> Files {
        let files = Files::new();
        files.write("ikev2d.toml", NODE);
        files.key("peers.d/db-1.psk", "a key of many letters\n");
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        self.mode(name, 0o644);
    }

    fn key(&self, name: &str, text: impl AsRef<[u8]>) {
        self.write(name, text);
        self.mode(name, 0o600);
    }

    fn mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Loads `ikev2d.toml` on a host with the address 203.0.113.1.
    fn load(&self) -> Result<Loaded, Errors> {
        load::load(&self.path("ikev2d.toml"), &["203.0.113.1".parse().unwrap()])
    }

    fn config(&self) -> Config {
        match self.load() {
            Ok(loaded) if loaded.warnings.is_empty() => loaded.config,
            Ok(loaded) => panic!("{}", self.shown(&loaded.warnings[0])),
            Err(errors) => panic!("{}", self.shown(&errors)),
        }
    }

    /// The whole text of what is wrong, with the directory as `DIR`.
    fn errors(&self) -> String {
        match self.load() {
            Ok(_) => panic!("accepted"),
            Err(errors) => self.shown(&errors),
        }
    }

    fn shown(&self, text: &impl std::fmt::Display) -> String {
        text.to_string().replace(&self.directory.path().display().to_string(), "DIR")
    }
}

const NODE: &str = "[node]\nid = \"web-1.example.net\"\nlisten = [\"192.0.2.10\"]\npeers = \"peers.d\"\n";

const DB_1: &str = "\
[[peer]]
name = \"db-1\"
address = \"192.0.2.20\"
id = \"db-1.example.net\"
psk-file = \"db-1.psk\"
";

/// The example of the manual pages, beside this crate.
fn examples() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples"))
}
