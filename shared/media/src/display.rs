//! The display of pictures, as the container says: pixel shape, colours, field order, orientation.

/// Code points of ISO/IEC 23091-2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Colour {
    /// `colour_primaries`.
    pub primaries: u8,
    /// `transfer_characteristics`.
    pub transfer: u8,
    /// `matrix_coeffs`.
    pub matrix: u8,
}

/// The look of a sample entry's pictures (ISO/IEC 14496-12, 12.1.4 and 12.1.5; the `fiel` box of `QuickTime`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Look {
    /// `pasp`: width to height of a pixel.
    pub aspect_ratio: Option<(u16, u16)>,
    /// `colr` with code points.
    pub colour: Option<Colour>,
    /// The range of `colr`, if it says one.
    pub full_range: Option<bool>,
    /// `fiel`: whether the bottom field of a picture is shown first.
    pub bottom_first: Option<bool>,
}

/// A ratio in lowest terms that fits into 16 bits; `None` if it has none, or a side is zero.
pub(crate) fn ratio(width: u32, height: u32) -> Option<(u16, u16)> {
    let (mut a, mut b) = (width, height);
    while b > 0 {
        (a, b) = (b, a % b);
    }
    let side = |value: u32| u16::try_from(value.checked_div(a)?).ok().filter(|side| *side > 0);
    Some((side(width)?, side(height)?))
}

/// A track's matrix (ISO/IEC 14496-12, 8.3.2): `a b u c d v x y w`, 16.16 and, for `u v w`, 2.30 fixed point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Matrix(pub [i32; 9]);

impl Default for Matrix {
    fn default() -> Self {
        Self([0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000])
    }
}

impl Matrix {
    /// Shown by this one first, and by `then` after it.
    #[must_use]
    pub fn then(&self, then: &Self) -> Self {
        if *then == Self::default() {
            return *self;
        }
        let value = |row: usize, column: usize| {
            let product = |n: usize| {
                let shift = if n == 2 { 30 } else { 16 };
                let (left, right) = (self.0.get(row * 3 + n), then.0.get(n * 3 + column));
                let (left, right) = (left.copied().unwrap_or(0), right.copied().unwrap_or(0));
                (i64::from(left) * i64::from(right)) >> shift
            };
            let sum = product(0) + product(1) + product(2);
            i32::try_from(sum).unwrap_or(if sum < 0 { i32::MIN } else { i32::MAX })
        };
        Self(std::array::from_fn(|at| value(at / 3, at % 3)))
    }

    /// The turn by which it turns pictures; as they are for a matrix that turns by anything but quarters.
    pub fn turn(&self) -> Turn {
        let [a, b, _, c, d, ..] = self.0.map(i64::from);
        let least = [a, b, c, d].map(i64::abs).into_iter().max().unwrap_or(0) / 64;
        let sign = |value: i64| if value.abs() <= least { 0 } else { value.signum() };
        let (right, down) = ((sign(a), sign(b)), (sign(c), sign(d)));
        // Where the right-hand side goes, after the mirror if there is one.
        let mirrored = right.0 * down.1 - right.1 * down.0 < 0;
        let right = if mirrored { (-right.0, -right.1) } else { right };
        let quarters = match (right, down) {
            ((1, 0), (0, 1 | -1)) => 0,
            ((0, 1), (-1 | 1, 0)) => 1,
            ((-1, 0), (0, -1 | 1)) => 2,
            ((0, -1), (1 | -1, 0)) => 3,
            _ => return Turn::default(),
        };
        Turn { mirrored, quarters }
    }
}

/// An orientation: mirrored left to right first, then turned clockwise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Turn {
    /// Left and right are swapped.
    pub mirrored: bool,
    /// Quarters of a turn, 0 to 3, clockwise.
    pub quarters: u8,
}

impl Turn {
    /// Returns `true` if pictures are shown as they are.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// By what pictures that are to be shown turned so are turned first, if they are then shown turned as `shown`.
    #[must_use]
    pub fn seen_as(self, shown: Self) -> Self {
        let (more, less) = if shown.mirrored { (shown, self) } else { (self, shown) };
        Self {
            mirrored: self.mirrored != shown.mirrored,
            quarters: (more.quarters % 4 + 4 - less.quarters % 4) % 4,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: i32 = 0x1_0000;

    fn matrix(a: i32, b: i32, c: i32, d: i32) -> Matrix {
        Matrix([a, b, 0, c, d, 0, 0, 0, 0x4000_0000])
    }

    #[test]
    fn quarters_and_mirrors_are_told_from_the_matrix() {
        let turn = |mirrored, quarters| Turn { mirrored, quarters };
        assert_eq!(Matrix::default().turn(), turn(false, 0));
        // A phone held upright: the right-hand side is shown below.
        assert_eq!(matrix(0, ONE, -ONE, 0).turn(), turn(false, 1));
        assert_eq!(matrix(-ONE, 0, 0, -ONE).turn(), turn(false, 2));
        assert_eq!(matrix(0, -ONE, ONE, 0).turn(), turn(false, 3));
        assert_eq!(matrix(-ONE, 0, 0, ONE).turn(), turn(true, 0));
        assert_eq!(matrix(0, -ONE, -ONE, 0).turn(), turn(true, 1));
        assert_eq!(matrix(ONE, 0, 0, -ONE).turn(), turn(true, 2));
        assert_eq!(matrix(0, ONE, ONE, 0).turn(), turn(true, 3));
        // By half of a quarter, and nothing at all.
        assert_eq!(matrix(ONE, ONE, -ONE, ONE).turn(), turn(false, 0));
        assert_eq!(Matrix([0; 9]).turn(), turn(false, 0));
        assert_eq!(Matrix([i32::MIN; 9]).turn(), turn(false, 0));
    }

    #[test]
    fn a_turn_within_another_is_shown_as_by_itself() {
        let turns: Vec<Turn> = [false, true]
            .into_iter()
            .flat_map(|mirrored| (0..4).map(move |quarters| Turn { mirrored, quarters }))
            .collect();
        // Where the corners of a picture go: mirrored, then turned.
        let shown = |turn: Turn, corners: [u8; 4]| {
            let [a, b, c, d] = corners;
            let mut corners = if turn.mirrored { [b, a, d, c] } else { corners };
            corners.rotate_right(usize::from(turn.quarters));
            corners
        };
        for own in &turns {
            for clip in &turns {
                let first = shown(own.seen_as(*clip), [0, 1, 2, 3]);
                assert_eq!(shown(*clip, first), shown(*own, [0, 1, 2, 3]), "{own:?} within {clip:?}");
            }
        }
    }

    #[test]
    fn two_matrices_are_one_after_the_other() {
        let quarter = matrix(0, ONE, -ONE, 0);
        assert_eq!(quarter.then(&Matrix::default()), quarter);
        assert_eq!(Matrix::default().then(&quarter).turn(), quarter.turn());
        assert_eq!(quarter.then(&quarter).turn(), Turn { mirrored: false, quarters: 2 });
        assert_eq!(Matrix([i32::MIN; 9]).then(&quarter).0.len(), 9);
    }

    #[test]
    fn ratios_are_in_lowest_terms() {
        assert_eq!(ratio(4, 3), Some((4, 3)));
        assert_eq!(ratio(1_000_000, 750_000), Some((4, 3)));
        assert_eq!([ratio(0, 1), ratio(1, 0), ratio(0, 0), ratio(70_001, 1)], [None; 4]);
    }
}
