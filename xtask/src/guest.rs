//! The guest's image: made once by `tests/lab/build-guest`, then shared by every clone on this machine.

use crate::process::{Result, at, root, run};
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;

/// A built guest's folder.
pub struct Guest {
    folder: PathBuf,
}

impl Guest {
    /// The guest of this recipe, from the cache or newly built.
    pub fn ready() -> Result<Self> {
        let script = root().join("tests/lab/build-guest");
        let recipe = fs::read(&script).map_err(at(&script))?;
        let cache = cache()?;
        fs::create_dir_all(&cache).map_err(at(&cache))?;
        // Two runs at once: the second waits and then finds the guest.
        let lock = cache.join("lock");
        let held = File::create(&lock).map_err(at(&lock))?;
        held.lock().map_err(at(&lock))?;
        let folder = cache.join(format!("guest-{:016x}", fnv1a(&recipe)));
        if !folder.join("manifest").exists() {
            eprintln!("xtask: building the guest in {} (once; about 140 MB of packages)", folder.display());
            let partial = cache.join("guest.partial");
            run(Command::new("bash").arg(&script).arg(&partial).arg(cache.join("packages")))
                .map_err(|why| format!("the guest could not be built: {why}"))?;
            fs::rename(&partial, &folder).map_err(at(&folder))?;
        }
        Ok(Self { folder })
    }

    /// The kernel, as the ELF file that QEMU starts.
    pub fn kernel(&self) -> PathBuf {
        self.folder.join("vmlinux")
    }

    /// The program that starts the guest's own QEMU.
    pub fn emulator(&self) -> PathBuf {
        self.folder.join("qemu/start")
    }

    /// Where it is remembered whether KVM works on this machine.
    pub fn kvm_answer(&self) -> PathBuf {
        self.folder.join("kvm")
    }

    /// The root image, never written to.
    pub fn root_image(&self) -> PathBuf {
        self.folder.join("root.ext4")
    }

    /// The folder with the initramfs's program and modules.
    pub fn initrd(&self) -> PathBuf {
        self.folder.join("initrd")
    }
}

/// Where guests and their packages are kept.
fn cache() -> Result<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("IKEV2D_LAB_DIR")
        .or_else(|| set("XDG_CACHE_HOME").map(|base| base.join("ikev2d-lab")))
        .or_else(|| set("HOME").map(|home| home.join(".cache/ikev2d-lab")))
        .map(|path| std::path::absolute(&path).unwrap_or(path))
        .ok_or_else(|| {
            "neither IKEV2D_LAB_DIR, XDG_CACHE_HOME nor HOME is set: nowhere to keep the guest".into()
        })
}

/// FNV-1a, 64 bits: the same key on every machine and with every compiler, which `std`'s hasher does not promise.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_key_is_fnv_1a() {
        assert_eq!(super::fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }
}
