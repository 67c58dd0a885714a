//! The places in a clip that instants of its recordings have.

use export_media::time::Nanos;

/// Instants on the clock of the pictures, and the first picture from each on.
#[derive(Debug, Clone, Default)]
pub(crate) struct ClipMarks {
    /// In order.
    instants: Vec<Nanos>,
    /// The place of the first picture between an instant and the next one.
    places: Vec<Option<Nanos>>,
}

impl ClipMarks {
    /// Of instants in their order.
    pub(crate) fn new(instants: Vec<Nanos>) -> Self {
        let places = vec![None; instants.len()];
        Self { instants, places }
    }

    /// The picture of the instant `pts` stands at `place` in the clip.
    pub(crate) fn show(&mut self, pts: Nanos, place: Nanos) {
        let behind = self.instants.partition_point(|instant| *instant <= pts);
        if let Some(known) = behind.checked_sub(1).and_then(|at| self.places.get_mut(at)) {
            *known = Some(known.map_or(place, |known| known.min(place)));
        }
    }

    /// The place of the first picture from each instant on and before the next one; `None` if there is none.
    pub(crate) fn places(&self) -> Vec<Option<Nanos>> {
        self.places.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_stands_where_its_first_picture_does_whatever_the_order_of_the_pictures() {
        let ms = Nanos::from_millis;
        let mut marks = ClipMarks::new(vec![ms(100), ms(200), ms(300)]);
        for (pts, place) in [(60, 0), (120, 60), (100, 40), (320, 120), (310, 110)] {
            marks.show(ms(pts), ms(place));
        }
        assert_eq!(marks.places(), [Some(ms(40)), None, Some(ms(110))]);
    }
}
