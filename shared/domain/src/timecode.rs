//! Frame rates and the labels of frames (SMPTE 12M).

use crate::time::Millis;
use std::fmt::Write as _;

/// The number of frames in a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// The value of the parameter `fps`.
    pub name: &'static str,
    /// Frames in `den` seconds.
    pub num: u32,
    /// Seconds that have `num` frames.
    pub den: u32,
    /// Frames that a second of labels has.
    nominal: u32,
}

const fn rate(name: &'static str, num: u32, den: u32, nominal: u32) -> Rate {
    Rate { name, num, den, nominal }
}

impl Rate {
    /// Every rate there is.
    pub const ALL: [Self; 10] = [
        rate("23.976", 24_000, 1_001, 24),
        rate("24", 24, 1, 24),
        rate("25", 25, 1, 25),
        rate("29.97", 30_000, 1_001, 30),
        rate("30", 30, 1, 30),
        rate("47.952", 48_000, 1_001, 48),
        rate("48", 48, 1, 48),
        rate("50", 50, 1, 50),
        rate("59.94", 60_000, 1_001, 60),
        rate("60", 60, 1, 60),
    ];

    /// A frame for each millisecond.
    pub const MILLIS: Self = rate("1000", 1_000, 1, 1_000);

    /// The rate called `name`.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rate| rate.name == name)
    }

    /// Reads a name, with zeros behind the point or without, or a fraction such as `30000/1001`.
    pub fn read(text: &str) -> Option<Self> {
        if let Some((num, den)) = text.split_once('/') {
            let (num, den) = (num.parse::<u32>().ok()?, den.parse::<u32>().ok()?);
            let is_same =
                |rate: &Self| u64::from(rate.num) * u64::from(den) == u64::from(num) * u64::from(rate.den);
            return Self::ALL.into_iter().filter(|_| den > 0).find(is_same);
        }
        let whole = |text: &str| text.trim_end_matches('0').trim_end_matches('.').to_owned();
        Self::named(&if text.contains('.') { whole(text) } else { text.to_owned() })
    }

    /// The time at which `frame` begins, rounded down.
    pub fn start(self, frame: i64) -> Millis {
        let ms = (i128::from(frame) * 1_000 * i128::from(self.den)).div_euclid(i128::from(self.num));
        i64::try_from(ms).map_or(Millis::MAX, Millis::new)
    }

    /// The first frame that begins at or after `time`, where times are rounded down to milliseconds.
    pub fn frame_at(self, time: Millis) -> i64 {
        let (num, den) = (i128::from(self.num), i128::from(self.den) * 1_000);
        i64::try_from(-(-i128::from(time.get()) * num).div_euclid(den)).unwrap_or(i64::MAX)
    }

    /// Returns `true` if labels may be dropped to keep up with the clock.
    pub fn drops(self) -> bool {
        matches!(self.name, "29.97" | "59.94")
    }
}

/// A label of a frame as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label {
    hours: u8,
    minutes: u8,
    seconds: u8,
    frames: u8,
    /// `true` if a `;` stands before the frames.
    is_drop: bool,
}

impl Label {
    /// The label of `hours` o'clock.
    pub const fn at(hours: u8) -> Self {
        Self { hours, minutes: 0, seconds: 0, frames: 0, is_drop: false }
    }

    /// Reads `HH:MM:SS:FF` or `HH:MM:SS;FF`.
    pub fn read(text: &str) -> Option<Self> {
        let bytes: &[u8; 11] = text.as_bytes().try_into().ok()?;
        let two = |at: usize| {
            let digits = text.get(at..at + 2)?;
            digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
        };
        let (hours, minutes, seconds, frames) = (two(0)?, two(3)?, two(6)?, two(9)?);
        let fits = hours < 24 && minutes < 60 && seconds < 60;
        let is_parted = bytes[2] == b':' && bytes[5] == b':' && matches!(bytes[8], b':' | b';');
        (fits && is_parted).then_some(Self { hours, minutes, seconds, frames, is_drop: bytes[8] == b';' })
    }

    /// Returns `true` if it is written as a drop-frame label.
    pub fn is_drop(self) -> bool {
        self.is_drop
    }
}

/// The labels of a rate's frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Labels {
    nominal: i64,
    /// Labels that are left out at the start of each minute but every tenth.
    dropped: i64,
}

impl Labels {
    /// The labels of `rate`; `None` when drop-frame labels are wanted and the rate has none.
    pub fn new(rate: Rate, is_drop: bool) -> Option<Self> {
        let nominal = i64::from(rate.nominal);
        let dropped = if is_drop { nominal / 15 } else { 0 };
        (!is_drop || rate.drops()).then_some(Self { nominal, dropped })
    }

    /// Returns `true` if labels are left out.
    pub fn is_drop(self) -> bool {
        self.dropped > 0
    }

    fn in_ten_minutes(self) -> i64 {
        600 * self.nominal - 9 * self.dropped
    }

    /// The number of frames with different labels.
    pub fn in_a_day(self) -> i64 {
        144 * self.in_ten_minutes()
    }

    /// The frame that bears `label`; `None` where there is no such label.
    pub fn frame(self, label: Label) -> Option<i64> {
        let minutes = i64::from(label.hours) * 60 + i64::from(label.minutes);
        let frames = i64::from(label.frames);
        let is_left_out = minutes % 10 != 0 && label.seconds == 0 && frames < self.dropped;
        let counted = (minutes * 60 + i64::from(label.seconds)) * self.nominal + frames;
        (frames < self.nominal && !is_left_out)
            .then(|| counted - self.dropped * (minutes - minutes.div_euclid(10)))
    }

    /// The frame at some time of day, whose label may be one that is left out: then the first after it.
    pub fn frame_at(self, label: Label) -> i64 {
        let later = Label { frames: u8::try_from(self.dropped).unwrap_or(0), ..label };
        self.frame(label).or_else(|| self.frame(later)).unwrap_or(0)
    }

    /// Writes the label of `frame`, which comes again each day.
    pub fn write(self, frame: i64, text: &mut String) {
        let frame = frame.rem_euclid(self.in_a_day());
        let (tens, rest) = (frame / self.in_ten_minutes(), frame % self.in_ten_minutes());
        let minutes = (rest - self.dropped) / (60 * self.nominal - self.dropped);
        let counted = frame + self.dropped * (9 * tens + minutes);
        let seconds = counted / self.nominal;
        let sign = if self.is_drop() { ';' } else { ':' };
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "{:02}:{:02}:{:02}{sign}{:02}",
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60,
            counted % self.nominal
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(rate: &str, is_drop: bool) -> Labels {
        Labels::new(Rate::read(rate).unwrap(), is_drop).unwrap()
    }

    fn text(labels: Labels, frame: i64) -> String {
        let mut text = String::new();
        labels.write(frame, &mut text);
        text
    }

    #[test]
    fn a_frames_time_gives_the_frame_back() {
        for rate in Rate::ALL {
            // Every frame of three hours, and some of a day that began long before.
            let frames = 0..3 * 3600 * i64::from(rate.num) / i64::from(rate.den);
            for frame in frames.chain((-9_000_000..9_000_000).step_by(9_973)) {
                let time = rate.start(frame);
                assert_eq!(rate.frame_at(time), frame, "{time} at {}", rate.name);
                let ms = time.get();
                let begins = i128::from(frame) * 1_000 * i128::from(rate.den);
                assert!(i128::from(ms) * i128::from(rate.num) <= begins, "{ms} at {}", rate.name);
                assert!(begins < i128::from(ms + 1) * i128::from(rate.num), "{ms} at {}", rate.name);
            }
        }
    }

    #[test]
    fn rates_are_read_by_name_and_as_fractions() {
        for (text, name) in [
            ("25", "25"),
            ("25.00", "25"),
            ("30", "30"),
            ("29.970", "29.97"),
            ("30000/1001", "29.97"),
            ("60000/1001", "59.94"),
            ("24000/1001", "23.976"),
            ("50/2", "25"),
        ] {
            assert_eq!(Rate::read(text).map(|rate| rate.name), Some(name), "{text}");
        }
        for text in
            ["", "3", "0", "25/0", "0/0", "26", "29.98", "1000", "-25", "+25/1/1", "30000/1000.1", "1e2"]
        {
            assert_eq!(Rate::read(text), None, "{text}");
        }
    }

    #[test]
    fn labels_count_as_smpte_does() {
        for (rate, is_drop, frame, label) in [
            ("25", false, 1_499, "00:00:59:24"),
            ("25", false, 90_000, "01:00:00:00"),
            ("23.976", false, 86_400, "01:00:00:00"),
            ("29.97", false, 1_800, "00:01:00:00"),
            ("29.97", true, 0, "00:00:00;00"),
            ("29.97", true, 1_799, "00:00:59;29"),
            ("29.97", true, 1_800, "00:01:00;02"),
            ("29.97", true, 3_597, "00:01:59;29"),
            ("29.97", true, 3_598, "00:02:00;02"),
            ("29.97", true, 17_981, "00:09:59;29"),
            ("29.97", true, 17_982, "00:10:00;00"),
            ("29.97", true, 107_892, "01:00:00;00"),
            ("29.97", true, 2_589_407, "23:59:59;29"),
            ("29.97", true, 2_589_408, "00:00:00;00"),
            ("59.94", true, 3_599, "00:00:59;59"),
            ("59.94", true, 3_600, "00:01:00;04"),
            ("59.94", true, 35_963, "00:09:59;59"),
            ("59.94", true, 35_964, "00:10:00;00"),
            ("59.94", true, 5_178_816, "00:00:00;00"),
            ("60", false, 5_184_000, "00:00:00:00"),
        ] {
            assert_eq!(text(labels(rate, is_drop), frame), label, "{rate} {is_drop} {frame}");
        }
    }

    #[test]
    fn every_label_of_a_day_leads_back_to_its_frame() {
        for (rate, is_drop) in [("24", false), ("29.97", true), ("29.97", false), ("59.94", true)] {
            let labels = labels(rate, is_drop);
            let mut before = String::new();
            for frame in (0..labels.in_a_day()).step_by(89).chain(labels.in_a_day() - 9..labels.in_a_day()) {
                let label = text(labels, frame);
                assert_eq!(labels.frame(Label::read(&label).unwrap()), Some(frame), "{label}");
                assert!(label > before || frame >= labels.in_a_day() - 9, "{label} after {before}");
                before = label;
            }
        }
    }

    #[test]
    fn what_is_no_label_is_refused() {
        for text in
            ["", "1:00:00:00", "24:00:00:00", "00:60:00:00", "00:00:60:00", "00;00:00:00", "00:00:00.00"]
        {
            assert_eq!(Label::read(text), None, "{text}");
        }
        assert_eq!(Label::read("+1:00:00:00"), None);
        assert_eq!(Label::read("0é:00:00:0"), None);
        let label = |text| Label::read(text).unwrap();
        assert_eq!(labels("25", false).frame(label("00:00:00:25")), None);
        for (left_out, next) in [("00:01:00;00", 1_800), ("00:01:00;01", 1_800), ("00:19:00;01", 34_166)] {
            assert_eq!(labels("29.97", true).frame(label(left_out)), None, "{left_out}");
            assert_eq!(labels("29.97", true).frame_at(label(left_out)), next, "{left_out}");
        }
        assert_eq!(Labels::new(Rate::read("25").unwrap(), true), None);
        assert_eq!(Rate::read("120"), None);
    }
}
