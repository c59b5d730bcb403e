//! CPU time of one whole handshake, both ends in one process, beside that of its cryptography alone.
//!
//! PSK, X25519, AES-GCM; from the command to connect until both ends have an IKE SA and a Child SA. The two are
//! measured in turns, so that whatever slows the machine down slows down both.
#![allow(clippy::print_stdout, reason = "a bench's output is its product")]

use std::process::ExitCode;

use ikev2d_benches::cpu::{Quartiles, time};
use ikev2d_benches::floor::Floor;
use ikev2d_benches::pair::Pair;

/// Measured handshakes, unless an argument says otherwise.
const ROUNDS: usize = 3000;

/// Handshakes before the measuring, for caches and branch predictors.
const WARM_UP: usize = 200;

/// The most that a handshake may cost, in times the cost of its cryptography.
const BAR: f64 = 1.5;

fn main() -> ExitCode {
    let argument = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let Ok(rounds) = argument.map_or(Ok(ROUNDS), |argument| argument.parse()) else {
        eprintln!("usage: handshake [ROUNDS]");
        return ExitCode::FAILURE;
    };
    let floor = Floor::of(&Pair::new().connect());
    let mut samples = [Vec::with_capacity(rounds), Vec::with_capacity(rounds)];
    for round in 0..WARM_UP.min(rounds).saturating_add(rounds.max(1)) {
        let mut pair = Pair::new();
        let both = [time(|| drop(pair.connect())), time(|| floor.run())];
        pair.assert_connected();
        if round >= WARM_UP.min(rounds) {
            samples.iter_mut().zip(both).for_each(|(samples, time)| samples.push(time));
        }
    }
    let [handshake, floor] = samples.map(Quartiles::of);
    println!("CPU time, both ends, {rounds} times      median     quartiles");
    for (name, took) in [("handshake", &handshake), ("its cryptography alone", &floor)] {
        let [lower, median, upper] =
            [took.lower, took.median, took.upper].map(|time| time.as_secs_f64() * 1e6);
        println!("{name:<34} {median:7.1} us  {lower:.1} to {upper:.1} us");
    }
    let ratio = handshake.median.as_secs_f64() / floor.median.as_secs_f64();
    println!("ratio {ratio:.2}; the bar is at most {BAR}: {}", if ratio <= BAR { "met" } else { "missed" });
    ExitCode::SUCCESS
}
