//! Two hosts on one wire: two network namespaces, a daemon with its files in each, and an eye on the wire.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Output, Stdio};

use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use socket2::{Domain, Protocol, Socket, Type};
use tempfile::TempDir;

/// Two hosts, joined by a wire.
pub struct Pair {
    pub a: Host,
    pub b: Host,
}

/// One host.
pub struct Host {
    name: &'static str,
    namespace: fs::File,
    directory: TempDir,
    daemon: Option<Child>,
    /// The `[[peer]]` table without its settings.
    peer: String,
}

/// Attempts to connect, of some seconds each, before a test gives up, which it does only when it fails.
const ATTEMPTS: usize = 20;

/// How the hardware addresses of the wire begin: frames of other devices have none, or zeros.
const WIRE: &str = "02:00:00:00:00";
const WIRE_OCTETS: [u8; 5] = [2, 0, 0, 0, 0];

impl Pair {
    /// Hosts with these addresses; says why and returns `None` where that cannot be.
    pub fn new(a: &str, b: &str) -> Option<Pair> {
        if !nix::unistd::geteuid().is_root() || fs::metadata("/dev/net/tun").is_err() {
            println!("skipped: network namespaces and TUN devices need root, and a kernel that has them");
            return None;
        }
        let pair = Pair { a: Host::new("a", ("b", b)), b: Host::new("b", ("a", a)) };
        let other = format!("/proc/{}/fd/{}", std::process::id(), pair.b.namespace.as_raw_fd());
        pair.a.ip(&format!(
            "link add wire0 address {WIRE}:0a type veth peer name wire0 address {WIRE}:0b netns {other}"
        ));
        for (host, address) in [(&pair.a, a), (&pair.b, b)] {
            let length = if address.contains(':') { "64 nodad" } else { "24" };
            host.ip(&format!("addr add {address}/{length} dev wire0"));
            host.ip("link set wire0 up");
            host.ip("link set lo up");
        }
        Some(pair)
    }

    /// Looks at the wire from now on.
    pub fn capture(&self) -> Wire {
        /// ETH_P_ALL in network byte order, as packet(7) wants it.
        const EVERYTHING: i32 = 0x0300;
        let open = || Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(EVERYTHING))).unwrap();
        let socket = self.b.inside(open);
        socket.set_nonblocking(true).unwrap();
        Wire { socket, frames: 0, secrets: 0 }
    }
}

impl Host {
    fn new(name: &'static str, (peer, address): (&str, &str)) -> Host {
        let namespace = std::thread::spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET).unwrap();
            fs::File::open("/proc/thread-self/ns/net").unwrap()
        });
        let namespace = namespace.join().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let peer = format!(
            "[[peer]]\nname = \"{peer}\"\naddress = \"{address}\"\nid = \"{peer}.test\"\npsk-file = \"psk\"\n\
             retransmit = \"200ms\"\nretransmissions = 3\n"
        );
        let host = Host { name, namespace, directory, daemon: None, peer };
        host.write("psk", "one key for both of us");
        host.configure("");
        host
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.directory.path().join(file);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// Writes the configuration, with these settings of the peer.
    pub fn configure(&self, settings: &str) {
        self.configure_all("userspace", settings);
    }

    /// Writes the configuration, with this data plane.
    pub fn configure_plane(&self, plane: &str) {
        self.configure_all(plane, "");
    }

    fn configure_all(&self, plane: &str, settings: &str) {
        let (name, peer) = (self.name, &self.peer);
        self.write(
            "node.toml",
            &format!(
                "[node]\nid = \"{name}.test\"\ncontrol = \"control.sock\"\ndataplane = \"{plane}\"\n{peer}{settings}"
            ),
        );
    }

    /// Does something on this host: what it opens belongs to the host's network.
    pub fn inside<T: Send>(&self, what: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let entered = scope.spawn(|| {
                setns(&self.namespace, CloneFlags::CLONE_NEWNET).unwrap();
                what()
            });
            entered.join().unwrap()
        })
    }

    /// Runs `ip`.
    pub fn ip(&self, arguments: &str) {
        let run = || Command::new("ip").args(arguments.split(' ')).output().unwrap();
        let output = self.inside(run);
        assert!(output.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Starts the daemon and waits until it is ready.
    pub fn start(&mut self) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ikev2d"));
        command.arg("--config").arg(self.directory.path().join("node.toml")).stderr(Stdio::piped());
        let mut child = self.inside(|| command.spawn().unwrap());
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        assert!(log.by_ref().inspect(|line| println!("{line}")).any(|line| line.contains("is ready")));
        // The log must be read, or the daemon would stop at a full pipe.
        std::thread::spawn(move || log.for_each(|line| println!("{line}")));
        self.daemon = Some(child);
    }

    /// Starts the daemon, which must refuse to run; returns what it says.
    pub fn start_in_vain(&self) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ikev2d"));
        command.arg("--config").arg(self.directory.path().join("node.toml"));
        let output = self.inside(|| command.output().unwrap());
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// Runs `ikectl`.
    pub fn ikectl(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ikectl"));
        command.arg("--socket").arg(self.directory.path().join("control.sock")).args(arguments);
        command.output().unwrap()
    }

    /// Waits until the peer is up.
    pub fn up(&self) {
        let peer = if self.name == "a" { "b" } else { "a" };
        // An attempt may be under way that began when the peer was not there; each call waits for one.
        let tried: Vec<Output> = (0..ATTEMPTS).map_while(|_| self.try_up(peer).err()).collect();
        let why = tried.last().map(|output| String::from_utf8_lossy(&output.stderr).into_owned());
        assert!(tried.len() < ATTEMPTS, "{why:?}");
    }

    fn try_up(&self, peer: &str) -> Result<(), Output> {
        let output = self.ikectl(&["up", peer]);
        if output.status.success() { Ok(()) } else { Err(output) }
    }

    /// The daemon's status.
    pub fn status(&self) -> Value {
        serde_json::from_slice(&self.ikectl(&["status", "--json"]).stdout).unwrap()
    }

    /// Ends the daemon without a chance to clean up.
    pub fn kill(&mut self) {
        self.signal(Signal::SIGKILL);
    }

    /// Stops the daemon; its exit status.
    pub fn stop(&mut self) -> Option<i32> {
        self.signal(Signal::SIGTERM)
    }

    fn signal(&mut self, signal: Signal) -> Option<i32> {
        let mut child = self.daemon.take()?;
        kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
        child.wait().unwrap().code()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.kill();
    }
}

/// All frames on the wire, in both directions.
pub struct Wire {
    socket: Socket,
    frames: usize,
    secrets: usize,
}

impl Wire {
    /// How many frames were seen so far, and how many of them had the secret in them.
    pub fn seen(&mut self, secret: &[u8]) -> (usize, usize) {
        let mut buffer = [0; 2048];
        while let Ok(length) = self.socket.read(&mut buffer) {
            let frame = &buffer[..length];
            if frame.len() < 12 || (frame[..5] != WIRE_OCTETS && frame[6..11] != WIRE_OCTETS) {
                continue;
            }
            self.frames += 1;
            self.secrets += usize::from(frame.windows(secret.len()).any(|window| window == secret));
        }
        (self.frames, self.secrets)
    }
}
