use super::*;

/// x264's parameter set of 320x180 at 25 fps, High profile.
const SPS: &[u8] = &[
    0x67, 0x64, 0x00, 0x0c, 0xac, 0xd9, 0x41, 0x41, 0x9f, 0x9f, 0x01, 0x6c, 0x80, 0x00, 0x00, 0x03, 0x00,
    0x80, 0x00, 0x00, 0x19, 0x07, 0x8a, 0x14, 0xcb,
];
const FULL_HD: (u32, u32) = (1920, 1080);
const UHD: (u32, u32) = (3840, 2160);
const EIGHT_K: (u32, u32) = (7680, 4320);
/// `chroma_format_idc` and bits.
const PLAIN: (u8, u8) = (1, 8);
const DEEP: (u8, u8) = (1, 10);
const STUDIO: (u8, u8) = (2, 10);
const FULL: (u8, u8) = (3, 10);
/// The default of `ClipMemoryMb`.
const CLIP_WORKER: u64 = 3008 * MIB;

fn sps((width, height): (u32, u32), (chroma_format_idc, bits): (u8, u8)) -> Sps {
    let mut sps = Sps::parse(VideoCodec::H264, SPS).unwrap();
    sps.chroma_format_idc = chroma_format_idc;
    (sps.bit_depth_luma, sps.bit_depth_chroma) = (bits, bits);
    (sps.coded_width, sps.coded_height) = (width, height);
    (sps.width, sps.height) = (width, height);
    sps.max_ref_frames = 4;
    sps
}

fn share(sps: &Sps, codec: VideoCodec, reordered: usize, memory: u64, cores: usize) -> Option<Share> {
    let format = PictureFormat::of(sps).unwrap();
    Load { sps, recorded: &format, clip: &format, codec, reordered, renders: 2 }.share(memory, cores)
}

#[test]
fn a_process_weighs_what_was_measured() {
    let encoders = [
        (VideoCodec::H264, FULL_HD, PLAIN, 0, 3, 10, 261),
        (VideoCodec::H264, FULL_HD, STUDIO, 0, 3, 10, 552),
        (VideoCodec::H264, FULL_HD, STUDIO, 2, 1, 10, 503),
        (VideoCodec::H264, UHD, PLAIN, 0, 3, 10, 823),
        (VideoCodec::H264, UHD, STUDIO, 0, 3, 10, 1947),
        (VideoCodec::H264, UHD, STUDIO, 0, 1, 2, 1153),
        (VideoCodec::Hevc, FULL_HD, PLAIN, 0, 2, 10, 292),
        (VideoCodec::Hevc, FULL_HD, STUDIO, 2, 1, 10, 684),
        (VideoCodec::Hevc, UHD, PLAIN, 2, 1, 10, 1252),
        (VideoCodec::Hevc, UHD, STUDIO, 0, 2, 10, 2003),
        (VideoCodec::Hevc, UHD, STUDIO, 2, 2, 10, 2380),
        (VideoCodec::Hevc, UHD, STUDIO, 0, 1, 3, 1519),
    ];
    for (codec, size, kind, reordered, threads, ahead, measured) in encoders {
        let format = PictureFormat::of(&sps(size, kind)).unwrap();
        let weighs = encoder(codec, &format, reordered, threads, ahead) / MIB;
        let near = measured * 95 / 100..=measured * 120 / 100;
        assert!(
            near.contains(&weighs),
            "{codec:?} {size:?} {kind:?} {reordered} {threads} {ahead}: {weighs}"
        );
    }
    for (size, kind, cores, measured) in
        [(FULL_HD, PLAIN, 2, 117), (UHD, PLAIN, 2, 324), (UHD, STUDIO, 1, 610), (UHD, STUDIO, 4, 720)]
    {
        let sps = sps(size, kind);
        let weighs = decoder(&sps, &PictureFormat::of(&sps).unwrap(), cores) / MIB;
        let near = measured * 95 / 100..=measured * 125 / 100;
        assert!(near.contains(&weighs), "{size:?} {kind:?} {cores}: {weighs}");
    }
}

#[test]
fn what_is_light_is_rendered_side_by_side_and_what_is_heavy_alone_frugally_or_not_at_all() {
    let shares = [
        (VideoCodec::H264, FULL_HD, PLAIN, Some((2, false))),
        (VideoCodec::Hevc, FULL_HD, STUDIO, Some((2, false))),
        (VideoCodec::H264, UHD, PLAIN, Some((2, false))),
        (VideoCodec::Hevc, UHD, PLAIN, Some((1, false))),
        (VideoCodec::Hevc, UHD, DEEP, Some((1, false))),
        (VideoCodec::Hevc, UHD, STUDIO, Some((1, true))),
        (VideoCodec::H264, UHD, STUDIO, Some((1, true))),
        (VideoCodec::Hevc, UHD, FULL, None),
        (VideoCodec::Hevc, EIGHT_K, PLAIN, None),
        (VideoCodec::Hevc, EIGHT_K, FULL, None),
    ];
    for (codec, size, kind, wanted) in shares {
        let found = share(&sps(size, kind), codec, 0, CLIP_WORKER, 2);
        let wanted = wanted.map(|(at_once, frugal)| Share { at_once, frugal });
        assert_eq!(found, wanted, "{codec:?} {size:?} {kind:?}");
    }
}

#[test]
fn what_is_begun_fits_and_more_memory_never_does_less() {
    for codec in [VideoCodec::H264, VideoCodec::Hevc] {
        for kind in [PLAIN, DEEP, STUDIO, FULL] {
            for size in [(320, 180), FULL_HD, UHD, EIGHT_K] {
                let (sps, mut before) = (sps(size, kind), 0);
                let format = PictureFormat::of(&sps).unwrap();
                let load =
                    Load { sps: &sps, recorded: &format, clip: &format, codec, reordered: 2, renders: 6 };
                for memory in (128..=10_240).step_by(64).map(|mib: u64| mib * MIB) {
                    let Some(share) = load.share(memory, 6) else {
                        assert!(before == 0 && load.least(6) > memory);
                        continue;
                    };
                    let rank = if share.frugal { 1 } else { share.at_once + 1 };
                    let takes = beside(&format) + count(share.at_once) * load.render(share.frugal, 6);
                    assert!(rank >= before && takes <= memory, "{codec:?} {kind:?} {size:?} {memory}");
                    before = rank;
                }
            }
        }
    }
}

#[test]
fn pictures_that_are_cropped_weigh_what_is_decoded() {
    let whole = sps(EIGHT_K, STUDIO);
    let mut cropped = whole.clone();
    (cropped.width, cropped.height, cropped.max_ref_frames) = (64, 64, u32::MAX);
    let of = |sps: &Sps| decoder(sps, &PictureFormat::of(sps).unwrap(), 2);
    assert!(of(&cropped) > of(&whole));
}
