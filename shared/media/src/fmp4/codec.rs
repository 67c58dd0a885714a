//! Sample entries and the decoder configurations in them (ISO/IEC 14496-15, 14496-14, 14496-3).

use super::boxes::{Child, Cursor, children, find};
use super::{Fmp4Error, TrackKind};
use crate::display::{Look, ratio};
use crate::nal::{Colour, VideoCodec, flagged_interlaced, with_look, without_restrictions};
use bytes::Bytes;

const VISUAL_FIELDS: usize = 78;
const AUDIO_FIELDS: usize = 28;

/// Parameter sets of one configuration: as many as `avcC` can count, and more than HEVC has ids for.
const MAX_SETS: usize = 31 + 255;

/// One entry of `stsd`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleEntry {
    /// Its type, as written.
    pub fourcc: [u8; 4],
    /// The whole box, to be copied.
    pub bytes: Bytes,
    /// The decoder configuration; [`Codec::Other`] if encrypted.
    pub codec: Codec,
    /// Coded pixels, 0 for audio.
    pub width: u16,
    /// Coded pixels, 0 for audio.
    pub height: u16,
    /// `encv`, `enca` or a protection scheme.
    pub encrypted: bool,
}

/// A decoder configuration. Parameter sets are whole NAL units; in-band ones (`avc3`, `hev1`) may be missing here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Codec {
    /// `avcC`.
    H264 {
        /// Bytes of each NAL unit's length, 1 to 4.
        nal_length_size: usize,
        /// Sequence parameter sets.
        sps: Vec<Bytes>,
        /// Picture parameter sets.
        pps: Vec<Bytes>,
    },
    /// `hvcC`.
    Hevc {
        /// Bytes of each NAL unit's length, 1 to 4.
        nal_length_size: usize,
        /// Video parameter sets.
        vps: Vec<Bytes>,
        /// Sequence parameter sets.
        sps: Vec<Bytes>,
        /// Picture parameter sets.
        pps: Vec<Bytes>,
    },
    /// `esds` with an AAC configuration.
    Aac {
        /// MPEG-4 audio object type: 2 is LC, 5 and 29 are HE.
        object_type: u8,
        /// Of the core, in Hz.
        sample_rate: u32,
        /// `channelConfiguration`; 0 means that the stream itself says.
        channels: u8,
        /// `AudioSpecificConfig`.
        config: Bytes,
    },
    /// `dac3`.
    Ac3,
    /// `dec3`.
    Eac3,
    /// `dOps`.
    Opus,
    /// `esds` with MPEG-1 or MPEG-2 audio, such as MP3.
    MpegAudio,
    /// Not one that is copied.
    Other,
}

impl SampleEntry {
    /// The first sample entry box of a picture track in `data`.
    ///
    /// # Errors
    /// As the box deserves.
    pub fn of_pictures(data: &[u8]) -> Result<Self, Fmp4Error> {
        Self::of(data, TrackKind::Video)
    }

    /// The first sample entry box of a track of `kind` in `data`.
    ///
    /// # Errors
    /// As the box deserves.
    pub fn of(data: &[u8], kind: TrackKind) -> Result<Self, Fmp4Error> {
        let entry = children(data).next().ok_or(Fmp4Error::Missing("sample entry"))?;
        sample_entry(&entry?, kind)
    }

    /// `channelcount` and the whole Hz of `samplerate` of an audio sample entry (14496-12, 12.2.3); zeros if there are none.
    pub fn channels_and_rate(&self) -> (u16, u32) {
        let fields = || {
            let mut cursor = children(&self.bytes).next()?.ok()?.cursor();
            cursor.skip(16).ok()?;
            let channels = cursor.u16().ok()?;
            cursor.skip(6).ok()?;
            Some((channels, u32::from(cursor.u16().ok()?)))
        };
        fields().unwrap_or_default()
    }

    /// The body of a box behind the fields of an audio sample entry; `None` if there is none, or it cannot be told.
    pub(crate) fn audio_box(&self, kind: [u8; 4]) -> Option<&[u8]> {
        find(self.audio_boxes()?, kind).ok().flatten().map(|child| child.body)
    }

    /// The boxes behind the fields of an audio sample entry.
    pub(crate) fn audio_boxes(&self) -> Option<&[u8]> {
        children(&self.bytes).next()?.ok()?.body.get(AUDIO_FIELDS..)
    }

    /// The `AVCDecoderConfigurationRecord` or `HEVCDecoderConfigurationRecord`, as written.
    pub(crate) fn configuration(&self) -> Result<&[u8], Fmp4Error> {
        self.around_configuration().map(|[_, record, _]| record)
    }

    /// The whole box with another type and another such record; everything else is copied.
    pub(crate) fn with_configuration(&self, fourcc: [u8; 4], record: &[u8]) -> Result<Bytes, Fmp4Error> {
        let [before, _, after] = self.around_configuration()?;
        let size = |parts: &[&[u8]]| {
            let length = parts.iter().fold(8, |length, part| part.len().saturating_add(length));
            u32::try_from(length).map(u32::to_be_bytes).map_err(|_| Fmp4Error::TooMany("sample entry"))
        };
        let kind = self.configuration_kind()?;
        let configuration = [&size(&[record])?[..], &kind, record].concat();
        let parts = [before, &configuration, after];
        Ok([&size(&parts)?[..], &fourcc, &parts.concat()].concat().into())
    }

    /// The look of its pictures. A box that cannot be read says nothing.
    pub fn look(&self) -> Look {
        let mut look = Look::default();
        for child in self.extensions() {
            match &child.kind {
                b"pasp" => {
                    look.aspect_ratio = look.aspect_ratio.or(pixel_shape(child.cursor()).ok().flatten());
                }
                b"colr" => {
                    if let Ok(Some((colour, range))) = colour(child.cursor()) {
                        (look.colour, look.full_range) = (Some(colour), range);
                    }
                }
                b"fiel" => look.bottom_first = look.bottom_first.or(bottom_first(child.body)),
                _ => {}
            }
        }
        look
    }

    /// Its boxes behind the fixed fields, up to the first bytes that are not a box: some writers end with four zeros.
    fn extensions(&self) -> Vec<Child<'_>> {
        let entry = children(&self.bytes).next().and_then(Result::ok);
        let extensions = entry.and_then(|entry| entry.body.get(VISUAL_FIELDS..)).unwrap_or_default();
        children(extensions).map_while(Result::ok).collect()
    }

    /// The same entry with parameter sets that say of pixel shape and colours what the entry's own boxes say, since
    /// some players and transport streams know the sets only, and that are ended where they are cut off. `None` if
    /// there is nothing to change.
    pub(crate) fn with_look_in_sets(&self) -> Option<Self> {
        let (look, codec) = (self.look(), self.video_codec()?);
        let record = self.configuration().ok()?;
        let changed = match codec {
            VideoCodec::H264 => with_avc_sps(record, |unit| with_look(codec, unit, &look)),
            VideoCodec::Hevc => {
                with_hevc_sets(record, |kind, unit| with_look(codec, unit, &look).filter(|_| kind == 33))
            }
        };
        let record = changed.ok().filter(|changed| changed != record)?;
        let bytes = self.with_configuration(self.fourcc, &record).ok()?;
        let codec = match codec {
            VideoCodec::H264 => avc(Cursor::new(&record)),
            VideoCodec::Hevc => hevc(Cursor::new(&record)),
        };
        Some(Self { bytes, codec: codec.ok()?, ..self.clone() })
    }

    /// The same entry, an encoder's, with the boxes of the recorded one beside its decoder configuration, so that
    /// encoded pictures are shown as the recorded ones are. Its own boxes stay where the recorded entry has none of the
    /// kind; what describes the coded bits (bit rates, Dolby Vision) is taken over only between entries of one codec.
    ///
    /// # Errors
    /// [`Fmp4Error`] for an encoder's entry that is not a sample entry.
    pub fn dressed_as(&self, recorded: &Self) -> Result<Self, Fmp4Error> {
        let kind = self.configuration_kind()?;
        let [before, record, _] = self.around_configuration()?;
        let same = recorded.configuration_kind().is_ok_and(|recorded| recorded == kind);
        let shown = |child: &Child<'_>| {
            let configures = matches!(&child.kind, b"avcC" | b"hvcC" | b"lhvC" | b"btrt");
            let shows =
                matches!(&child.kind, b"pasp" | b"colr" | b"clap" | b"fiel" | b"mdcv" | b"clli" | b"amve");
            !configures && (same || shows)
        };
        let taken: Vec<Child<'_>> = recorded.extensions().into_iter().filter(shown).collect();
        let own = self.extensions();
        let kept = own.iter().filter(|child| {
            matches!(&child.kind, b"pasp" | b"colr") && !taken.iter().any(|t| t.kind == child.kind)
        });
        let mut after: Vec<&[u8]> = taken.iter().map(|child| child.bytes).collect();
        after.extend(kept.map(|child| child.bytes));
        let fields = before.get(..VISUAL_FIELDS).ok_or(Fmp4Error::Truncated)?;
        let configuration = sized_box(kind, &[record])?;
        let parts = [&[fields, &configuration[..]], &after[..]].concat();
        Ok(Self { bytes: sized_box(self.fourcc, &parts)?.into(), ..self.clone() })
    }

    /// The same entry, an encoder's, with a `fiel` box that says which field is shown first; HEVC: and with parameter
    /// sets that say that the source was interlaced.
    ///
    /// # Errors
    /// [`Fmp4Error`] for an encoder's entry that is not a sample entry.
    pub fn with_fields(&self, bottom_first: bool) -> Result<Self, Fmp4Error> {
        let mut entry = self.clone();
        if let Codec::Hevc { .. } = self.codec {
            let mut record = with_hevc_sets(self.configuration()?, |_, unit| flagged_interlaced(unit))?;
            if let Some(flags) = record.get_mut(6) {
                *flags = *flags & 0x3f | 0x40;
            }
            entry.bytes = self.with_configuration(self.fourcc, &record)?;
            entry.codec = hevc(Cursor::new(&record))?;
        }
        if self.extensions().iter().any(|child| &child.kind == b"fiel") {
            return Ok(entry);
        }
        let fields = sized_box(*b"fiel", &[&[2, if bottom_first { 6 } else { 1 }]])?;
        let body = children(&entry.bytes).next().ok_or(Fmp4Error::Truncated)??.body;
        entry.bytes = sized_box(self.fourcc, &[body, &fields])?.into();
        Ok(entry)
    }

    /// The same entry with H.264 parameter sets that do not say how far pictures are reordered.
    ///
    /// # Errors
    /// [`Fmp4Error`] for an entry that cannot be read.
    pub fn without_reordering(&self) -> Result<Self, Fmp4Error> {
        if self.video_codec() != Some(VideoCodec::H264) {
            return Ok(self.clone());
        }
        let record = with_avc_sps(self.configuration()?, without_restrictions)?;
        let bytes = self.with_configuration(self.fourcc, &record)?;
        Ok(Self { bytes, codec: avc(Cursor::new(&record))?, ..self.clone() })
    }

    fn video_codec(&self) -> Option<VideoCodec> {
        match self.codec {
            Codec::H264 { .. } => Some(VideoCodec::H264),
            Codec::Hevc { .. } => Some(VideoCodec::Hevc),
            _ => None,
        }
    }

    fn configuration_kind(&self) -> Result<[u8; 4], Fmp4Error> {
        match self.codec {
            Codec::H264 { .. } => Ok(*b"avcC"),
            Codec::Hevc { .. } => Ok(*b"hvcC"),
            _ => Err(Fmp4Error::Unsupported("a sample entry without parameter sets")),
        }
    }

    /// The box's contents before the configuration box, that box's contents, and what follows it.
    fn around_configuration(&self) -> Result<[&[u8]; 3], Fmp4Error> {
        let kind = self.configuration_kind()?;
        let entry = children(&self.bytes).next().ok_or(Fmp4Error::Truncated)??;
        let extensions = entry.body.get(VISUAL_FIELDS..).ok_or(Fmp4Error::Truncated)?;
        for child in children(extensions) {
            let child = child?;
            if child.kind == kind {
                let start = VISUAL_FIELDS.saturating_add(child.position);
                let (before, rest) = entry.body.split_at_checked(start).ok_or(Fmp4Error::Truncated)?;
                let after = rest.get(child.bytes.len()..).ok_or(Fmp4Error::Truncated)?;
                return Ok([before, child.body, after]);
            }
        }
        Err(Fmp4Error::Missing("decoder configuration"))
    }
}

/// A box of these parts.
fn sized_box(kind: [u8; 4], parts: &[&[u8]]) -> Result<Vec<u8>, Fmp4Error> {
    let length = parts.iter().fold(8_usize, |length, part| part.len().saturating_add(length));
    let size = u32::try_from(length).map_err(|_| Fmp4Error::TooMany("sample entry"))?;
    let mut made = Vec::with_capacity(length);
    made.extend_from_slice(&size.to_be_bytes());
    made.extend_from_slice(&kind);
    for part in parts {
        made.extend_from_slice(part);
    }
    Ok(made)
}

fn pixel_shape(mut pasp: Cursor<'_>) -> Result<Option<(u16, u16)>, Fmp4Error> {
    Ok(ratio(pasp.u32()?, pasp.u32()?))
}

/// Code points of `nclx`, with a range, and the older `nclc`, without; no ICC profiles.
fn colour(mut colr: Cursor<'_>) -> Result<Option<(Colour, Option<bool>)>, Fmp4Error> {
    let kind = colr.fourcc()?;
    if !matches!(&kind, b"nclx" | b"nclc") {
        return Ok(None);
    }
    let mut code = || Ok(u8::try_from(colr.u16()?).unwrap_or(2));
    let colour = Colour { primaries: code()?, transfer: code()?, matrix: code()? };
    let range = if &kind == b"nclx" { Some(colr.u8()? & 0x80 != 0) } else { None };
    Ok(Some((colour, range)))
}

/// `fiel` of `QuickTime`: two fields, and which is shown and stored first. What it says of one that is shown first and
/// stored second is read in two ways.
fn bottom_first(fiel: &[u8]) -> Option<bool> {
    match fiel {
        [2, 1, ..] => Some(false),
        [2, 6, ..] => Some(true),
        _ => None,
    }
}

/// An `AVCDecoderConfigurationRecord` with other sequence parameter sets where `change` gives one.
fn with_avc_sps(record: &[u8], change: impl Fn(&[u8]) -> Option<Vec<u8>>) -> Result<Vec<u8>, Fmp4Error> {
    let mut cursor = Cursor::new(record);
    let mut out = cursor.take(6)?.to_vec();
    for _ in 0..out.last().map_or(0, |count| count & 0x1f) {
        push_changed(&mut cursor, &change, &mut out)?;
    }
    out.extend_from_slice(cursor.rest());
    Ok(out)
}

/// An `HEVCDecoderConfigurationRecord` with other parameter sets where `change`, which is told their type, gives one.
fn with_hevc_sets(
    record: &[u8],
    change: impl Fn(u8, &[u8]) -> Option<Vec<u8>>,
) -> Result<Vec<u8>, Fmp4Error> {
    let mut cursor = Cursor::new(record);
    let mut out = cursor.take(23)?.to_vec();
    for _ in 0..out.last().copied().unwrap_or(0) {
        let head = cursor.take(3)?;
        out.extend_from_slice(head);
        let [kind, count @ ..] = head else { return Err(Fmp4Error::Truncated) };
        for _ in 0..count.iter().fold(0_u16, |count, byte| count << 8 | u16::from(*byte)) {
            push_changed(&mut cursor, |unit| change(kind & 0x3f, unit), &mut out)?;
        }
    }
    out.extend_from_slice(cursor.rest());
    Ok(out)
}

/// The next parameter set with its length, changed or as it is.
fn push_changed(
    record: &mut Cursor<'_>,
    change: impl Fn(&[u8]) -> Option<Vec<u8>>,
    out: &mut Vec<u8>,
) -> Result<(), Fmp4Error> {
    let length = record.u16()?;
    let unit = record.take(usize::from(length))?;
    let changed = change(unit).and_then(|changed| Some((u16::try_from(changed.len()).ok()?, changed)));
    let (length, unit) = changed.as_ref().map_or((length, unit), |(length, changed)| (*length, changed));
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(unit);
    Ok(())
}

pub(super) fn sample_entry(entry: &Child<'_>, kind: TrackKind) -> Result<SampleEntry, Fmp4Error> {
    let fields = match kind {
        TrackKind::Video => VISUAL_FIELDS,
        TrackKind::Audio => AUDIO_FIELDS,
        TrackKind::Other => entry.body.len(),
    };
    let mut cursor = entry.cursor();
    let mut head = Cursor::new(cursor.take(fields)?);
    let mut size = (0, 0);
    if kind == TrackKind::Video {
        head.skip(24)?;
        size = (head.u16()?, head.u16()?);
    }
    let extensions = cursor.rest();
    let encrypted = matches!(&entry.kind, b"encv" | b"enca")
        || find(extensions, *b"sinf").is_ok_and(|sinf| sinf.is_some());
    Ok(SampleEntry {
        fourcc: entry.kind,
        codec: if encrypted { Codec::Other } else { codec(entry.kind, extensions)? },
        // A size of 64 bits, or one up to the end, would not hold beside another entry.
        bytes: sized_box(entry.kind, &[entry.body])?.into(),
        width: size.0,
        height: size.1,
        encrypted,
    })
}

fn codec(fourcc: [u8; 4], extensions: &[u8]) -> Result<Codec, Fmp4Error> {
    match &fourcc {
        b"avc1" | b"avc3" => avc(configuration(extensions, *b"avcC")?.ok_or(Fmp4Error::Missing("avcC"))?),
        b"hvc1" | b"hev1" => hevc(configuration(extensions, *b"hvcC")?.ok_or(Fmp4Error::Missing("hvcC"))?),
        // QuickTime's audio description has more fields; its extensions do not parse as boxes.
        b"mp4a" => Ok(configuration(extensions, *b"esds")
            .ok()
            .flatten()
            .and_then(|esds| aac(esds).ok())
            .unwrap_or(Codec::Other)),
        b"ac-3" => Ok(Codec::Ac3),
        b"ec-3" => Ok(Codec::Eac3),
        b"Opus" => Ok(Codec::Opus),
        _ => Ok(Codec::Other),
    }
}

/// The body of the first extension of a kind. What follows it is not looked at: some writers end with four zeros.
fn configuration(extensions: &[u8], kind: [u8; 4]) -> Result<Option<Cursor<'_>>, Fmp4Error> {
    for child in children(extensions) {
        let child = child?;
        if child.kind == kind {
            return Ok(Some(child.cursor()));
        }
    }
    Ok(None)
}

/// `AVCDecoderConfigurationRecord` (14496-15, 5.3.3.1).
fn avc(mut record: Cursor<'_>) -> Result<Codec, Fmp4Error> {
    if record.u8()? != 1 {
        return Err(Fmp4Error::Malformed("avcC"));
    }
    record.skip(3)?;
    let nal_length_size = usize::from(record.u8()? & 3) + 1;
    let count = usize::from(record.u8()? & 0x1f);
    let sps = units(&mut record, count)?;
    let count = usize::from(record.u8()?);
    Ok(Codec::H264 { nal_length_size, sps, pps: units(&mut record, count)? })
}

/// `HEVCDecoderConfigurationRecord` (14496-15, 8.3.3.1).
fn hevc(mut record: Cursor<'_>) -> Result<Codec, Fmp4Error> {
    // Version 0 was written by early encoders; the layout is the same.
    if record.u8()? > 1 {
        return Err(Fmp4Error::Malformed("hvcC"));
    }
    record.skip(20)?;
    let nal_length_size = usize::from(record.u8()? & 3) + 1;
    let (mut vps, mut sps, mut pps) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..record.u8()? {
        let kind = record.u8()? & 0x3f;
        let count = usize::from(record.u16()?);
        let units = units(&mut record, count)?;
        match kind {
            32 => vps.extend(units),
            33 => sps.extend(units),
            34 => pps.extend(units),
            _ => {}
        }
        if vps.len().saturating_add(sps.len()).saturating_add(pps.len()) > MAX_SETS {
            return Err(Fmp4Error::TooMany("parameter sets"));
        }
    }
    Ok(Codec::Hevc { nal_length_size, vps, sps, pps })
}

fn units(record: &mut Cursor<'_>, count: usize) -> Result<Vec<Bytes>, Fmp4Error> {
    if count > MAX_SETS {
        return Err(Fmp4Error::TooMany("parameter sets"));
    }
    let unit = |_| match record.u16()? {
        0 => Err(Fmp4Error::Malformed("parameter set")),
        length => record.take(usize::from(length)).map(Bytes::copy_from_slice),
    };
    (0..count).map(unit).collect()
}

/// `ES_Descriptor` (14496-1, 7.2.6.5) down to the `AudioSpecificConfig`.
fn aac(mut esds: Cursor<'_>) -> Result<Codec, Fmp4Error> {
    esds.skip(4)?;
    let mut stream = descriptor(&mut esds, 3)?;
    stream.skip(2)?;
    let flags = stream.u8()?;
    if flags & 0x80 != 0 {
        stream.skip(2)?;
    }
    if flags & 0x40 != 0 {
        let length = stream.u8()?;
        stream.skip(usize::from(length))?;
    }
    if flags & 0x20 != 0 {
        stream.skip(2)?;
    }
    let mut decoder = descriptor(&mut stream, 4)?;
    // 0x40 is MPEG-4 audio, 0x66 to 0x68 MPEG-2 AAC, 0x69 and 0x6b MPEG-2 and MPEG-1 audio.
    match decoder.u8()? {
        0x40 | 0x66..=0x68 => {}
        0x69 | 0x6b => return Ok(Codec::MpegAudio),
        _ => return Ok(Codec::Other),
    }
    decoder.skip(12)?;
    let config = descriptor(&mut decoder, 5)?.rest();
    let (object_type, sample_rate, channels) = audio_config(config)?;
    if !matches!(object_type, 1..=5 | 29) {
        return Ok(Codec::Other);
    }
    Ok(Codec::Aac { object_type, sample_rate, channels, config: Bytes::copy_from_slice(config) })
}

/// The body of the next descriptor, which must have this tag; its length is in groups of seven bits.
fn descriptor<'a>(cursor: &mut Cursor<'a>, tag: u8) -> Result<Cursor<'a>, Fmp4Error> {
    if cursor.u8()? != tag {
        return Err(Fmp4Error::Malformed("esds"));
    }
    let mut length = 0_usize;
    for _ in 0..4 {
        let byte = cursor.u8()?;
        length = length << 7 | usize::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return cursor.take(length).map(Cursor::new);
        }
    }
    Err(Fmp4Error::Malformed("esds"))
}

/// Object type, sampling rate and channels (14496-3, 1.6.2.1).
fn audio_config(config: &[u8]) -> Result<(u8, u32, u8), Fmp4Error> {
    const RATES: [u32; 13] =
        [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8000, 7350];
    let malformed = Fmp4Error::Malformed("esds");
    let mut bits = crate::nal::Bits::raw(config);
    let mut read = |count| bits.bits(count).map_err(|_| malformed);
    let object_type = match read(5)? {
        31 => read(6)? + 32,
        short => short,
    };
    let sample_rate = match read(4)? {
        15 => read(24)?,
        index => usize::try_from(index).ok().and_then(|index| RATES.get(index)).copied().ok_or(malformed)?,
    };
    let narrow = |value| u8::try_from(value).map_err(|_| malformed);
    Ok((narrow(object_type)?, sample_rate, narrow(read(4)?)?))
}
