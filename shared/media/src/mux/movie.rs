//! The `moov` box, shared by progressive and fragmented files.

use super::boxes::BoxWriter;
use super::table::{ChunkOffsets, SampleTable};
use super::{Chapter, EditEntry, MuxError, TrackMedia, TrackSpec};
use crate::display::Matrix;

/// A tkhd flag: the track is played unless the viewer chooses otherwise.
const ENABLED: u32 = 1;
/// A tkhd flag: the track belongs to the presentation.
const IN_MOVIE: u32 = 2;

/// Chapters of a `chpl` box, whose count is a byte.
const MOST_CHAPTERS: usize = 255;
/// Bytes of a chapter's title, whose length is a byte.
const MOST_TITLE: usize = 255;

/// A movie about to be written.
pub(super) struct Movie<'a> {
    pub(super) timescale: u32,
    pub(super) tracks: Vec<TrackBox<'a>>,
    /// Announces fragments (`mvex`).
    pub(super) fragmented: bool,
    /// The first 255 of them are written.
    pub(super) chapters: &'a [Chapter],
}

/// A track about to be written.
pub(super) struct TrackBox<'a> {
    /// The `track_ID`, counted from 1.
    pub(super) id: u32,
    pub(super) spec: &'a TrackSpec,
    pub(super) edits: &'a [EditEntry],
    pub(super) table: &'a SampleTable,
}

impl Movie<'_> {
    /// Writes `moov`.
    pub(super) fn write(&self, w: &mut BoxWriter, offsets: ChunkOffsets) -> Result<(), MuxError> {
        let durations: Vec<u64> =
            self.tracks.iter().map(|track| track.duration(self.timescale)).collect::<Result<_, _>>()?;
        let first_audio =
            self.tracks.iter().find(|track| track.spec.kind == TrackMedia::Audio).map(|track| track.id);
        w.boxed(*b"moov", |w| {
            self.write_mvhd(w, durations.iter().copied().max().unwrap_or(0))?;
            for (track, duration) in self.tracks.iter().zip(&durations) {
                // Players that mix every enabled track would play all languages at once.
                let enabled = track.spec.kind != TrackMedia::Audio || first_audio == Some(track.id);
                w.boxed(*b"trak", |w| {
                    track.write_tkhd(w, *duration, enabled)?;
                    track.write_edts(w)?;
                    track.write_mdia(w, offsets)
                })?;
            }
            if self.fragmented {
                self.write_mvex(w)?;
            }
            if self.chapters.is_empty() { Ok(()) } else { self.write_chapters(w) }
        })
    }

    fn write_mvhd(&self, w: &mut BoxWriter, duration: u64) -> Result<(), MuxError> {
        let last_id = self.tracks.iter().map(|track| track.id).max().unwrap_or(0);
        let version = version_for(duration);
        w.full(*b"mvhd", version, 0, |w| {
            write_creation_times(w, version)?;
            w.u32(self.timescale);
            w.sized(version, duration)?;
            w.u32(0x1_0000);
            w.u16(0x100);
            w.zeros(10);
            write_matrix(w, &Matrix::default());
            w.zeros(24);
            w.u32(last_id.checked_add(1).ok_or(MuxError::TooLarge)?);
            Ok(())
        })
    }

    /// `udta` with `chpl`, the list of chapters that Nero defined and players read: starts in tenths of a microsecond,
    /// titles of at most 255 bytes.
    fn write_chapters(&self, w: &mut BoxWriter) -> Result<(), MuxError> {
        let chapters = self.chapters.get(..MOST_CHAPTERS).unwrap_or(self.chapters);
        w.boxed(*b"udta", |w| {
            w.full(*b"chpl", 1, 0, |w| {
                w.zeros(4);
                w.slice(&[u8::try_from(chapters.len()).map_err(|_| MuxError::TooLarge)?]);
                for Chapter { start, title } in chapters {
                    let tenths = start.get().max(0) / 100;
                    w.u64(u64::try_from(tenths).map_err(|_| MuxError::TooLarge)?);
                    let title = title.get(..title.floor_char_boundary(MOST_TITLE)).unwrap_or_default();
                    w.slice(&[u8::try_from(title.len()).map_err(|_| MuxError::TooLarge)?]);
                    w.slice(title.as_bytes());
                }
                Ok(())
            })
        })
    }

    fn write_mvex(&self, w: &mut BoxWriter) -> Result<(), MuxError> {
        w.boxed(*b"mvex", |w| {
            for track in &self.tracks {
                w.full(*b"trex", 0, 0, |w| {
                    w.u32(track.id);
                    w.u32(1);
                    w.zeros(12);
                    Ok(())
                })?;
            }
            Ok(())
        })
    }
}

impl TrackBox<'_> {
    /// The length that the track adds to the presentation, in ticks of the movie.
    fn duration(&self, movie_timescale: u32) -> Result<u64, MuxError> {
        let edited = self.edits.iter().try_fold(0_u64, |sum, edit| sum.checked_add(edit.duration));
        if !self.edits.is_empty() {
            return edited.ok_or(MuxError::TooLarge);
        }
        let ticks = u128::from(self.table.duration()) * u128::from(movie_timescale);
        u64::try_from(ticks.div_ceil(u128::from(self.spec.timescale))).map_err(|_| MuxError::TooLarge)
    }

    fn write_tkhd(&self, w: &mut BoxWriter, duration: u64, enabled: bool) -> Result<(), MuxError> {
        let version = version_for(duration);
        // Audio tracks are alternatives to each other: group 1.
        let (group, volume, width, height, matrix) = match self.spec.kind {
            TrackMedia::Video { width, height, matrix } => (0, 0, width, height, matrix),
            TrackMedia::Audio => (1, 0x100, 0, 0, Matrix::default()),
        };
        w.full(*b"tkhd", version, if enabled { ENABLED | IN_MOVIE } else { IN_MOVIE }, |w| {
            write_creation_times(w, version)?;
            w.u32(self.id);
            w.zeros(4);
            w.sized(version, duration)?;
            w.zeros(10);
            w.u16(group);
            w.u16(volume);
            w.zeros(2);
            write_matrix(w, &matrix);
            w.u32(u32::from(width) << 16);
            w.u32(u32::from(height) << 16);
            Ok(())
        })
    }

    fn write_edts(&self, w: &mut BoxWriter) -> Result<(), MuxError> {
        if self.edits.is_empty() {
            return Ok(());
        }
        let narrow = |edit: &EditEntry| {
            u32::try_from(edit.duration).is_ok() && i32::try_from(edit.media_time.unwrap_or(-1)).is_ok()
        };
        let version = u8::from(!self.edits.iter().all(narrow));
        w.boxed(*b"edts", |w| {
            w.full(*b"elst", version, 0, |w| {
                w.count(self.edits.len())?;
                self.edits.iter().try_for_each(|edit| write_edit(w, version, edit))
            })
        })
    }

    fn write_mdia(&self, w: &mut BoxWriter, offsets: ChunkOffsets) -> Result<(), MuxError> {
        let (handler, name): (_, &[u8]) = match self.spec.kind {
            TrackMedia::Video { .. } => (b"vide", b"VideoHandler\0"),
            TrackMedia::Audio => (b"soun", b"SoundHandler\0"),
        };
        w.boxed(*b"mdia", |w| {
            self.write_mdhd(w)?;
            w.full(*b"hdlr", 0, 0, |w| {
                w.zeros(4);
                w.slice(handler);
                w.zeros(12);
                w.slice(name);
                Ok(())
            })?;
            w.boxed(*b"minf", |w| {
                self.write_media_header(w)?;
                write_dinf(w)?;
                w.boxed(*b"stbl", |w| {
                    self.write_stsd(w)?;
                    self.table.write(w, offsets, self.spec.roll)
                })
            })
        })
    }

    fn write_mdhd(&self, w: &mut BoxWriter) -> Result<(), MuxError> {
        let duration = self.table.duration();
        let version = version_for(duration);
        w.full(*b"mdhd", version, 0, |w| {
            write_creation_times(w, version)?;
            w.u32(self.spec.timescale);
            w.sized(version, duration)?;
            w.u16(packed_language(self.spec.language));
            w.zeros(2);
            Ok(())
        })
    }

    fn write_media_header(&self, w: &mut BoxWriter) -> Result<(), MuxError> {
        let (kind, flags, length) = match self.spec.kind {
            TrackMedia::Video { .. } => (*b"vmhd", 1, 8),
            TrackMedia::Audio => (*b"smhd", 0, 4),
        };
        w.full(kind, 0, flags, |w| {
            w.zeros(length);
            Ok(())
        })
    }

    fn write_stsd(&self, w: &mut BoxWriter) -> Result<(), MuxError> {
        w.full(*b"stsd", 0, 0, |w| {
            w.count(self.spec.sample_entries.len())?;
            for entry in &self.spec.sample_entries {
                w.slice(entry);
            }
            Ok(())
        })
    }
}

/// Version 1 as soon as 32 bits do not hold the duration; all ones would mean "unknown".
fn version_for(duration: u64) -> u8 {
    u8::from(duration >= u64::from(u32::MAX))
}

/// Creation and modification time: unknown, so that equal clips are equal bytes.
fn write_creation_times(w: &mut BoxWriter, version: u8) -> Result<(), MuxError> {
    w.sized(version, 0)?;
    w.sized(version, 0)
}

fn write_matrix(w: &mut BoxWriter, matrix: &Matrix) {
    for value in matrix.0 {
        w.i32(value);
    }
}

fn write_edit(w: &mut BoxWriter, version: u8, edit: &EditEntry) -> Result<(), MuxError> {
    let media_time = edit.media_time.unwrap_or(-1);
    w.sized(version, edit.duration)?;
    if version == 0 {
        w.i32(i32::try_from(media_time).map_err(|_| MuxError::TooLarge)?);
    } else {
        w.i64(media_time);
    }
    w.u32(0x1_0000);
    Ok(())
}

/// One data reference: this file.
fn write_dinf(w: &mut BoxWriter) -> Result<(), MuxError> {
    w.boxed(*b"dinf", |w| {
        w.full(*b"dref", 0, 0, |w| {
            w.u32(1);
            w.full(*b"url ", 0, 1, |_| Ok(()))
        })
    })
}

/// Three letters of five bits each (8.4.2.3).
fn packed_language(code: [u8; 3]) -> u16 {
    let code = if code.iter().all(u8::is_ascii_lowercase) { code } else { *b"und" };
    code.iter().fold(0, |packed, letter| packed << 5 | u16::from(letter & 0x1f))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::testing::*;
    use super::super::{Mp4Tables, MuxSample};
    use super::*;

    const FAR: u64 = 1 << 32;

    fn finish(specs: Vec<TrackSpec>, samples: &[MuxSample], edits: &[Vec<EditEntry>]) -> Bytes {
        let tracks = specs.len();
        let mut tables = Mp4Tables::new(specs, 1000).unwrap();
        for track in 0..tracks {
            for sample in samples {
                tables.push(track, *sample).unwrap();
            }
        }
        tables.finish(edits).unwrap()
    }

    #[test]
    fn only_the_first_audio_track_is_enabled() {
        let head =
            finish(vec![audio(100), video(100), audio(100)], &[sample(0, 50, 9)], &[vec![], vec![], vec![]]);
        let headers = all(&head, "moov.trak.tkhd");
        let read: Vec<_> = headers.iter().map(|tkhd| (tkhd[3], u16_at(tkhd, 34), u16_at(tkhd, 36))).collect();
        assert_eq!(read, [(3, 1, 0x100), (3, 0, 0), (2, 1, 0x100)], "flags, alternate group, volume");
        assert_eq!((u32_at(headers[1], 76), u32_at(headers[1], 80)), (640 << 16, 360 << 16));
        assert_eq!(headers.iter().map(|tkhd| u32_at(tkhd, 12)).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(u32_at(only(&head, "moov.mvhd"), 96), 4, "next track_ID");
    }

    #[test]
    fn a_picture_s_matrix_is_written() {
        let turned = Matrix([0, 0x1_0000, 0, -0x1_0000, 0, 0, 360 << 16, 0, 0x4000_0000]);
        let spec =
            TrackSpec { kind: TrackMedia::Video { width: 640, height: 360, matrix: turned }, ..video(100) };
        let head = finish(vec![spec, audio(100)], &[sample(0, 50, 9)], &[vec![], vec![]]);
        let headers = all(&head, "moov.trak.tkhd");
        let read = |tkhd: &[u8]| std::array::from_fn(|n| u32_at(tkhd, 40 + 4 * n).cast_signed());
        assert_eq!([read(headers[0]), read(headers[1])], [turned.0, Matrix::default().0]);
    }

    #[test]
    fn handlers_name_the_media() {
        let head = finish(vec![video(100), audio(100)], &[sample(0, 50, 9)], &[vec![], vec![]]);
        let handlers = all(&head, "moov.trak.mdia.hdlr");
        assert_eq!(handlers[0][8..], *b"vide\0\0\0\0\0\0\0\0\0\0\0\0VideoHandler\0");
        assert_eq!(handlers[1][8..12], *b"soun");
        assert_eq!(only(&head, "moov.trak.mdia.minf.vmhd"), [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(only(&head, "moov.trak.mdia.minf.smhd"), [0; 8]);
        assert_eq!(
            all(&head, "moov.trak.mdia.minf.dinf.dref")[0],
            b"\0\0\0\0\0\0\0\x01\0\0\0\x0curl \0\0\0\x01"
        );
    }

    #[test]
    fn sample_entries_are_copied() {
        let head = finish(vec![video(100)], &[sample(0, 50, 9)], &[vec![]]);
        let entries = video(100).sample_entries.concat();
        assert_eq!(
            only(&head, "moov.trak.mdia.minf.stbl.stsd"),
            [&[0, 0, 0, 0, 0, 0, 0, 2], &entries[..]].concat()
        );
    }

    #[test]
    fn without_edits_durations_are_the_media_s() {
        // Presented from 60 to 110 thirds of a second.
        let late = MuxSample { pts: 60, ..sample(0, 50, 9) };
        let head = finish(vec![video(3)], &[late, sample(50, 50, 9)], &[vec![]]);
        assert!(all(&head, "moov.trak.edts").is_empty());
        assert_eq!(u32_at(only(&head, "moov.trak.mdia.mdhd"), 16), 110);
        assert_eq!(u32_at(only(&head, "moov.trak.tkhd"), 20), 36_667);
        assert_eq!(u32_at(only(&head, "moov.mvhd"), 16), 36_667);
    }

    #[test]
    fn edits_give_the_durations() {
        let empty = EditEntry { media_time: None, duration: 20 };
        let shown = EditEntry { media_time: Some(7), duration: 400 };
        let head =
            finish(vec![video(100), audio(100)], &[sample(0, 50, 9)], &[vec![empty, shown], vec![shown]]);
        let elst = all(&head, "moov.trak.edts.elst");
        assert_eq!(elst[0][0], 0);
        assert_eq!(rows(elst[0], 4, 3), [[20, u32::MAX, 0x1_0000], [400, 7, 0x1_0000]]);
        assert_eq!(rows(elst[1], 4, 3), [[400, 7, 0x1_0000]]);
        let durations = all(&head, "moov.trak.tkhd").iter().map(|tkhd| u32_at(tkhd, 20)).collect::<Vec<_>>();
        assert_eq!(durations, [420, 400]);
        assert_eq!(u32_at(only(&head, "moov.mvhd"), 16), 420);
    }

    #[test]
    fn large_times_have_64_bits() {
        let edits = vec![
            EditEntry { media_time: None, duration: 1 },
            EditEntry { media_time: Some(3), duration: FAR },
        ];
        let far_pts = [sample(0, 1, 9), sample(4_000_000_000, u32::MAX, 9)];
        let head = finish(vec![video(100)], &far_pts, &[edits]);
        let elst = only(&head, "moov.trak.edts.elst");
        assert_eq!(elst[0], 1);
        assert_eq!((u64_at(elst, 8), u64_at(elst, 16)), (1, u64::MAX));
        assert_eq!((u64_at(elst, 28), u64_at(elst, 36), u32_at(elst, 44)), (FAR, 3, 0x1_0000));
        let (mvhd, tkhd) = (only(&head, "moov.mvhd"), only(&head, "moov.trak.tkhd"));
        assert_eq!((mvhd[0], u64_at(mvhd, 24), mvhd.len()), (1, FAR + 1, 112));
        assert_eq!((tkhd[0], u64_at(tkhd, 28), tkhd.len()), (1, FAR + 1, 96));
        let media = only(&head, "moov.trak.mdia.mdhd");
        assert_eq!((media[0], u64_at(media, 24)), (1, 4_000_000_000 + u64::from(u32::MAX)));
    }

    #[test]
    fn a_duration_of_all_ones_has_64_bits() {
        let ones = EditEntry { media_time: Some(0), duration: u64::from(u32::MAX) };
        let head = finish(vec![video(100)], &[sample(0, 50, 9)], &[vec![ones]]);
        assert_eq!(
            (only(&head, "moov.mvhd")[0], only(&head, "moov.trak.tkhd")[0]),
            (1, 1),
            "32 bits mean unknown"
        );
        assert_eq!(only(&head, "moov.trak.edts.elst")[0], 0);
    }

    #[test]
    fn a_far_media_time_alone_has_64_bits() {
        let far = EditEntry { media_time: Some(1 << 31), duration: 1 };
        let head = finish(vec![video(100)], &[sample(0, 50, 9)], &[vec![far]]);
        assert_eq!(only(&head, "moov.trak.edts.elst")[0], 1);
    }

    #[test]
    fn languages_are_packed() {
        assert_eq!(packed_language(*b"und"), 0x55c4);
        assert_eq!(packed_language(*b"deu"), 0b00100_00101_10101);
        assert_eq!(packed_language(*b"de\0"), 0x55c4);
        let head = finish(vec![audio(100)], &[sample(0, 50, 9)], &[vec![]]);
        assert_eq!(u16_at(only(&head, "moov.trak.mdia.mdhd"), 20), packed_language(*b"deu"));
    }
}
