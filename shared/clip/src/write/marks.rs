//! The places in a clip that instants of its recordings have.

use export_media::mux::Chapter;
use export_media::time::Nanos;

/// Instants on the clock of the pictures, and the first picture from each on.
#[derive(Debug, Clone, Default)]
pub(crate) struct ClipMarks {
    /// In order.
    instants: Vec<Nanos>,
    /// The place of the first picture between an instant and the next one.
    places: Vec<Option<Nanos>>,
    /// The titles of the chapters that begin there.
    titles: Vec<Option<String>>,
}

impl ClipMarks {
    /// Of instants in their order, each with the title of the chapter that begins there.
    pub(crate) fn new(marks: Vec<(Nanos, Option<String>)>) -> Self {
        let places = vec![None; marks.len()];
        let (instants, titles) = marks.into_iter().unzip();
        Self { instants, places, titles }
    }

    /// The chapters of a clip of several marks: those with a title.
    pub(crate) fn chapters(&self) -> Vec<Chapter> {
        if self.instants.len() < 2 {
            return Vec::new();
        }
        let marks = self.places.iter().zip(&self.titles);
        marks.filter_map(|(start, title)| Some(Chapter { start: (*start)?, title: title.clone()? })).collect()
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
        let named = |at, name: &str| (ms(at), Some(name.to_owned()));
        let mut marks = ClipMarks::new(vec![named(100, "a"), named(200, "b"), named(300, "c")]);
        for (pts, place) in [(60, 0), (120, 60), (100, 40), (320, 120), (310, 110)] {
            marks.show(ms(pts), ms(place));
        }
        assert_eq!(marks.places(), [Some(ms(40)), None, Some(ms(110))]);
        let chapter = |at, title: &str| Chapter { start: ms(at), title: title.to_owned() };
        assert_eq!(marks.chapters(), [chapter(40, "a"), chapter(110, "c")]);
        assert_eq!(ClipMarks::new(vec![named(0, "alone")]).chapters(), [], "a clip has no chapters");
    }
}
