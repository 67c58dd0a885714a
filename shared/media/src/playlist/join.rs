//! Joins rendered and recorded samples of one track to media segments, of which as many as possible stay where they are.

use super::{ListedSegment, MediaPlace};
use crate::mux::{MuxError, MuxSample, media_segment};
use bytes::Bytes;

/// Segments that are made for one track: one at each end.
const MOST_MADE: usize = 2;

/// Why samples cannot be joined to segments of one continuous track.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// Something between the ends would have to be made as well.
    #[error("a segment between the ends is not in the clip as it is recorded")]
    Between,
    /// Decode times do not grow, or a picture would be shown before it is decoded.
    #[error("the decode times of rendered and recorded samples do not fit together")]
    Times,
    /// There is no sample.
    #[error("there is no sample")]
    Empty,
    /// A made segment cannot be written.
    #[error(transparent)]
    Mux(#[from] MuxError),
}

/// A segment of the recording that samples are from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedSegment {
    /// Its place.
    pub place: MediaPlace,
    /// The number of samples in it; `None` if it cannot stay where it is, as its samples are not all known, or are used in
    /// another form or at another time than it has them.
    pub samples: Option<usize>,
}

/// A sample of the clip. Times are in the track's ticks, after the edit list of its init segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinedSample {
    /// Presentation time.
    pub pts: i64,
    /// Decode time before the edit list, as the recording has it; `None` if it was rendered.
    pub dts: Option<i64>,
    /// Length.
    pub duration: u32,
    /// Decoding can start here.
    pub sync: bool,
    /// Its bytes, as the clip's sample entry describes them.
    pub data: Bytes,
}

/// A track, joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinedTrack {
    /// Its segments.
    pub segments: Vec<ListedSegment>,
    /// Names and bytes of those that were made.
    pub files: Vec<(String, Bytes)>,
    /// Every segment starts with a sample that decoding can start with.
    pub independent: bool,
}

/// A part of the track: a segment where it is, or samples to be written.
#[derive(Debug)]
struct TrackPart {
    /// The segment, if it stays where it is.
    place: Option<MediaPlace>,
    samples: Vec<JoinedSample>,
    /// Decode times of the first and the last sample before the edit list, once they are known.
    dts: Option<(i64, i64)>,
    /// The first presentation time, and the end of the last.
    from: i64,
    until: i64,
    /// Decoding can start with its first sample.
    starts: bool,
}

/// Builds the segments of one track from its samples, given in decode order.
#[derive(Debug)]
pub struct Joiner {
    /// The id of the track in its init segment.
    id: u32,
    /// Ticks that the edit list takes off presentation times.
    shift: i64,
    parts: Vec<TrackPart>,
    /// The recorded segment at hand, and its samples so far.
    open: Option<(RecordedSegment, Vec<JoinedSample>)>,
    /// By how much recorded pictures are decoded before they are shown where the copy starts.
    delay: Option<i64>,
}

impl Joiner {
    /// For the track `id`, of whose presentation times an edit list takes off `shift` ticks.
    pub fn new(id: u32, shift: i64) -> Self {
        Self { id, shift, parts: Vec::new(), open: None, delay: None }
    }

    /// The next sample in decode order, rendered.
    pub fn rendered(&mut self, sample: JoinedSample) {
        self.close();
        self.make(vec![JoinedSample { dts: None, ..sample }]);
    }

    /// The next sample in decode order, of a segment of the recording: the one of the sample before, or the next.
    pub fn recorded(&mut self, segment: &RecordedSegment, sample: JoinedSample) {
        if self.delay.is_none() {
            self.delay = sample.dts.map(|dts| sample.pts.saturating_add(self.shift).saturating_sub(dts));
        }
        match &mut self.open {
            Some((open, samples)) if open.place == segment.place => {
                // One sample that is not as it is stored is enough.
                open.samples = open.samples.filter(|_| segment.samples.is_some());
                samples.push(sample);
            }
            _ => {
                self.close();
                self.open = Some((segment.clone(), vec![sample]));
            }
        }
    }

    /// The next segment, which stays where it is and whose samples are not known.
    pub fn listed(&mut self, segment: ListedSegment) {
        self.close();
        let ListedSegment { place, time, duration } = segment;
        let until = time.saturating_add(duration);
        self.parts.push(TrackPart {
            place: Some(place),
            samples: Vec::new(),
            dts: None,
            from: time,
            until,
            starts: true,
        });
    }

    /// The segments of the track, and the files among them that were made, by the names that `name` gives them.
    ///
    /// # Errors
    /// [`JoinError`].
    pub fn finish(mut self, name: impl Fn(usize) -> String) -> Result<JoinedTrack, JoinError> {
        self.close();
        let made = self.parts.iter().filter(|part| part.place.is_none()).count();
        let inner = self.parts.len().saturating_sub(1);
        let between = self.parts.iter().take(inner).skip(1).any(|part| part.place.is_none());
        if made > MOST_MADE || between {
            return Err(JoinError::Between);
        }
        self.time()?;
        let follows = |n: usize| self.parts.get(n + 1);
        let (mut segments, mut files) = (Vec::new(), Vec::new());
        for (n, part) in self.parts.iter().enumerate() {
            let until = follows(n).map_or(part.until, |next| next.from);
            let place = if let Some(place) = &part.place {
                place.clone()
            } else {
                let file = name(files.len());
                files.push((file.clone(), self.written(part, follows(n), files.len())?));
                MediaPlace::Made(file)
            };
            let duration = until.checked_sub(part.from).filter(|duration| *duration > 0);
            segments.push(ListedSegment {
                place,
                time: part.from,
                duration: duration.ok_or(JoinError::Times)?,
            });
        }
        let independent = self.parts.iter().all(|part| part.starts);
        if segments.is_empty() {
            Err(JoinError::Empty)
        } else {
            Ok(JoinedTrack { segments, files, independent })
        }
    }

    /// Ends the recorded segment at hand.
    fn close(&mut self) {
        let Some((segment, samples)) = self.open.take() else { return };
        if segment.samples != Some(samples.len()) {
            self.make(samples);
            return;
        }
        let (from, until) = span(&samples);
        let (dts, starts) = (ends(&samples), starts(&samples));
        self.parts.push(TrackPart {
            place: Some(segment.place),
            samples: Vec::new(),
            dts,
            from,
            until,
            starts,
        });
    }

    fn make(&mut self, samples: Vec<JoinedSample>) {
        let (from, until) = span(&samples);
        match self.parts.last_mut() {
            Some(part) if part.place.is_none() => {
                (part.from, part.until) = (part.from.min(from), part.until.max(until));
                part.samples.extend(samples);
            }
            _ => {
                let starts = starts(&samples);
                self.parts.push(TrackPart { place: None, samples, dts: None, from, until, starts });
            }
        }
    }

    /// Gives the samples that are to be written their decode times: recorded ones keep theirs, rendered ones are decoded as
    /// long before they are shown as the copy's first one.
    fn time(&mut self) -> Result<(), JoinError> {
        let (delay, shift) = (self.delay.unwrap_or(0), self.shift);
        for part in self.parts.iter_mut().filter(|part| part.place.is_none()) {
            for sample in &mut part.samples {
                let shown = sample.pts.saturating_add(shift);
                sample.dts = Some(sample.dts.unwrap_or(shown.saturating_sub(delay)));
            }
            part.dts = ends(&part.samples);
        }
        let mut before = None;
        for part in &self.parts {
            if let Some(((first, _), before)) = part.dts.zip(before)
                && before >= first
            {
                return Err(JoinError::Times);
            }
            before = part.dts.map(|(_, last)| last);
        }
        Ok(())
    }

    /// The file of a part whose samples are written; `next` follows it.
    fn written(
        &self,
        part: &TrackPart,
        next: Option<&TrackPart>,
        sequence: usize,
    ) -> Result<Bytes, JoinError> {
        let mut samples = Vec::with_capacity(part.samples.len());
        for sample in &part.samples {
            let dts = sample.dts.ok_or(JoinError::Times)?;
            let pts = sample.pts.saturating_add(self.shift);
            let size = u32::try_from(sample.data.len()).map_err(|_| MuxError::TooLarge)?;
            let duration = sample.duration.max(1);
            samples.push((
                MuxSample { dts, pts, duration, sync: sample.sync, entry: 0, size },
                sample.data.clone(),
            ));
        }
        if let (Some((last, _)), Some(dts)) = (samples.last_mut(), next.and_then(|next| next.dts)) {
            let until = dts.0.checked_sub(last.dts).and_then(|ticks| u32::try_from(ticks).ok());
            last.duration = until.filter(|ticks| *ticks > 0).ok_or(JoinError::Times)?;
        }
        let sequence = u32::try_from(sequence).unwrap_or(u32::MAX).saturating_add(1);
        Ok(media_segment(self.id, sequence, &samples)?)
    }
}

/// Decode times of the first and the last sample, if both are known.
fn ends(samples: &[JoinedSample]) -> Option<(i64, i64)> {
    Some((samples.first()?.dts?, samples.last()?.dts?))
}

/// Returns `true` if decoding can start with the first of the samples.
fn starts(samples: &[JoinedSample]) -> bool {
    samples.first().is_some_and(|first| first.sync)
}

/// The first presentation time of samples, and the end of the last.
fn span(samples: &[JoinedSample]) -> (i64, i64) {
    let from = samples.iter().map(|sample| sample.pts).min().unwrap_or_default();
    let end = |sample: &JoinedSample| sample.pts.saturating_add(sample.duration.into());
    (from, samples.iter().map(end).max().unwrap_or_default())
}

#[cfg(test)]
mod tests;
