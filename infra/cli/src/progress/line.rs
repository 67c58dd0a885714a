//! The text of the line of progress.

use crate::world;
use export_domain::time::EpochMs;
use std::time::{Duration, Instant};

/// Signs that turn, a tenth of a second each.
const SPINNER: [char; 10] = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
/// Columns of the bar.
const BAR: usize = 16;

/// One piece of work that is under way.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ProgressItem {
    /// Its name.
    pub label: String,
    /// The step that it is at.
    pub step: String,
    /// The part that is done; `None` before anything moves.
    pub percent: Option<i64>,
    /// Numbers behind the bar.
    pub numbers: String,
    /// It waits until then.
    pub until: Option<EpochMs>,
    /// The time that is left, by its pace.
    pub left: Option<Duration>,
    /// It has ended.
    pub is_over: bool,
}

/// The line for `items`, of at most `columns` characters.
pub fn line(items: &[ProgressItem], frame: usize, columns: usize, now: EpochMs) -> String {
    let text = match items {
        [] => String::new(),
        [item] => one(item, frame, now),
        many => summary(many, frame),
    };
    text.chars().take(columns.saturating_sub(1)).collect()
}

fn one(item: &ProgressItem, frame: usize, now: EpochMs) -> String {
    let mut parts = vec![item.label.clone(), format!("{} {}", spinner(frame), item.step)];
    let waits = item.until.map(|until| (until - now).to_secs_ceil());
    parts.extend(waits.map(|seconds| format!("again in {seconds} s")));
    parts.extend(item.percent.map(|percent| format!("{percent:3} %  {}", bar(percent))));
    parts.extend(Some(item.numbers.clone()).filter(|numbers| !numbers.is_empty()));
    parts.extend(item.left.map(|left| format!("eta {} s", left.as_secs().max(1))));
    parts.join("  ")
}

fn summary(items: &[ProgressItem], frame: usize) -> String {
    let over = items.iter().filter(|item| item.is_over).count();
    let done = |item: &ProgressItem| if item.is_over { 100 } else { item.percent.unwrap_or(0) };
    let percent: i64 = items.iter().map(done).sum();
    let percent = percent / i64::try_from(items.len()).unwrap_or(1).max(1);
    let head = format!("{} {over} of {} done", spinner(frame), items.len());
    let mut parts = vec![head, format!("{percent:3} %  {}", bar(percent))];
    let moving = items.iter().filter(|item| !item.is_over);
    let moving = moving.filter_map(|item| Some(format!("{} {} {} %", item.label, item.step, item.percent?)));
    parts.extend(moving.take(2));
    parts.join("  ")
}

fn spinner(frame: usize) -> char {
    SPINNER.get(frame % SPINNER.len()).copied().unwrap_or(' ')
}

fn bar(percent: i64) -> String {
    let full = usize::try_from(percent.clamp(0, 100)).unwrap_or(0) * BAR / 100;
    format!("▕{}{}▏", "█".repeat(full), " ".repeat(BAR - full))
}

/// The pace of something that moves from 0 to 100, by its last steps.
#[derive(Debug, Clone, Default)]
pub struct ProgressPace {
    last: Option<(i64, Instant)>,
    per_second: Option<f64>,
}

impl ProgressPace {
    /// Notes how far it is, and gives the time that is left once it has moved.
    pub fn at(&mut self, percent: i64) -> Option<Duration> {
        self.step(percent, world::ticks())
    }

    fn step(&mut self, percent: i64, now: Instant) -> Option<Duration> {
        let seconds = |from: Instant| now.saturating_duration_since(from).as_secs_f64();
        match self.last {
            Some((before, at)) if percent > before && seconds(at) > 0.0 => {
                let step = i32::try_from(percent - before).unwrap_or(100);
                let latest = f64::from(step) / seconds(at);
                // The mean of about three steps.
                self.per_second = Some(self.per_second.map_or(latest, |mean| mean * 0.5 + latest * 0.5));
                self.last = Some((percent, now));
            }
            None => self.last = Some((percent, now)),
            _ => {}
        }
        let left = f64::from(i32::try_from(100 - percent).unwrap_or(0));
        self.per_second
            .filter(|pace| *pace > 0.0)
            .map(|pace| Duration::from_secs_f64((left / pace).min(86_400.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(label: &str, percent: Option<i64>) -> ProgressItem {
        let step = "encoding".to_owned();
        ProgressItem { label: label.to_owned(), step, percent, ..ProgressItem::default() }
    }

    #[test]
    fn a_line_fits_the_terminal() {
        let mut one = item("goal-1.mp4", Some(41));
        (one.numbers, one.left) = ("00:03.6/00:09.0".to_owned(), Some(Duration::from_secs(4)));
        let now = EpochMs::new(0);
        assert_eq!(
            line(std::slice::from_ref(&one), 2, 200, now),
            "goal-1.mp4  ⠹ encoding   41 %  ▕██████          ▏  00:03.6/00:09.0  eta 4 s"
        );
        assert_eq!(line(&[one], 2, 40, now).chars().count(), 39);
        let waiting =
            ProgressItem { until: Some(EpochMs::new(12_000)), step: "waiting".to_owned(), ..item("a", None) };
        assert_eq!(line(&[waiting], 0, 80, now), "a  ⠋ waiting  again in 12 s");
        assert_eq!(line(&[], 0, 80, now), "");
    }

    #[test]
    fn many_are_counted() {
        let over = ProgressItem { is_over: true, ..item("a", Some(100)) };
        let text = line(&[over, item("b", Some(50)), item("c", None)], 0, 200, EpochMs::new(0));
        assert_eq!(text, "⠋ 1 of 3 done   50 %  ▕████████        ▏  b encoding 50 %");
    }

    #[test]
    fn a_pace_is_known_once_something_moves() {
        let (mut pace, start) = (ProgressPace::default(), world::ticks());
        assert_eq!(pace.step(0, start), None);
        assert_eq!(pace.step(0, start + Duration::from_secs(5)), None);
        assert_eq!(pace.step(50, start + Duration::from_secs(10)), Some(Duration::from_secs(10)));
        assert_eq!(pace.step(75, start + Duration::from_secs(15)), Some(Duration::from_secs(5)));
    }
}
