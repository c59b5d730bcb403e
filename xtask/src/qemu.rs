//! The QEMU command line: a machine with the guest's disk and two ports for what it tells.

use crate::guest::Guest;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

/// What differs between runs.
pub struct Machine<'a> {
    /// Seconds until the guest is killed.
    pub timeout: u32,
    /// MiB.
    pub memory: u32,
    /// Has the `initrd`, and the sockets `live` and `result` that somebody listens on.
    pub work: &'a Path,
    /// Where `console.log` goes.
    pub out: &'a Path,
}

/// Quiet and deterministic; self-tests and mitigations cost seconds in an emulated guest.
const KERNEL_ARGUMENTS: &str = "console=ttyS0 panic=-1 oops=panic quiet loglevel=4 cryptomgr.notests=1 mitigations=off \
    nokaslr random.trust_cpu=on no_timer_check audit=0 initcall_blacklist=jent_mod_init,i8042_init";

/// The guest's CPU under KVM.
const KVM: &[&str] = &["-accel", "kvm", "-cpu", "host"];
/// The guest's CPU without KVM; la57=off makes page walks shorter.
const EMULATED: &[&str] = &["-accel", "tcg,thread=multi", "-cpu", "max,la57=off"];
/// The clock of an emulated guest. On a busy host the kernel misjudges the TSC's rate, and the guest's time then runs fast:
/// every timeout in it comes early.
const EMULATED_CLOCK: &str = "clocksource=hpet";
/// A machine with nothing in it.
const MACHINE: &[&str] =
    &["-M", "q35", "-nodefaults", "-no-user-config", "-nic", "none", "-no-reboot", "-display", "none"];
/// A kernel under a working KVM reaches its panic in one second.
const KVM_PROBE_SECONDS: &str = "10";

/// The command that runs the guest to its end; exit status 124 or 137: killed because the time was up.
pub fn command(guest: &Guest, machine: &Machine) -> Command {
    let Machine { timeout, memory, work, out } = machine;
    let mut command = Command::new("timeout");
    command.args(["--foreground", "-k", "5", &timeout.to_string()]).arg(guest.emulator());
    let accelerator = accelerator(guest);
    command.args(accelerator).args(MACHINE);
    command.args(["-smp", "2", "-m", &memory.to_string()]);
    command.arg("-kernel").arg(guest.kernel()).arg("-initrd").arg(work.join("initrd"));
    let clock = if accelerator == KVM { "" } else { EMULATED_CLOCK };
    command.args(["-append", &format!("{KERNEL_ARGUMENTS} {clock}")]);
    command.args(["-chardev", &format!("file,id=console,path={}", out.join("console.log").display())]);
    command.args(["-serial", "chardev:console"]);
    let drive = format!("file={},if=none,id=root,format=raw,readonly=on", guest.root_image().display());
    command.args(["-drive", &drive, "-device", "virtio-blk-pci,drive=root"]);
    command.args(["-object", "rng-random,id=rng,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=rng"]);
    command.args(["-device", "virtio-serial-pci"]);
    for name in ["live", "result"] {
        command.args(["-chardev", &format!("socket,id={name},path={}", work.join(name).display())]);
        command.args(["-device", &format!("virtserialport,chardev={name},name={name}")]);
    }
    command.stdin(Stdio::null());
    command
}

/// QEMU's arguments for KVM if this machine has it in working order, else for emulation.
fn accelerator(guest: &Guest) -> &'static [&'static str] {
    let wanted = std::env::var("IKEV2D_LAB_ACCEL").unwrap_or_default();
    if wanted == "kvm" || (wanted.is_empty() && kvm_works(guest)) { KVM } else { EMULATED }
}

/// Whether a guest kernel starts under KVM here: /dev/kvm may be there and open, and still hang (nested machines). Found
/// out once per machine: the kernel alone, with no root to go to, panics and so reboots, which ends QEMU.
fn kvm_works(guest: &Guest) -> bool {
    if File::options().read(true).write(true).open("/dev/kvm").is_err() {
        return false;
    }
    let answer = guest.kvm_answer();
    if let Ok(known) = fs::read_to_string(&answer) {
        return known == "yes";
    }
    let mut command = Command::new("timeout");
    command.args(["-s", "KILL", KVM_PROBE_SECONDS]).arg(guest.emulator()).args(KVM).args(MACHINE);
    command.arg("-kernel").arg(guest.kernel()).args(["-append", "panic=-1", "-m", "512"]);
    command.stdin(Stdio::null()).stderr(Stdio::null());
    let works = command.status().is_ok_and(|status| status.success());
    // Not being able to remember costs the next run the same probe, no more.
    let _ = fs::write(&answer, if works { "yes" } else { "no" });
    works
}
