use super::*;

#[test]
fn a_time_stamp_is_the_one_next_to_the_time_expected() {
    let wrap = 1_i64 << 33;
    assert_eq!(unwrapped(5, 0), 5);
    assert_eq!(unwrapped(5, wrap - 3), wrap + 5);
    assert_eq!(unwrapped(wrap - 3, wrap + 5), wrap - 3);
    assert_eq!(unwrapped(wrap - 3, 5), -3);
}
