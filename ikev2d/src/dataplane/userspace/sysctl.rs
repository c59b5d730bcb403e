//! Settings of the host that matter here: read, but for those of our own device.

use super::tun;

/// Keeps the kernel from speaking IPv6 on the device by itself; where it does, that is only counted as dropped.
pub(super) fn quieten() {
    let setting = format!("/proc/sys/net/ipv6/conf/{}/addr_gen_mode", tun::NAME);
    let _ = std::fs::write(setting, "1");
}

/// Devices that drop what comes from where the way back does not lead.
pub(super) fn strict_devices() -> Vec<String> {
    const DIRECTORY: &str = "/proc/sys/net/ipv4/conf";
    let mode = |device: &str| {
        let text = std::fs::read_to_string(format!("{DIRECTORY}/{device}/rp_filter")).ok()?;
        text.trim().parse::<u8>().ok()
    };
    let all = mode("all").unwrap_or(0);
    let strict = |device: &String| {
        let special = ["all", "default", "lo", tun::NAME].contains(&device.as_str());
        !special && mode(device).is_some_and(|mode| mode.max(all) == 1)
    };
    let entries = std::fs::read_dir(DIRECTORY).into_iter().flatten().flatten();
    let mut devices: Vec<String> =
        entries.filter_map(|entry| entry.file_name().into_string().ok()).filter(strict).collect();
    devices.sort();
    devices
}
