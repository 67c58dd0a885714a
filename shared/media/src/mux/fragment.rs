//! Fragments: a `moof` and its `mdat` each.

use bytes::Bytes;

use super::boxes::{BoxWriter, write_ftyp};
use super::movie::{Movie, TrackBox};
use super::table::{ChunkOffsets, SampleTable};
use super::{MuxError, MuxSample, TrackSpec, check_entry, check_specs};

/// Offsets that count from the `moof` need `iso5`, `tfdt` needs `iso6`.
const BRANDS: [[u8; 4]; 3] = [*b"iso6", *b"isom", *b"mp41"];

/// A tfhd flag: data offsets count from the start of the `moof`.
const DEFAULT_BASE_IS_MOOF: u32 = 0x02_0000;
/// A tfhd flag: the sample entry is named.
const ENTRY_PRESENT: u32 = 0x02;
/// Trun flags: data offset, then duration, size, flags and composition offset for each sample.
const ALL_SAMPLE_FIELDS: u32 = 0x01 | 0x100 | 0x200 | 0x400 | 0x800;

/// Sample flags (8.8.3.1): depends on no other sample.
const SYNC: u32 = 0x0200_0000;
/// Sample flags: depends on others, and is no sync sample.
const NOT_SYNC: u32 = 0x0101_0000;

/// A sample and its bytes.
type FilledSample = (MuxSample, Bytes);

/// Writes a fragmented MP4 for a remuxer that reads a pipe: no edit lists, no sample groups, and each sample at the
/// time it was given.
#[derive(Debug)]
pub struct FragmentWriter {
    tracks: Vec<TrackSpec>,
    movie_timescale: u32,
    sequence: u32,
    /// The decode time written last, by track; -1 before the first, so that none is negative.
    last_dts: Vec<i64>,
}

/// Neighbours in one track with one sample entry: a `traf`, which can name only one.
struct TrackRun<'a> {
    track: usize,
    id: u32,
    samples: &'a [FilledSample],
    /// The sample behind the run, if it is in this fragment.
    next: Option<&'a MuxSample>,
    /// The position of the run's bytes in the payload.
    at: u64,
}

/// One `moof` and its `mdat` with samples of the track `id`, in decode order, as a media segment of its own. The duration
/// of each sample but the last is the time to the next one's decoding.
///
/// # Errors
/// As [`FragmentWriter::fragment`].
pub fn media_segment(id: u32, sequence: u32, samples: &[FilledSample]) -> Result<Bytes, MuxError> {
    let Some((first, _)) = samples.first() else { return Err(MuxError::NoSamples) };
    if first.dts < 0 {
        return Err(MuxError::DecodeTime { track: 0, dts: first.dts });
    }
    if samples.iter().any(|(sample, bytes)| usize::try_from(sample.size) != Ok(bytes.len())) {
        return Err(MuxError::SampleSize { track: 0 });
    }
    let run = TrackRun { track: 0, id, samples, next: None, at: 0 };
    let runs = [run];
    let moof = write_moof(sequence, &runs, 0)?;
    let payload_at = u64::try_from(moof.len()).map_err(|_| MuxError::TooLarge)?.saturating_add(8);
    write_fragment(&write_moof(sequence, &runs, payload_at)?, &[samples])
}

impl FragmentWriter {
    /// A writer for `tracks`; `movie_timescale` is in ticks per second.
    ///
    /// # Errors
    /// [`MuxError::ZeroTimescale`] and [`MuxError::SampleEntry`].
    pub fn new(tracks: Vec<TrackSpec>, movie_timescale: u32) -> Result<Self, MuxError> {
        check_specs(&tracks, movie_timescale)?;
        let last_dts = vec![-1; tracks.len()];
        Ok(Self { tracks, movie_timescale, sequence: 0, last_dts })
    }

    /// `ftyp` and `moov`: the first bytes of the stream.
    ///
    /// # Errors
    /// [`MuxError::TooLarge`].
    pub fn init(&self) -> Result<Bytes, MuxError> {
        let tables: Vec<SampleTable> = self
            .tracks
            .iter()
            .enumerate()
            .map(|(track, spec)| SampleTable::new(track, spec.timescale))
            .collect();
        let all = (1_u32..).zip(&self.tracks).zip(&tables);
        let tracks = all.map(|((id, spec), table)| TrackBox { id, spec, edits: &[], table }).collect();
        let movie = Movie { timescale: self.movie_timescale, tracks, fragmented: true, chapters: &[] };
        let mut w = BoxWriter::with_capacity(0);
        write_ftyp(&mut w, *b"iso6", &BRANDS)?;
        movie.write(&mut w, ChunkOffsets { base: 0, wide: false })?;
        Ok(w.into_bytes())
    }

    /// `moof` and `mdat` of the next samples, given by track in decode order. A track may have none.
    ///
    /// Decode times start anywhere from 0 and increase, also from one fragment to the next.
    ///
    /// # Errors
    /// [`MuxError::UnknownTrack`] if the lists are not as many as the tracks, [`MuxError::UnknownEntry`],
    /// [`MuxError::SampleSize`], [`MuxError::DecodeTime`], [`MuxError::PresentationTime`], [`MuxError::NoSamples`] and
    /// [`MuxError::TooLarge`]. The writer is then unchanged.
    pub fn fragment(&mut self, samples: &[&[FilledSample]]) -> Result<Bytes, MuxError> {
        if samples.len() != self.tracks.len() {
            return Err(MuxError::UnknownTrack);
        }
        for (track, list) in samples.iter().enumerate() {
            self.check(track, list)?;
        }
        let runs = runs(samples)?;
        if runs.is_empty() {
            return Err(MuxError::NoSamples);
        }
        let sequence = self.sequence.checked_add(1).ok_or(MuxError::TooLarge)?;
        // The length of the `moof` does not depend on the offsets in it: measure, then write.
        let moof = write_moof(sequence, &runs, 0)?;
        let payload_at = u64::try_from(moof.len()).map_err(|_| MuxError::TooLarge)?.saturating_add(8);
        let moof = write_moof(sequence, &runs, payload_at)?;

        let fragment = write_fragment(&moof, samples)?;
        self.sequence = sequence;
        for (last, list) in self.last_dts.iter_mut().zip(samples) {
            *last = list.last().map_or(*last, |(sample, _)| sample.dts);
        }
        Ok(fragment)
    }

    /// Refuses samples that do not follow what was written. Their times among each other are checked on writing.
    fn check(&self, track: usize, samples: &[FilledSample]) -> Result<(), MuxError> {
        let spec = self.tracks.get(track).ok_or(MuxError::UnknownTrack)?;
        let Some((first, _)) = samples.first() else { return Ok(()) };
        if self.last_dts.get(track).is_none_or(|last| first.dts <= *last) {
            return Err(MuxError::DecodeTime { track, dts: first.dts });
        }
        for (sample, bytes) in samples {
            check_entry(track, spec, sample.entry)?;
            if usize::try_from(sample.size) != Ok(bytes.len()) {
                return Err(MuxError::SampleSize { track });
            }
        }
        Ok(())
    }
}

/// The runs of all tracks, in the order of their bytes.
fn runs<'a>(samples: &[&'a [FilledSample]]) -> Result<Vec<TrackRun<'a>>, MuxError> {
    let mut runs = Vec::new();
    let mut at = 0_u64;
    for ((track, list), id) in samples.iter().enumerate().zip(1_u32..) {
        let mut groups = list.chunk_by(|(one, _), (next, _)| one.entry == next.entry).peekable();
        while let Some(samples) = groups.next() {
            let next = groups.peek().and_then(|group| group.first()).map(|(sample, _)| sample);
            runs.push(TrackRun { track, id, samples, next, at });
            let bytes: u64 = samples.iter().map(|(sample, _)| u64::from(sample.size)).sum();
            at = at.checked_add(bytes).ok_or(MuxError::TooLarge)?;
        }
    }
    Ok(runs)
}

fn write_moof(sequence: u32, runs: &[TrackRun<'_>], payload_at: u64) -> Result<Bytes, MuxError> {
    let mut w = BoxWriter::with_capacity(0);
    w.boxed(*b"moof", |w| {
        w.full(*b"mfhd", 0, 0, |w| {
            w.u32(sequence);
            Ok(())
        })?;
        runs.iter().try_for_each(|run| w.boxed(*b"traf", |w| run.write(w, payload_at)))
    })?;
    Ok(w.into_bytes())
}

impl TrackRun<'_> {
    fn write(&self, w: &mut BoxWriter, payload_at: u64) -> Result<(), MuxError> {
        let Some((first, _)) = self.samples.first() else { return Ok(()) };
        w.full(*b"tfhd", 0, DEFAULT_BASE_IS_MOOF | ENTRY_PRESENT, |w| {
            w.u32(self.id);
            w.u32(first.entry.checked_add(1).ok_or(MuxError::TooLarge)?);
            Ok(())
        })?;
        w.full(*b"tfdt", 1, 0, |w| {
            w.i64(first.dts);
            Ok(())
        })?;
        w.full(*b"trun", 1, ALL_SAMPLE_FIELDS, |w| {
            w.count(self.samples.len())?;
            let at = payload_at.checked_add(self.at).and_then(|at| i32::try_from(at).ok());
            w.i32(at.ok_or(MuxError::TooLarge)?);
            let behind = self.samples.iter().skip(1).map(|(sample, _)| Some(sample)).chain([self.next]);
            self.samples.iter().zip(behind).try_for_each(|((sample, _), next)| {
                w.u32(next.map_or(Ok(sample.duration), |next| sample.delta_to(self.track, next))?);
                w.u32(sample.size);
                w.u32(if sample.sync { SYNC } else { NOT_SYNC });
                w.i32(sample.composition_offset(self.track)?);
                Ok(())
            })
        })
    }
}

/// The `moof` and an `mdat` with the samples' bytes.
fn write_fragment(moof: &[u8], samples: &[&[FilledSample]]) -> Result<Bytes, MuxError> {
    let payload = samples.iter().copied().flatten().map(|(_, bytes)| bytes);
    let capacity =
        payload.clone().map(Bytes::len).sum::<usize>().saturating_add(moof.len()).saturating_add(8);
    let mut w = BoxWriter::with_capacity(capacity);
    w.slice(moof);
    w.boxed(*b"mdat", |w| {
        payload.for_each(|bytes| w.slice(bytes));
        Ok(())
    })?;
    Ok(w.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    fn with_bytes(sample: MuxSample, fill: u8) -> FilledSample {
        let bytes = vec![fill; usize::try_from(sample.size).unwrap()];
        (sample, bytes.into())
    }

    /// The samples of each `traf` as (`track_ID`, sample, first byte).
    fn read(fragment: &[u8]) -> Vec<(u32, MuxSample, u8)> {
        let mut found = Vec::new();
        for traf in all(fragment, "moof.traf") {
            let (tfhd, tfdt, trun) = (only(traf, "tfhd"), only(traf, "tfdt"), only(traf, "trun"));
            assert_eq!((u32_at(tfhd, 0), u32_at(trun, 0), tfdt[0]), (0x02_0002, 0x0100_0f01, 1));
            let mut dts = i64::try_from(u64_at(tfdt, 4)).unwrap();
            let mut at = usize::try_from(u32_at(trun, 8)).unwrap();
            for row in trun[12..].chunks(16) {
                let (duration, size) = (u32_at(row, 0), u32_at(row, 4));
                let sync = u32_at(row, 8) & 0x1_0000 == 0;
                let pts = dts + i64::from(i32_at(row, 12));
                let entry = u32_at(tfhd, 8) - 1;
                found.push((
                    u32_at(tfhd, 4),
                    MuxSample { dts, pts, duration, sync, entry, size },
                    fragment[at],
                ));
                dts += i64::from(duration);
                at += usize::try_from(size).unwrap();
            }
            assert_eq!(usize::try_from(u32_at(trun, 4)).unwrap() * 16, trun.len() - 12);
        }
        found
    }

    #[test]
    fn the_init_announces_fragments_and_holds_no_sample() {
        let writer = FragmentWriter::new(vec![video(1000), audio(48_000)], 1000).unwrap();
        let init = writer.init().unwrap();
        let extends = all(&init, "moov.mvex.trex");
        assert_eq!(
            extends.iter().map(|trex| (u32_at(trex, 4), u32_at(trex, 8))).collect::<Vec<_>>(),
            [(1, 1), (2, 1)]
        );
        for stbl in all(&init, "moov.trak.mdia.minf.stbl") {
            let kinds: Vec<_> = boxes(stbl).iter().map(|(kind, ..)| *kind).collect();
            assert_eq!(kinds, [*b"stsd", *b"stts", *b"stsc", *b"stsz", *b"stco"]);
            assert!(read_samples(stbl).is_empty());
        }
    }

    #[test]
    fn samples_read_back_with_their_bytes() {
        let mut writer = FragmentWriter::new(vec![video(1000), audio(1000)], 1000).unwrap();
        let pictures = [
            MuxSample { pts: 180, ..sample(100, 40, 5) },
            MuxSample { pts: 120, sync: false, ..sample(140, 40, 3) },
            MuxSample { entry: 1, ..sample(180, 40, 4) },
        ];
        let frames = [sample(90, 21, 6), sample(111, 22, 7)];
        let video: Vec<_> = (1..).zip(pictures).map(|(fill, sample)| with_bytes(sample, fill)).collect();
        let audio: Vec<_> = (4..).zip(frames).map(|(fill, sample)| with_bytes(sample, fill)).collect();
        let fragment = writer.fragment(&[&video, &audio]).unwrap();

        assert_eq!(u32_at(only(&fragment, "moof.mfhd"), 4), 1);
        let mut expected: Vec<_> = (1..).zip(pictures).map(|(fill, sample)| (1, sample, fill)).collect();
        expected.extend((4..).zip(frames).map(|(fill, sample)| (2, sample, fill)));
        assert_eq!(read(&fragment), expected);
        assert_eq!(only(&fragment, "mdat"), [&[1; 5][..], &[2; 3], &[3; 4], &[4; 6], &[5; 7]].concat());

        let next = writer.fragment(&[&[with_bytes(sample(500, 40, 1), 9)], &[]]).unwrap();
        assert_eq!(u32_at(only(&next, "moof.mfhd"), 4), 2);
        assert_eq!(read(&next), [(1, sample(500, 40, 1), 9)]);
    }

    #[test]
    fn durations_reach_to_the_next_sample() {
        let mut writer = FragmentWriter::new(vec![video(1000)], 1000).unwrap();
        // The first gap is inside a run, the second between two.
        let other_entry = MuxSample { entry: 1, ..sample(300, 40, 1) };
        let samples = [sample(0, 40, 1), sample(100, 40, 1), other_entry].map(|sample| with_bytes(sample, 0));
        let fragment = writer.fragment(&[&samples]).unwrap();
        let times: Vec<_> =
            read(&fragment).iter().map(|(_, sample, _)| (sample.dts, sample.duration)).collect();
        assert_eq!(times, [(0, 100), (100, 200), (300, 40)]);
    }

    #[test]
    fn refused_samples_leave_the_writer_unchanged() {
        let mut writer = FragmentWriter::new(vec![video(1000)], 1000).unwrap();
        writer.fragment(&[&[with_bytes(sample(0, 40, 1), 0)]]).unwrap();
        let far = 1 << 32;
        for (refused, error) in [
            (sample(0, 40, 1), MuxError::DecodeTime { track: 0, dts: 0 }),
            (MuxSample { entry: 2, ..sample(40, 40, 1) }, MuxError::UnknownEntry { track: 0, entry: 2 }),
            (MuxSample { pts: far, ..sample(40, 40, 1) }, MuxError::PresentationTime { track: 0, pts: far }),
        ] {
            assert_eq!(writer.fragment(&[&[with_bytes(refused, 0)]]), Err(error));
        }
        let wrong_size = writer.fragment(&[&[(sample(40, 40, 2), Bytes::from_static(b"1"))]]);
        assert_eq!(wrong_size, Err(MuxError::SampleSize { track: 0 }));
        assert_eq!(writer.fragment(&[&[]]), Err(MuxError::NoSamples));
        assert_eq!(writer.fragment(&[]), Err(MuxError::UnknownTrack));
        let accepted = writer.fragment(&[&[with_bytes(sample(40, 40, 1), 0)]]).unwrap();
        assert_eq!(u32_at(only(&accepted, "moof.mfhd"), 4), 2);
    }

    #[test]
    fn a_track_may_pause() {
        let mut writer = FragmentWriter::new(vec![video(1000), audio(1000)], 1000).unwrap();
        let at = |dts| [with_bytes(sample(dts, 40, 1), 0)];
        writer.fragment(&[&at(0), &at(40)]).unwrap();
        writer.fragment(&[&at(40), &[]]).unwrap();
        assert_eq!(writer.fragment(&[&at(80), &at(40)]), Err(MuxError::DecodeTime { track: 1, dts: 40 }));
        writer.fragment(&[&at(80), &at(90)]).unwrap();
    }

    #[test]
    fn times_increase_inside_a_fragment() {
        let mut writer = FragmentWriter::new(vec![video(1000)], 1000).unwrap();
        let samples = [100, 60].map(|dts| with_bytes(sample(dts, 40, 1), 0));
        assert_eq!(writer.fragment(&[&samples]), Err(MuxError::DecodeTime { track: 0, dts: 60 }));
    }

    #[test]
    fn a_stream_does_not_start_before_zero() {
        let mut writer = FragmentWriter::new(vec![video(1000)], 1000).unwrap();
        let early = writer.fragment(&[&[with_bytes(sample(-1, 40, 1), 0)]]);
        assert_eq!(early, Err(MuxError::DecodeTime { track: 0, dts: -1 }));
    }
}
