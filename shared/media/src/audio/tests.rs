use super::*;

/// A sample entry: its type, channels, rate, and the boxes behind its fields.
fn entry(fourcc: [u8; 4], channels: u16, rate: u16, boxes: &[u8], codec: Codec) -> SampleEntry {
    let size = u32::try_from(36 + boxes.len()).unwrap().to_be_bytes();
    let fields = [&[0; 16][..], &channels.to_be_bytes(), &[0; 6], &rate.to_be_bytes(), &[0; 2]].concat();
    let bytes = [&size[..], &fourcc, &fields, boxes].concat().into();
    SampleEntry { fourcc, bytes, codec, width: 0, height: 0, encrypted: false }
}

fn boxed(kind: [u8; 4], body: &[u8]) -> Vec<u8> {
    [&u32::try_from(8 + body.len()).unwrap().to_be_bytes()[..], &kind, body].concat()
}

fn aac(config: &[u8], entry_rate: u16, timescale: u32) -> AudioFormat {
    let codec =
        Codec::Aac { object_type: 2, sample_rate: 0, channels: 0, config: Bytes::copy_from_slice(config) };
    AudioFormat::of(&entry(*b"mp4a", 2, entry_rate, &[], codec), timescale)
}

const LC_48: &[u8] = &[0x11, 0x90];
const LC_44: &[u8] = &[0x12, 0x10];
const LC_24: &[u8] = &[0x13, 0x10];
/// SBR, core 24 kHz, 48 kHz.
const HE_48: &[u8] = &[0x2b, 0x11, 0x88, 0x00];
/// LC at 24 kHz, and behind it the announcement of SBR to 48 kHz.
const LC_24_AND_SBR: &[u8] = &[0x13, 0x10, 0x56, 0xe5, 0x98];
/// LC at 48 kHz, and behind it the announcement that there is no SBR.
const LC_48_NO_SBR: &[u8] = &[0x11, 0x90, 0x56, 0xe5, 0x00];

#[test]
fn the_rate_is_that_of_the_decoded_audio_whatever_the_ticks() {
    for timescale in [48_000, 90_000, 10_000_000, 1000, 1] {
        assert_eq!(aac(LC_48, 48_000, timescale).rate(), 48_000);
        assert_eq!(aac(HE_48, 24_000, timescale).rate(), 48_000);
        assert_eq!(aac(LC_24_AND_SBR, 24_000, timescale).rate(), 48_000);
        assert_eq!(aac(LC_48_NO_SBR, 48_000, timescale).rate(), 48_000);
    }
    assert_eq!(aac(LC_24, 24_000, 90_000).rate(), 24_000);
    assert_eq!(aac(LC_24, 48_000, 90_000).rate(), 48_000, "the entry says that there is SBR");
    assert_eq!(aac(LC_24, 0, 48_000).rate(), 48_000, "the ticks say that there is SBR");
    let ac3 = entry(*b"ac-3", 2, 0, &boxed(*b"dac3", &[0x50, 0x11, 0]), Codec::Ac3);
    assert_eq!(AudioFormat::of(&ac3, 90_000).rate(), 44_100);
    let eac3 = entry(*b"ec-3", 2, 44_100, &boxed(*b"dec3", &[0, 0, 0x20, 0, 0]), Codec::Eac3);
    assert_eq!(AudioFormat::of(&eac3, 90_000).rate(), 48_000);
    let opus = entry(*b"Opus", 2, 16_000, &boxed(*b"dOps", &[0; 11]), Codec::Opus);
    assert_eq!(AudioFormat::of(&opus, 1000).rate(), 48_000);
    let info = [&[0; 18][..], &[0x17, 0x70, 0x00], &[0; 21]].concat();
    let flac = entry(*b"fLaC", 2, 0, &boxed(*b"dfLa", &info), Codec::Other);
    assert_eq!(AudioFormat::of(&flac, 90_000).rate(), 96_000);
    assert_eq!(AudioFormat::of(&entry(*b"ipcm", 2, 0, &[], Codec::Other), 32_000).rate(), 32_000);
}

#[test]
fn a_frame_that_is_said_to_end_early_is_decoded_as_a_whole() {
    let lc = aac(LC_48, 48_000, 48_000);
    assert_eq!(
        [lc.decoded_length(32, 1024), lc.decoded_length(1024, 1024), lc.decoded_length(2048, 1024)],
        [1024, 1024, 2048]
    );
    assert_eq!(
        [lc.decoded_length(32, 0), lc.decoded_length(1024, 2048)],
        [32, 1024],
        "behind a frame of no usual length"
    );
    let opus = entry(*b"Opus", 2, 0, &boxed(*b"dOps", &[0; 11]), Codec::Opus);
    assert_eq!(AudioFormat::of(&opus, 48_000).decoded_length(120, 960), 120, "its frames may differ");
    let pcm = entry(*b"ipcm", 2, 0, &[], Codec::Other);
    assert_eq!(AudioFormat::of(&pcm, 48_000).decoded_length(120, 960), 120);
}

#[test]
fn a_frame_has_as_many_samples_as_its_codec_says() {
    let length = |format: &AudioFormat, about| format.frame_length(about);
    let lc = aac(LC_48, 48_000, 1000);
    for about in [0, 1008, 1056, 1024] {
        assert_eq!(length(&lc, about), 1024, "{about}");
    }
    assert_eq!(length(&aac(LC_48, 48_000, 600), 960), 1024);
    assert_eq!(length(&aac(LC_48, 48_000, 90_000), 960), 960, "a clock that would have said better");
    assert_eq!(length(&lc, 4096), 4096, "a gap that the recorder put into a duration");
    assert_eq!(length(&aac(HE_48, 24_000, 1000), 2016), 2048);
    assert_eq!(length(&aac(&[0x11, 0x94], 48_000, 1000), 960), 960, "frames of 960");
    let eac3 = entry(*b"ec-3", 2, 0, &boxed(*b"dec3", &[0, 0, 0x20, 0, 0]), Codec::Eac3);
    assert_eq!(length(&AudioFormat::of(&eac3, 1000), 500), 512);
    let opus = entry(*b"Opus", 2, 0, &boxed(*b"dOps", &[0; 11]), Codec::Opus);
    assert_eq!(length(&AudioFormat::of(&opus, 1000), 980), 960);
    let pcm = entry(*b"ipcm", 2, 0, &[], Codec::Other);
    assert_eq!(length(&AudioFormat::of(&pcm, 48_000), 1), 1);
}

#[test]
fn frames_go_with_frames_that_the_same_decoder_reads_the_same_way() {
    let lc = aac(LC_48, 48_000, 48_000);
    assert!(lc.goes_with(&aac(LC_48_NO_SBR, 48_000, 90_000)));
    for other in [aac(LC_44, 44_100, 44_100), aac(HE_48, 48_000, 48_000), aac(&[0x11, 0x88], 48_000, 48_000)]
    {
        assert!(!lc.goes_with(&other) && !other.goes_with(&lc));
    }
    let dolby = |channels| {
        AudioFormat::of(&entry(*b"ac-3", channels, 0, &boxed(*b"dac3", &[0x10, 0x11, 0]), Codec::Ac3), 48_000)
    };
    assert!(dolby(2).goes_with(&dolby(6)));
    assert!(!dolby(2).goes_with(&lc));
}

#[test]
fn transport_streams_carry_what_their_headers_can_say() {
    for good in [LC_48, HE_48, LC_24_AND_SBR] {
        assert!(aac(good, 48_000, 48_000).fits_transport_stream());
    }
    // Frames of 960, a rate that is written out (50 kHz), xHE-AAC, low delay, enhanced low delay.
    let [short, odd] = [&[0x11, 0x94][..], &[0x17, 0x80, 0x61, 0xa8, 0x10]];
    for bad in [short, odd, &[0xf9, 0x46, 0x43], &[0xb9, 0x90], &[0xf8, 0xe6, 0x30]] {
        assert!(!aac(bad, 48_000, 48_000).fits_transport_stream(), "{bad:x?}");
    }
    assert!(!AudioFormat::of(&entry(*b"ac-4", 2, 48_000, &[], Codec::Other), 48_000).fits_transport_stream());
}

#[test]
fn other_audio_is_encoded_to_what_an_encoder_can_make() {
    assert_eq!(aac(LC_44, 44_100, 90_000).target(), Some(AudioTarget { rate: 44_100, channels: 2 }));
    assert_eq!(aac(HE_48, 48_000, 48_000).target(), None);
    let flac = AudioFormat::of(&entry(*b"fLaC", 7, 0, &[], Codec::Other), 96_000);
    assert_eq!((flac.target(), flac.fallback()), (None, AudioTarget { rate: 48_000, channels: 6 }));
    assert_eq!(AudioTarget { rate: 8000, channels: 1 }.bitrate(), 32_000);
    assert_eq!(AudioTarget { rate: 48_000, channels: 2 }.bitrate(), 192_000);
}

#[test]
fn an_encoder_starts_where_its_frames_follow_the_ones_before() {
    let target = AudioTarget { rate: 48_000, channels: 2 };
    let grid = Nanos::from_millis(8000);
    for ms in [-50, -1, 0, 1, 21, 22, 500_000] {
        let at = Nanos::from_millis(8000 + ms);
        let origin = target.on_grid(grid, at);
        assert!(origin <= at && at - origin < Nanos::new(21_333_335), "{ms}");
        let ticks = crate::arrange::ticks(origin - grid, 48_000);
        assert_eq!(ticks % 1024, 0, "{ms}");
    }
    assert_eq!(target.heard_at(0), Nanos::new(-21_333_333));
    assert_eq!(target.heard_at(1), Nanos::ZERO);
}

#[test]
fn any_configuration_is_read_or_refused() {
    for first in 0..=u8::MAX {
        for second in 0..=u8::MAX {
            for rest in [&[][..], &[0; 6], &[0xff; 6], &[0x56, 0xe5, 0x98]] {
                let format = aac(&[&[first, second], rest].concat(), 48_000, 48_000);
                assert!(RATES.contains(&format.rate()), "{first:x} {second:x}");
                assert!(format.frame_length(1024) > 0);
            }
        }
    }
}
