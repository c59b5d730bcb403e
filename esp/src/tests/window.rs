//! The replay window and the unsent half of a number, against models that remember everything.

use std::collections::BTreeSet;

use proptest::prelude::*;

use crate::replay::{Refused, Replay};
use crate::sa::halves;
use crate::{Esn, WindowSize};

/// The half that is sent.
fn low(number: u64) -> u32 {
    halves(number).1
}

/// All that was ever received.
struct Model {
    size: u64,
    seen: BTreeSet<u64>,
}

impl Model {
    fn at(size: u32, top: u64) -> Model {
        Model { size: u64::from(size), seen: BTreeSet::from([top]) }
    }

    fn top(&self) -> u64 {
        *self.seen.last().unwrap()
    }

    fn check(&self, number: u64) -> Result<(), Refused> {
        if number <= self.top() && self.top() - number >= self.size {
            Err(Refused::TooOld)
        } else if self.seen.contains(&number) {
            Err(Refused::Replayed)
        } else {
            Ok(())
        }
    }
}

/// A step in units near the window, far from it, or over a multiple of 2^32.
fn steps() -> impl Strategy<Value = i64> {
    prop_oneof![
        -3i64..4,
        -80i64..81,
        -5000i64..5001,
        Just(4096i64),
        Just(-4095),
        Just(-4096),
        0i64..(1 << 33)
    ]
}

fn sizes() -> impl Strategy<Value = u32> {
    prop_oneof![32u32..200, Just(64u32), Just(4096), 4090u32..4200, Just(WindowSize::MAX)]
}

/// Where a window may stand: at the start, near the wrap of the lower half, anywhere, at the end.
fn tops() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(0u64),
        0u64..10_000,
        (0u64..4, -5000i64..5001).prop_map(|(high, low)| ((high + 1) << 32).wrapping_add_signed(low)),
        any::<u64>(),
        Just(u64::MAX - 3),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_window_agrees_with_a_set_of_all_numbers(
        size in sizes(),
        top in tops(),
        steps in prop::collection::vec((steps(), any::<bool>()), 0..200),
    ) {
        let mut window = Replay::at(WindowSize::new(size).unwrap(), top);
        let mut model = Model::at(size, top);
        for (step, authentic) in steps {
            let number = model.top().saturating_add_signed(step);
            prop_assert_eq!(window.check(number), model.check(number), "{} at {}", number, model.top());
            // What is not authentic must leave no trace.
            if authentic && model.check(number).is_ok() {
                window.accept(number);
                model.seen.insert(number);
                prop_assert_eq!(window.check(number), Err(Refused::Replayed));
            }
        }
    }

    #[test]
    fn every_number_near_the_window_is_told_from_its_lower_half(
        size in sizes(),
        top in tops(),
        step in prop_oneof![0u64..3, 0u64..1 << 32, (1u64 << 32) - 3..1 << 32],
    ) {
        let window = Replay::at(WindowSize::new(size).unwrap(), top);
        // What can be told: 2^32 numbers from the window's lower end.
        let Some(bottom) = top.checked_sub(u64::from(size) - 1) else { return Ok(()) };
        let Some(number) = bottom.checked_add(step) else { return Ok(()) };
        prop_assert_eq!(window.number(Esn::Yes, low(number)), Some(number));
    }

    #[test]
    fn the_number_found_is_the_only_one_in_reach(size in sizes(), top in tops(), low in any::<u32>()) {
        let window = Replay::at(WindowSize::new(size).unwrap(), top);
        let bottom = i128::from(top) - i128::from(size) + 1;
        let all = (i128::from(top >> 32) - 2..=i128::from(top >> 32) + 2).map(|high| (high << 32) + i128::from(low));
        let mut in_reach = all.filter(|number| *number >= bottom && *number < bottom + (1 << 32));
        let expected = in_reach.next().and_then(|number| u64::try_from(number).ok());
        prop_assert_eq!(in_reach.next(), None);
        prop_assert_eq!(window.number(Esn::Yes, low), expected);
        prop_assert_eq!(window.number(Esn::No, low), Some(u64::from(low)));
    }
}

/// A plain counter on the sender's side, in order but for losses and swaps, from before the wrap to after it.
#[test]
fn a_flow_over_the_wrap_keeps_its_numbers() {
    const WRAP: u64 = 1 << 32;
    let mut window = Replay::at(WindowSize::DEFAULT, WRAP - 10_001);
    for base in (WRAP - 10_000..WRAP + 10_000).step_by(2) {
        for number in [base + 1, base] {
            assert_eq!(window.number(Esn::Yes, low(number)), Some(number));
            assert_eq!(window.check(number), Ok(()));
            if number % 7 != 0 {
                window.accept(number);
            }
        }
    }
    for number in WRAP + 9_999 - 4095..WRAP + 9_999 {
        assert_eq!(window.number(Esn::Yes, low(number)), Some(number));
        assert_eq!(window.check(number).is_ok(), number % 7 == 0, "{number}");
    }
}

#[test]
fn the_first_number_is_one_and_zero_is_never_received() {
    let window = Replay::new(WindowSize::DEFAULT);
    assert_eq!(window.check(0), Err(Refused::Replayed));
    assert_eq!(window.check(1), Ok(()));
    assert_eq!(window.number(Esn::Yes, u32::MAX), None, "before the SA's first number");
}

#[test]
fn sizes_out_of_bounds_are_refused() {
    let allowed = [31, 32, 4096, 1 << 20, (1 << 20) + 1].map(|packets| WindowSize::new(packets).is_some());
    assert_eq!(allowed, [false, true, true, true, false]);
    assert_eq!(WindowSize::DEFAULT.get(), 4096);
}
