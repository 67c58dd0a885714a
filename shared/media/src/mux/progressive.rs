//! The head of a progressive file.

use bytes::Bytes;

use super::boxes::{BoxWriter, write_ftyp};
use super::movie::{Movie, TrackBox};
use super::table::{ChunkOffsets, SampleTable};
use super::{Chapter, EditEntry, MuxError, MuxSample, TrackSpec, check_entry, check_specs, is_sample_entry};

/// Negative composition offsets need `iso4`, sample groups `avc1`; the rest is what old players look for.
const BRANDS: [[u8; 4]; 5] = [*b"isom", *b"iso2", *b"iso4", *b"avc1", *b"mp41"];

/// The tables of a progressive MP4, filled while its payload passes by.
///
/// The caller appends each sample's bytes to one payload, in the order of the calls to [`push`](Self::push), and puts
/// what [`finish`](Self::finish) returns in front of it.
#[derive(Debug)]
pub struct Mp4Tables {
    tracks: Vec<(TrackSpec, SampleTable)>,
    movie_timescale: u32,
    payload: u64,
    last_track: Option<usize>,
    chapters: Vec<Chapter>,
}

impl Mp4Tables {
    /// Empty tables; `movie_timescale` is the ticks per second of edit durations.
    ///
    /// # Errors
    /// [`MuxError::ZeroTimescale`] and [`MuxError::SampleEntry`].
    pub fn new(tracks: Vec<TrackSpec>, movie_timescale: u32) -> Result<Self, MuxError> {
        check_specs(&tracks, movie_timescale)?;
        let with_table = |(track, spec): (usize, TrackSpec)| {
            let table = SampleTable::new(track, spec.timescale);
            (spec, table)
        };
        let tracks = tracks.into_iter().enumerate().map(with_table).collect();
        Ok(Self { tracks, movie_timescale, payload: 0, last_track: None, chapters: Vec::new() })
    }

    /// The bytes of all samples pushed so far.
    pub fn payload_len(&self) -> u64 {
        self.payload
    }

    /// Replaces a track's sample entries: those that samples name must stay at their places.
    ///
    /// # Errors
    /// [`MuxError::UnknownTrack`], [`MuxError::SampleEntry`], and [`MuxError::UnknownEntry`] for fewer than before.
    pub fn describe(&mut self, track: usize, sample_entries: Vec<Bytes>) -> Result<(), MuxError> {
        let (spec, _) = self.tracks.get_mut(track).ok_or(MuxError::UnknownTrack)?;
        if let Some(entry) = (0_u32..).zip(&spec.sample_entries).nth(sample_entries.len()) {
            return Err(MuxError::UnknownEntry { track, entry: entry.0 });
        }
        if !sample_entries.iter().all(|entry| is_sample_entry(entry)) {
            return Err(MuxError::SampleEntry { track });
        }
        spec.sample_entries = sample_entries;
        Ok(())
    }

    /// Adds the next sample of the payload. The first of a track has decode time 0, since a progressive file cannot
    /// say otherwise; the others must increase.
    ///
    /// # Errors
    /// [`MuxError::UnknownTrack`], [`MuxError::UnknownEntry`], [`MuxError::DecodeTime`],
    /// [`MuxError::PresentationTime`] and [`MuxError::TooLarge`]. The sample is then not part of the tables.
    pub fn push(&mut self, track: usize, sample: MuxSample) -> Result<(), MuxError> {
        let payload = self.payload.checked_add(u64::from(sample.size)).ok_or(MuxError::TooLarge)?;
        let (spec, table) = self.tracks.get_mut(track).ok_or(MuxError::UnknownTrack)?;
        check_entry(track, spec, sample.entry)?;
        table.push(&sample, self.payload, self.last_track == Some(track))?;
        self.payload = payload;
        self.last_track = Some(track);
        Ok(())
    }

    /// Gives the file chapters, in the order of their starts.
    #[must_use]
    pub fn with_chapters(self, chapters: Vec<Chapter>) -> Self {
        Self { chapters, ..self }
    }

    /// `ftyp`, `moov` and the header of `mdat`: everything in front of the payload.
    ///
    /// `edits` holds one list for each track; an empty list plays the track as it is. A track that received no sample
    /// is left out, and the others keep their numbers.
    ///
    /// # Errors
    /// [`MuxError::UnknownTrack`] if the lists are not as many as the tracks, [`MuxError::EditList`],
    /// [`MuxError::NoSamples`] and [`MuxError::TooLarge`].
    pub fn finish(mut self, edits: &[Vec<EditEntry>]) -> Result<Bytes, MuxError> {
        for (_, table) in &mut self.tracks {
            table.close();
        }
        let movie = self.movie(edits)?;
        let narrow_limit = u64::from(u32::MAX);

        // The length of the tables does not depend on where the payload starts: measure, then write.
        let mut offsets = ChunkOffsets { base: 0, wide: self.payload > narrow_limit };
        let mut head = self.write_head(&movie, offsets, 0)?;
        if !offsets.wide && length(&head)?.saturating_add(self.payload) > narrow_limit {
            offsets.wide = true;
            head = self.write_head(&movie, offsets, 0)?;
        }
        offsets.base = length(&head)?;
        let capacity = head.len();
        drop(head);
        self.write_head(&movie, offsets, capacity)
    }

    fn movie<'a>(&'a self, edits: &'a [Vec<EditEntry>]) -> Result<Movie<'a>, MuxError> {
        if edits.len() != self.tracks.len() {
            return Err(MuxError::UnknownTrack);
        }
        if let Some(track) = edits.iter().position(|list| !is_edit_list(list)) {
            return Err(MuxError::EditList { track });
        }
        let all = (1_u32..).zip(&self.tracks).zip(edits);
        let with_samples = all.filter(|((_, (_, table)), _)| !table.is_empty());
        let tracks: Vec<TrackBox<'a>> =
            with_samples.map(|((id, (spec, table)), edits)| TrackBox { id, spec, edits, table }).collect();
        if tracks.is_empty() {
            return Err(MuxError::NoSamples);
        }
        Ok(Movie { timescale: self.movie_timescale, tracks, fragmented: false, chapters: &self.chapters })
    }

    fn write_head(
        &self,
        movie: &Movie<'_>,
        offsets: ChunkOffsets,
        capacity: usize,
    ) -> Result<Bytes, MuxError> {
        let mut w = BoxWriter::with_capacity(capacity);
        write_ftyp(&mut w, *b"isom", &BRANDS)?;
        movie.write(&mut w, offsets)?;
        if let Ok(size) = u32::try_from(self.payload.saturating_add(8)) {
            w.u32(size);
            w.slice(b"mdat");
        } else {
            w.u32(1);
            w.slice(b"mdat");
            w.u64(self.payload.checked_add(16).ok_or(MuxError::TooLarge)?);
        }
        Ok(w.into_bytes())
    }
}

/// Returns `true` if players agree on the list (8.6.6): each edit lasts, and something follows an empty one.
fn is_edit_list(edits: &[EditEntry]) -> bool {
    let lasts = |edit: &EditEntry| edit.duration > 0 && edit.media_time.is_none_or(|time| time >= 0);
    edits.iter().all(lasts) && edits.last().is_none_or(|edit| edit.media_time.is_some())
}

fn length(head: &Bytes) -> Result<u64, MuxError> {
    u64::try_from(head.len()).map_err(|_| MuxError::TooLarge)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::*;
    use super::*;
    use crate::time::Nanos;

    const STBL: &str = "moov.trak.mdia.minf.stbl";

    fn finish_one(spec: TrackSpec, samples: &[MuxSample]) -> Bytes {
        let mut tables = Mp4Tables::new(vec![spec], 1000).unwrap();
        for sample in samples {
            tables.push(0, *sample).unwrap();
        }
        tables.finish(&[vec![]]).unwrap()
    }

    fn chunk_counts(head: &[u8]) -> Vec<u32> {
        rows(only(head, &format!("{STBL}.stsc")), 4, 3).iter().map(|row| row[1]).collect()
    }

    #[test]
    fn chapters_are_listed_with_their_starts_and_titles() {
        let chapter =
            |ms: i64, title: &str| Chapter { start: Nanos::from_millis(ms), title: title.to_owned() };
        let mut tables = Mp4Tables::new(vec![video(1000)], 1000).unwrap();
        tables.push(0, sample(0, 40, 1)).unwrap();
        let long = format!("a{}", "é".repeat(200));
        let head = tables.with_chapters(vec![chapter(0, "Goal"), chapter(1500, &long)]).finish(&[vec![]]);
        let head = head.unwrap();
        let chpl = only(&head, "moov.udta.chpl");
        assert_eq!(chpl[..9], [1, 0, 0, 0, 0, 0, 0, 0, 2]);
        assert_eq!((u64_at(chpl, 9), &chpl[17..22]), (0, &b"\x04Goal"[..]));
        assert_eq!((u64_at(chpl, 22), chpl[30]), (15_000_000, 255), "a character is not cut in two");
        assert_eq!(chpl.len(), 31 + 255);
    }

    #[test]
    fn the_head_ends_with_the_header_of_the_payload() {
        let head = finish_one(video(1000), &[sample(0, 40, 700), sample(40, 40, 300)]);
        let kinds: Vec<_> = boxes(&head).iter().map(|(kind, ..)| *kind).collect();
        assert_eq!(kinds, [*b"ftyp", *b"moov", *b"mdat"]);
        assert!(all(&head, "moov.mvex").is_empty());
        assert_eq!(head[head.len() - 8..], [0, 0, 0x03, 0xf0, b'm', b'd', b'a', b't']);
    }

    #[test]
    fn offsets_have_64_bits_only_when_needed() {
        let small_head =
            u32::try_from(finish_one(video(1000), &[sample(0, 1, 1 << 21), sample(1, 1, 6)]).len()).unwrap();
        for (excess, expected) in [(0, *b"stco"), (1, *b"co64")] {
            let first = u32::MAX - small_head - 6 + excess;
            let head = finish_one(video(1000), &[sample(0, 1, first), sample(1, 1, 6)]);
            let kinds: Vec<_> = boxes(only(&head, STBL)).iter().map(|(kind, ..)| *kind).collect();
            assert!(kinds.contains(&expected), "{excess}");
            let read = read_samples(only(&head, STBL));
            assert_eq!(read[1].at, u64::try_from(head.len()).unwrap() + u64::from(first));
        }
    }

    #[test]
    fn a_payload_beyond_32_bits_has_a_64_bit_size() {
        let head = finish_one(video(1000), &[sample(0, 1, u32::MAX), sample(1, 1, 100)]);
        let header = &head[head.len() - 16..];
        assert_eq!((u32_at(header, 0), &header[4..8]), (1, &b"mdat"[..]));
        assert_eq!(u64_at(header, 8), u64::from(u32::MAX) + 100 + 16);
    }

    #[test]
    fn regular_samples_need_one_row_each() {
        let samples: Vec<_> = (0..96).map(|number| sample(number * 1024, 1024, 300)).collect();
        let head = finish_one(audio(48_000), &samples);
        let stbl = only(&head, STBL);
        let kinds: Vec<_> = boxes(stbl).iter().map(|(kind, ..)| *kind).collect();
        assert_eq!(
            kinds,
            [*b"stsd", *b"stts", *b"stsc", *b"stsz", *b"stco", *b"sgpd", *b"sbgp"],
            "neither stss nor ctts"
        );
        assert_eq!(rows(only(stbl, "stts"), 4, 2), [[96, 1024]]);
        assert_eq!(rows(only(stbl, "stsc"), 4, 3), [[1, 24, 1]]);
        assert_eq!(rows(only(stbl, "stco"), 4, 1).len(), 4);
        assert_eq!((u32_at(only(stbl, "stsz"), 4), only(stbl, "stsz").len()), (300, 12));
        assert_eq!(only(stbl, "sgpd"), b"\x01\0\0\0roll\0\0\0\x02\0\0\0\x01\xff\xff");
        assert_eq!(only(stbl, "sbgp"), b"\0\0\0\0roll\0\0\0\x01\0\0\0\x60\0\0\0\x01");
    }

    #[test]
    fn empty_samples_have_sizes_of_their_own() {
        let head = finish_one(audio(1000), &[sample(0, 1, 0), sample(1, 1, 0)]);
        assert_eq!(
            only(&head, &format!("{STBL}.stsz")),
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0]
        );
    }

    #[test]
    fn a_chunk_ends_at_its_limits_and_with_its_entry() {
        let mebibyte = 1 << 20;
        let by_size = [0, 1, 2].map(|dts| sample(dts, 1, mebibyte / 2));
        assert_eq!(chunk_counts(&finish_one(video(1000), &by_size)), [2, 1]);

        let by_time = [0, 499, 500].map(|dts| sample(dts, 1, 10));
        assert_eq!(chunk_counts(&finish_one(video(1000), &by_time)), [2, 1]);

        let second_entry = MuxSample { entry: 1, ..sample(1, 1, 10) };
        assert_eq!(chunk_counts(&finish_one(video(1000), &[sample(0, 1, 10), second_entry])), [1, 1]);

        let alone = [sample(0, 1, 2 * mebibyte), sample(1, 1, 10)];
        assert_eq!(chunk_counts(&finish_one(video(1000), &alone)), [1], "two chunks of one sample");
    }

    #[test]
    fn composition_offsets_are_signed_only_when_needed() {
        for (pts, version) in [(80, 0), (-80, 1)] {
            let head = finish_one(video(1000), &[MuxSample { pts, ..sample(0, 40, 10) }]);
            let ctts = only(&head, &format!("{STBL}.ctts"));
            assert_eq!((ctts[0], i32_at(ctts, 12)), (version, i32::try_from(pts).unwrap()));
        }
    }

    #[test]
    fn a_track_without_samples_is_left_out() {
        let mut tables = Mp4Tables::new(vec![video(1000), audio(1000), audio(1000)], 1000).unwrap();
        tables.push(0, sample(0, 40, 10)).unwrap();
        tables.push(2, sample(0, 40, 10)).unwrap();
        let head = tables.finish(&[vec![], vec![], vec![]]).unwrap();
        let headers = all(&head, "moov.trak.tkhd");
        // Flags and track_ID: the first audio track that is there is the enabled one.
        assert_eq!(
            headers.iter().map(|tkhd| (tkhd[3], u32_at(tkhd, 12))).collect::<Vec<_>>(),
            [(3, 1), (3, 3)]
        );
    }

    #[test]
    fn refused_samples_leave_no_trace() {
        let mut tables = Mp4Tables::new(vec![video(1000)], 1000).unwrap();
        let late = tables.push(0, sample(5, 1, 10));
        assert_eq!(late, Err(MuxError::DecodeTime { track: 0, dts: 5 }));
        tables.push(0, sample(0, 1, 10)).unwrap();
        let far = 1 << 32;
        for (refused, error) in [
            (sample(0, 1, 10), MuxError::DecodeTime { track: 0, dts: 0 }),
            (sample(-1, 1, 10), MuxError::DecodeTime { track: 0, dts: -1 }),
            (sample(far, 1, 10), MuxError::DecodeTime { track: 0, dts: far }),
            (MuxSample { pts: far, ..sample(1, 1, 10) }, MuxError::PresentationTime { track: 0, pts: far }),
            (MuxSample { entry: 2, ..sample(1, 1, 10) }, MuxError::UnknownEntry { track: 0, entry: 2 }),
        ] {
            assert_eq!(tables.push(0, refused), Err(error));
        }
        assert_eq!(tables.push(1, sample(0, 1, 10)), Err(MuxError::UnknownTrack));
        assert_eq!(tables.payload_len(), 10);
        let head = tables.finish(&[vec![]]).unwrap();
        assert_eq!(read_samples(only(&head, STBL)).len(), 1);
    }

    #[test]
    fn bad_tracks_are_refused() {
        let no_ticks = Mp4Tables::new(vec![video(0)], 1000);
        assert_eq!(no_ticks.unwrap_err(), MuxError::ZeroTimescale);
        assert_eq!(Mp4Tables::new(vec![video(1)], 0).unwrap_err(), MuxError::ZeroTimescale);
        let elsewhere = Bytes::from_static(b"\0\0\0\x10avc1\0\0\0\0\0\0\0\x02");
        let cut_short = Bytes::from_static(b"\0\0\0\x14avc1\0\0\0\0\0\0\0\x01");
        for entries in [vec![], vec![Bytes::new()], vec![elsewhere], vec![cut_short]] {
            let spec = TrackSpec { sample_entries: entries, ..video(1000) };
            let error = Mp4Tables::new(vec![video(1000), spec], 1000).unwrap_err();
            assert_eq!(error, MuxError::SampleEntry { track: 1 });
        }
    }

    #[test]
    fn bad_edit_lists_are_refused() {
        let finish = |edits: &[Vec<EditEntry>]| {
            let mut tables = Mp4Tables::new(vec![video(1000)], 1000).unwrap();
            tables.push(0, sample(0, 40, 10)).unwrap();
            tables.finish(edits)
        };
        assert_eq!(finish(&[]), Err(MuxError::UnknownTrack));
        for (media_time, duration) in [(None, 5), (Some(-1), 5), (Some(0), 0)] {
            let refused = finish(&[vec![EditEntry { media_time, duration }]]);
            assert_eq!(refused, Err(MuxError::EditList { track: 0 }), "{media_time:?} {duration}");
        }
        let empty = Mp4Tables::new(vec![video(1000)], 1000).unwrap().finish(&[vec![]]);
        assert_eq!(empty, Err(MuxError::NoSamples));
    }

    /// Track, ticks to the track's next sample, composition offset, sync, sample entry and size of a sample.
    type Step = (usize, u32, i32, bool, u32, u32);

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        // Few values make runs; a wide one now and then makes 64-bit offsets.
        let ticks = prop_oneof![Just(512_u32), Just(1024), 1..u32::MAX];
        let offset = prop_oneof![Just(0_i32), Just(1024), any::<i32>()];
        let size = prop_oneof![8 => Just(300_u32), 8 => 0..700_000_u32, 1 => any::<u32>()];
        let sync = prop::bool::weighted(0.7);
        // Repeated tracks make chunks of several samples.
        let track = prop_oneof![4 => Just(0_usize), 1 => 0..3_usize];
        prop::collection::vec((track, ticks, offset, sync, 0..2_u32, size), 1..60)
    }

    proptest! {
        #[test]
        fn tables_read_back_as_pushed(steps in steps()) {
            let specs = [video(12_800), video(90_000), audio(48_000)];
            let mut tables = Mp4Tables::new(specs.to_vec(), 1000).unwrap();
            let mut expected: [Vec<Read>; 3] = Default::default();
            let mut payload = 0;
            for (track, duration, offset, sync, entry, size) in steps {
                let dts = expected[track].last().map_or(0, |last| last.sample.dts + i64::from(last.sample.duration));
                let entry = if track == 2 { 0 } else { entry };
                let sample = MuxSample { dts, pts: dts + i64::from(offset), duration, sync, entry, size };
                tables.push(track, sample).unwrap();
                expected[track].push(Read { sample, at: payload });
                payload += u64::from(size);
            }
            prop_assert_eq!(tables.payload_len(), payload);
            let head = tables.finish(&[vec![], vec![], vec![]]).unwrap();
            let base = u64::try_from(head.len()).unwrap();
            expected.iter_mut().flatten().for_each(|read| read.at += base);
            let read: Vec<_> = all(&head, STBL).into_iter().map(read_samples).collect();
            let expected: Vec<_> = expected.into_iter().filter(|samples| !samples.is_empty()).collect();
            prop_assert_eq!(read, expected);
        }
    }
}
