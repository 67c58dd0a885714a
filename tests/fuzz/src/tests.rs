//! Faults that are there are found.

use super::damage::{apply, damage};
use super::*;
use proptest::test_runner::{TestError, TestRunner};
use std::hint::black_box;

/// The smallest damaged input that makes `target` panic.
fn found(target: fn(&[u8])) -> Option<Vec<u8>> {
    let damaged = |changes: &[_]| {
        let mut bytes = b"name:stream size:0000".to_vec();
        apply(changes, &mut bytes, b"donor");
        bytes
    };
    let config = Config { cases: 10_000, rng_seed: RngSeed::Fixed(1), ..config() };
    let run = TestRunner::new(config).run(&damage(4), |changes| {
        measured(|| target(&damaged(&changes)));
        Ok(())
    });
    match run {
        Err(TestError::Fail(_, changes)) => Some(damaged(&changes)),
        other => {
            other.unwrap();
            None
        }
    }
}

#[test]
fn a_target_that_panics_on_a_magic_value_is_found_and_its_input_made_small() {
    let bytes = found(|bytes| assert_ne!(bytes.get(5), Some(&0xFF))).unwrap();
    assert_eq!((bytes[5], bytes.len()), (0xFF, 21));
    assert_eq!(found(|bytes| assert!(bytes.len() < 2000)), None);
}

#[test]
fn what_an_input_holds_and_takes_is_noticed() {
    let (length, peak) = measured(|| black_box(vec![0_u8; 1 << 20]).len());
    assert!((length..2 * length).contains(&peak), "{peak} bytes");
    let end = processor_time() + Duration::from_millis(20);
    let busy = || while processor_time() < end {};
    assert!(catch_unwind(|| within(Duration::from_millis(10), busy)).is_err());
    within(SLOW, || ());
}
