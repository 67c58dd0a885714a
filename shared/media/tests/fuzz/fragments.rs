//! Init segments, fragments, indexes and streams of them.

use crate::boxes::{self, files};
use crate::pictures::samples;
use crate::seeds::{FILES, TRACKS, head};
use bytes::Bytes;
use export_fuzz::damage::number;
use export_fuzz::{config, measured};
use export_media::entries::{SharedEntry, free_parameter_id, without_parameter_sets};
use export_media::fmp4::{
    Codec, Fmp4Error, FragmentEvent, FragmentReader, Index, IndexEntry, Init, InitTrack, MAX_SAMPLES,
    MoofRead, SampleEntry, read_fragments, read_moof, read_readable, unwrap_times,
};
use export_media::language::iso_639_2;
use export_media::picture::{DecoderConfig, PictureFormat};
use export_media::sample::Sample;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index as Place;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

/// What any call may hold besides what its input and output account for.
const FIXED: usize = 16 << 10;

/// A sample in lists that grow and are copied.
const SAMPLE: usize = 6 * size_of::<Sample>();

/// For samples that were read, or for as many as may be if something after them is refused.
fn samples_limit(file: &[u8], samples: Option<usize>) -> usize {
    FIXED + 2 * file.len() + samples.unwrap_or(MAX_SAMPLES) * SAMPLE
}

/// Parameter sets cost most: two bytes of length become a handle in a list that grows.
fn init_limit(file: &[u8]) -> usize {
    FIXED + file.len() / 2 * 3 * size_of::<Bytes>() + 64 * 3 * size_of::<InitTrack>()
}

fn tracks(file: &[u8]) -> Vec<InitTrack> {
    Init::parse(file).map_or_else(|_| TRACKS.clone(), |init| init.tracks)
}

fn offset() -> impl Strategy<Value = u64> {
    prop_oneof![3 => Just(0_u64), 1 => number()]
}

/// What comes out of a reader that gets `chunks` of a stream over and over.
fn events(file: &[u8], chunks: &[usize]) -> (Vec<FragmentEvent>, Result<(), Fmp4Error>) {
    let (mut reader, mut events, mut rest) = (FragmentReader::new(), Vec::new(), file);
    for size in chunks.iter().cycle() {
        let (chunk, after) = rest.split_at((*size).min(rest.len()));
        rest = after;
        reader.push(chunk);
        loop {
            match reader.next_event() {
                Ok(Some(event)) => events.push(event),
                Ok(None) => break,
                Err(error) => return (events, Err(error)),
            }
        }
        if rest.is_empty() {
            break;
        }
    }
    (events, reader.finish())
}

/// A recording's init segment before fragments.
fn with_fragments() -> impl Strategy<Value = Vec<u8>> {
    boxes::fragments().prop_map(|fragments| [head(&FILES[3]), &fragments].concat())
}

fn is_configuration(entry: &SampleEntry) -> bool {
    match &entry.codec {
        Codec::H264 { nal_length_size, .. } | Codec::Hevc { nal_length_size, .. } => {
            (1..=4).contains(nal_length_size)
        }
        _ => true,
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn init_segments(file in files()) {
        let (init, peak) = measured(|| Init::parse(&file));
        prop_assert!(peak <= init_limit(&file), "{peak} bytes for {}", file.len());
        for track in init.iter().flat_map(|init| &init.tracks) {
            prop_assert!(track.language.iter().all(u8::is_ascii_lowercase));
            prop_assert!(!track.sample_entries.is_empty() && track.sample_entries.iter().all(is_configuration));
        }
    }

    #[test]
    fn fragments(file in prop_oneof![files(), boxes::fragments()], base in offset(), near in any::<i64>()) {
        for track in tracks(&file).iter().take(4) {
            let (samples, peak) = measured(|| read_fragments(track, &file, base));
            let limit = samples_limit(&file, samples.as_ref().ok().map(Vec::len));
            prop_assert!(peak <= limit, "{peak} bytes for {}", file.len());
            let end = base.saturating_add(u64::try_from(file.len()).unwrap());
            let (readable, damage) = read_readable(track, &file, base);
            prop_assert_eq!(samples.as_ref().err(), damage.as_ref());
            prop_assert!(samples.as_ref().map_or(true, |samples| *samples == readable));
            for sample in &readable {
                prop_assert!(base <= sample.offset && sample.end() <= end, "{sample:?}");
            }
            let mut moved = samples.unwrap_or_default();
            let first = moved.first().map(|sample| sample.dts);
            unwrap_times(&mut moved, near);
            let by = moved.first().zip(first).map_or(0, |(moved, first)| moved.dts.saturating_sub(first));
            prop_assert!(by == 0 || by % (1 << 32) == 0 && by > 0, "{by} ticks");
        }
    }

    #[test]
    fn first_fragments(file in prop_oneof![files(), boxes::fragments()], base in offset(), cut in any::<Place>()) {
        let prefix = &file[..cut.index(file.len() + 1)];
        for track in tracks(&file).iter().take(2) {
            let (read, peak) = measured(|| read_moof(track, prefix, base));
            match read {
                Ok(MoofRead::Ready { samples, .. }) => {
                    prop_assert!(peak <= samples_limit(prefix, Some(samples.len())), "{peak} bytes");
                    let whole = read_moof(track, &file, base);
                    let same = matches!(&whole, Ok(MoofRead::Ready { samples: all, .. }) if *all == samples);
                    // The header behind the fragment may be malformed.
                    prop_assert!(same || matches!(whole, Err(Fmp4Error::Malformed("sized"))), "{whole:?}");
                }
                Ok(MoofRead::NeedMore { at_least }) => {
                    prop_assert!(at_least > u64::try_from(prefix.len()).unwrap());
                }
                Err(_) => prop_assert!(peak <= samples_limit(prefix, None)),
            }
        }
    }

    #[test]
    fn indexes(file in prop_oneof![files(), boxes::indexes()], base in offset()) {
        let (index, peak) = measured(|| Index::parse(&file, base));
        prop_assert!(peak <= FIXED + (1 << 16) * size_of::<IndexEntry>(), "{peak} bytes");
        let entries = index.map_or(Vec::new(), |index| index.entries);
        prop_assert!(entries.iter().all(|entry| entry.size > 0));
        for pair in entries.windows(2) {
            prop_assert_eq!(pair[0].offset + u64::from(pair[0].size), pair[1].offset);
        }
    }

    #[test]
    fn streams_however_they_are_cut(file in prop_oneof![files(), with_fragments()], chunks in vec(1..2000_usize, 1..4)) {
        let (whole, peak) = measured(|| events(&file, &[file.len().max(1)]));
        let samples = |event: &FragmentEvent| match event {
            FragmentEvent::Init(..) => 0,
            FragmentEvent::Fragment(samples) => samples.len(),
        };
        let read = whole.1.is_ok().then(|| whole.0.iter().map(samples).sum());
        let limit = 2 * samples_limit(&file, read) + whole.0.len() * init_limit(&file);
        prop_assert!(peak <= limit, "{peak} bytes for {}", file.len());
        prop_assert_eq!(events(&file, &chunks), whole);
    }

    #[test]
    fn decoder_configurations(file in files(), sample in vec(any::<u8>(), 0..60)) {
        for entry in tracks(&file).iter().flat_map(|track| &track.sample_entries) {
            let (config, peak) = measured(|| DecoderConfig::of(entry));
            prop_assert!(peak <= FIXED + 8 * entry.bytes.len(), "{peak} bytes for {}", entry.bytes.len());
            let Some(config) = config else { continue };
            let (sps, peak) = measured(|| config.sps(&sample));
            prop_assert!(peak <= FIXED, "{peak} bytes");
            if let Some(format) = sps.ok().and_then(|sps| PictureFormat::of(&sps)) {
                let bytes = u64::try_from(format.frame_bytes()).unwrap();
                prop_assert!(format.pixels() <= bytes && bytes <= 6 * format.pixels());
            }
        }
    }

    #[test]
    fn sample_entries(files in vec(files(), 1..3), (_, sample, _) in samples()) {
        let entries: Vec<SampleEntry> =
            files.iter().flat_map(|file| tracks(file)).flat_map(|track| track.sample_entries).take(9).collect();
        let bytes: usize = entries.iter().map(|entry| entry.bytes.len()).sum();
        let sample = Bytes::from(sample);
        let (boxed, peak) = measured(|| {
            let mut shared = SharedEntry::default();
            for config in entries.iter().filter_map(DecoderConfig::of) {
                let _ = shared.sample(&config, &sample);
            }
            shared.boxed()
        });
        prop_assert!(peak <= FIXED + 40 * bytes + 4 * size_of::<Bytes>() * sample.len(), "{peak} bytes for {bytes}");
        let united = boxed.into_iter();
        for made in united.chain(entries.iter().flat_map(without_parameter_sets)) {
            prop_assert_eq!(made.first_chunk().map(|size| u32::from_be_bytes(*size)), u32::try_from(made.len()).ok());
        }
        let codecs: Vec<&Codec> = entries.iter().map(|entry| &entry.codec).collect();
        prop_assert!(free_parameter_id(&codecs).is_none_or(|id| id <= 31));
    }

    #[test]
    fn languages(tag in "\\PC{0,12}", near in "[a-zA-Z]{0,4}[-_]?[A-Za-z0-9]{0,9}") {
        for tag in [tag, near] {
            let (code, peak) = measured(|| iso_639_2(&tag));
            prop_assert!(peak <= FIXED && code.is_none_or(|code| code.iter().all(u8::is_ascii_lowercase)));
        }
    }
}

#[test]
fn many_fragments_and_indexes_that_follow_the_syntax_are_read() {
    let mut runner = TestRunner::deterministic();
    let init = Init::parse(head(&FILES[3])).unwrap();
    let fragments = boxes::fragments();
    let mut read = || fragments.new_tree(&mut runner).unwrap().current();
    let samples = |file: &[u8]| read_fragments(&init.tracks[0], file, 0).map_or(0, |samples| samples.len());
    assert!((0..200).filter(|_| samples(&read()) > 1).count() > 30);
    let indexes = boxes::indexes();
    let mut read = || Index::parse(&indexes.new_tree(&mut runner).unwrap().current(), 0);
    assert!((0..200).filter(|_| read().is_ok_and(|index| index.entries.len() > 1)).count() > 30);
}
