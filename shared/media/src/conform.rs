//! The conversion of pictures of one look to fit a clip of another: turned, scaled, converted.

use crate::display::Turn;
use crate::nal::Colour;
use crate::picture::PictureFormat;

/// Nothing is said (ISO/IEC 23091-2).
const UNSAID: u8 = 2;
/// Rows of the smallest picture in high definition: players take BT.709 from there on if nothing is said.
const HIGH_DEFINITION: u32 = 720;

/// The conversion of decoded pictures, in this order, so that a clip shows them as their own recording does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conformed {
    /// Fields become whole frames: the clip has none, has them in the other order, or the pictures are turned.
    pub deinterlaced: bool,
    /// The turn.
    pub turn: Turn,
    /// Their size within the clip's pictures, behind the turn.
    pub size: (u32, u32),
    /// Their range, if the clip has another: whether it is full, and whether the clip's is.
    pub range: Option<(bool, bool)>,
    /// Their colours, if the clip has others.
    pub colours: Recoloured,
}

/// The conversion of pictures' colours to those of a clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recoloured {
    /// They are the same, or neither says what they are.
    No,
    /// From these to those.
    From(Colour, Colour),
    /// No conversion is known: they are shown as if they were the clip's.
    Unknown,
}

impl Conformed {
    /// From what pictures are recorded as to what the clip's are.
    pub fn new(recorded: &PictureFormat, clip: &PictureFormat) -> Self {
        let turn = recorded.matrix.turn().seen_as(clip.matrix.turn());
        let fields = !clip.interlaced || recorded.bottom_first != clip.bottom_first || turn.quarters > 0;
        let (own, wanted) = (recorded.full_range, clip.full_range);
        Self {
            deinterlaced: recorded.interlaced && fields,
            turn,
            size: turned(recorded, turn).fitted(clip),
            range: (own != wanted).then_some((own, wanted)),
            colours: recoloured(recorded, clip),
        }
    }

    /// The changes beside scaling, in words for users; `None` without any.
    pub fn changes(&self) -> Option<String> {
        let colours = match self.colours {
            Recoloured::No if self.range.is_some() => Some("converted to the clip's range"),
            Recoloured::No => None,
            Recoloured::From(own, clip) if is_high_range(own) && !is_high_range(clip) => {
                Some("converted to the clip's colours, where nothing is brighter than white")
            }
            Recoloured::From(..) => Some("converted to the clip's colours"),
            Recoloured::Unknown => Some("shown in the clip's colours, for which no conversion is known"),
        };
        let changes = [
            self.deinterlaced.then_some("deinterlaced"),
            (!self.turn.is_none()).then_some("turned"),
            colours,
        ];
        let changes: Vec<&str> = changes.into_iter().flatten().collect();
        (!changes.is_empty()).then(|| changes.join(", "))
    }

    /// That pictures of `recorded` have another size than the `clip`, or another shape, in words for users.
    pub fn scaled(&self, recorded: &PictureFormat, clip: &PictureFormat) -> Option<String> {
        let own = turned(recorded, self.turn);
        let sizes = [(own.width, own.height), self.size, (clip.width, clip.height)];
        if sizes.iter().all(|size| *size == sizes[0]) {
            return None;
        }
        let shaped = |format: &PictureFormat| {
            let pixels = format.aspect_ratio.filter(|(width, height)| width != height);
            let shape = pixels.map(|(width, height)| format!(" with pixels of {width}:{height}"));
            format!("{}x{}{}", format.width, format.height, shape.unwrap_or_default())
        };
        Some(format!("pictures of {} are shown in the clip's size, {}", shaped(recorded), shaped(clip)))
    }

    /// Returns `true` if what a recording says of the light that its pictures were made for no longer holds.
    pub fn relights(&self) -> bool {
        matches!(self.colours, Recoloured::From(own, clip) if own.transfer != clip.transfer)
    }
}

/// The format of turned pictures.
fn turned(format: &PictureFormat, turn: Turn) -> PictureFormat {
    if turn.quarters.is_multiple_of(2) {
        return *format;
    }
    let aspect_ratio = format.aspect_ratio.map(|(width, height)| (height, width));
    PictureFormat { width: format.height, height: format.width, aspect_ratio, ..*format }
}

fn recoloured(recorded: &PictureFormat, clip: &PictureFormat) -> Recoloured {
    let (own, wanted) = match (said(recorded), said(clip)) {
        (None, None) => return Recoloured::No,
        (own, wanted) => (own.unwrap_or_else(|| usual(recorded)), wanted.unwrap_or_else(|| usual(clip))),
    };
    if alike(own) == alike(wanted) {
        Recoloured::No
    } else if is_known(own) && is_known(wanted) {
        Recoloured::From(own, wanted)
    } else {
        Recoloured::Unknown
    }
}

/// The colours that pictures say they have. What they leave out goes with what they say.
fn said(format: &PictureFormat) -> Option<Colour> {
    let Colour { primaries, transfer, matrix } = format.colour?;
    if [primaries, transfer, matrix] == [UNSAID; 3] {
        return None;
    }
    let or = |code: u8, other: u8| if code == UNSAID { other } else { code };
    let matrix = match matrix {
        // A decoder's pictures are no RGB: see the encoder's tags.
        0 => 6,
        UNSAID => match primaries {
            1 | 5 | 6 | 7 | 9 => primaries,
            _ => usual(format).matrix,
        },
        said => said,
    };
    let (usual_primaries, usual_transfer) = match matrix {
        4..=6 => (matrix, 6),
        7 => (7, 7),
        9 | 10 => (9, 14),
        _ => (1, 1),
    };
    Some(Colour { primaries: or(primaries, usual_primaries), transfer: or(transfer, usual_transfer), matrix })
}

/// The colours that players take pictures to have which say nothing.
fn usual(format: &PictureFormat) -> Colour {
    if format.height.min(format.width) >= HIGH_DEFINITION {
        Colour { primaries: 1, transfer: 1, matrix: 1 }
    } else {
        Colour { primaries: 6, transfer: 6, matrix: 6 }
    }
}

/// Code points that mean the same pixels are the same.
fn alike(colour: Colour) -> Colour {
    let transfer = if matches!(colour.transfer, 6 | 14 | 15) { 1 } else { colour.transfer };
    let matrix = if colour.matrix == 5 { 6 } else { colour.matrix };
    Colour { transfer, matrix, ..colour }
}

/// Returns `true` if ffmpeg converts such colours.
fn is_known(colour: Colour) -> bool {
    matches!(colour.primaries, 1 | 4..=12 | 22)
        && matches!(colour.transfer, 1 | 4..=8 | 11 | 13..=16 | 18)
        && matches!(colour.matrix, 1 | 4..=7 | 9)
}

/// PQ or HLG.
fn is_high_range(colour: Colour) -> bool {
    matches!(colour.transfer, 16 | 18)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::display::Matrix;

    const BT709: Colour = Colour { primaries: 1, transfer: 1, matrix: 1 };
    const BT601: Colour = Colour { primaries: 6, transfer: 6, matrix: 6 };
    const PQ: Colour = Colour { primaries: 9, transfer: 16, matrix: 9 };

    fn format(width: u32, height: u32) -> PictureFormat {
        PictureFormat { colour: Some(BT709), ..PictureFormat::plain(width, height) }
    }

    fn coloured(colour: Option<Colour>, height: u32) -> PictureFormat {
        PictureFormat { colour, ..format(height * 16 / 9, height) }
    }

    fn between(own: Option<Colour>, rows: u32, clip: Option<Colour>, clip_rows: u32) -> Recoloured {
        Conformed::new(&coloured(own, rows), &coloured(clip, clip_rows)).colours
    }

    #[test]
    fn pictures_of_the_clips_look_stay_as_they_are() {
        for format in [format(320, 180), PictureFormat { interlaced: true, ..format(720, 576) }] {
            let conformed = Conformed::new(&format, &format);
            assert_eq!((conformed.changes(), conformed.size), (None, (format.width, format.height)));
            assert!(!conformed.relights());
        }
    }

    #[test]
    fn pictures_are_turned_until_the_clip_shows_them_as_their_recording_does() {
        let quarter = Matrix([0, 0x1_0000, 0, -0x1_0000, 0, 0, 0, 0, 0x4000_0000]);
        let upright = PictureFormat { matrix: quarter, aspect_ratio: Some((4, 3)), ..format(360, 640) };
        let conformed = Conformed::new(&upright, &format(640, 360));
        assert_eq!(conformed.turn, Turn { mirrored: false, quarters: 1 });
        // 640 x 480 square pixels.
        assert_eq!(conformed.size, (480, 360));
        assert_eq!(conformed.changes().as_deref(), Some("turned"));
        let back = Conformed::new(&format(640, 360), &upright);
        assert_eq!((back.turn, back.size), (Turn { mirrored: false, quarters: 3 }, (270, 640)));
        assert!(Conformed::new(&upright, &upright).turn.is_none());
    }

    #[test]
    fn another_size_or_shape_is_said() {
        let scaled = |own, clip| Conformed::new(&own, &clip).scaled(&own, &clip);
        let quarter = Matrix([0, 0x1_0000, 0, -0x1_0000, 0, 0, 0, 0, 0x4000_0000]);
        let upright = PictureFormat { matrix: quarter, ..format(360, 640) };
        let wide = PictureFormat { aspect_ratio: Some((4, 3)), ..format(640, 360) };
        assert_eq!(scaled(upright, format(640, 360)), None);
        assert_eq!(scaled(wide, wide), None);
        let small = "pictures of 256x144 are shown in the clip's size, 640x360";
        assert_eq!(scaled(format(256, 144), format(640, 360)).as_deref(), Some(small));
        let shaped = "pictures of 640x360 with pixels of 4:3 are shown in the clip's size, 640x360";
        assert_eq!(scaled(wide, format(640, 360)).as_deref(), Some(shaped));
    }

    #[test]
    fn fields_become_frames_where_the_clip_cannot_show_them() {
        let fields = PictureFormat { interlaced: true, ..format(720, 576) };
        let bottom_first = PictureFormat { bottom_first: true, ..fields };
        let upside_down =
            PictureFormat { matrix: Matrix([-0x1_0000, 0, 0, 0, -0x1_0000, 0, 0, 0, 1]), ..fields };
        let deinterlaced = |own: &PictureFormat, clip: &PictureFormat| Conformed::new(own, clip).deinterlaced;
        assert!(!deinterlaced(&fields, &fields));
        assert!(!deinterlaced(&format(720, 576), &fields));
        assert!(deinterlaced(&fields, &format(720, 576)));
        assert!(deinterlaced(&fields, &bottom_first) && deinterlaced(&upside_down, &fields));
        assert_eq!(Conformed::new(&fields, &format(720, 576)).changes().as_deref(), Some("deinterlaced"));
    }

    #[test]
    fn colours_are_converted_where_they_differ() {
        assert_eq!(between(Some(BT601), 576, Some(BT709), 1080), Recoloured::From(BT601, BT709));
        assert_eq!(between(Some(PQ), 1080, Some(BT709), 1080), Recoloured::From(PQ, BT709));
        // The same curve, and the same luma, by other numbers.
        let same = Colour { primaries: 1, transfer: 14, matrix: 1 };
        assert_eq!(between(Some(same), 1080, Some(BT709), 1080), Recoloured::No);
        let ebu = Colour { primaries: 6, transfer: 1, matrix: 5 };
        assert_eq!(between(Some(ebu), 576, Some(BT601), 480), Recoloured::No);
        let ictcp = Colour { matrix: 14, ..PQ };
        assert_eq!(between(Some(ictcp), 1080, Some(PQ), 1080), Recoloured::Unknown);
        for code in [0, 3, 9, 10, 13, 17, 23, 255] {
            let odd = Colour { primaries: code, transfer: code, matrix: code.max(3) };
            assert_eq!(between(Some(odd), 1080, Some(BT709), 1080), Recoloured::Unknown, "{code}");
        }
    }

    #[test]
    fn colours_that_are_not_said_are_those_that_players_take() {
        let unsaid = Some(Colour { primaries: 2, transfer: 2, matrix: 2 });
        assert_eq!(between(None, 576, unsaid, 1080), Recoloured::No);
        assert_eq!(between(None, 719, Some(BT709), 1080), Recoloured::From(BT601, BT709));
        assert_eq!(between(None, 720, Some(BT709), 1080), Recoloured::No);
        assert_eq!(between(Some(BT601), 576, unsaid, 1080), Recoloured::From(BT601, BT709));
        // What goes with what is said.
        let partly = |primaries, matrix| Some(Colour { primaries, transfer: 2, matrix });
        let full = |primaries, transfer, matrix| Colour { primaries, transfer, matrix };
        for (own, meant) in [
            (partly(2, 5), full(5, 6, 5)),
            (partly(5, 2), full(5, 6, 5)),
            (partly(2, 7), full(7, 7, 7)),
            (partly(2, 9), full(9, 14, 9)),
            (partly(9, 2), full(9, 14, 9)),
            (partly(4, 0), full(4, 6, 6)),
            (partly(12, 2), full(12, 1, 1)),
        ] {
            assert_eq!(between(own, 1080, Some(PQ), 1080), Recoloured::From(meant, PQ));
        }
    }

    #[test]
    fn what_is_done_is_said() {
        let changes = |own, clip| Conformed::new(&coloured(own, 1080), &coloured(clip, 1080)).changes();
        let colours = "converted to the clip's colours";
        assert_eq!(changes(Some(BT601), Some(BT709)).as_deref(), Some(colours));
        assert_eq!(changes(Some(BT709), Some(PQ)).as_deref(), Some(colours));
        let clipped = format!("{colours}, where nothing is brighter than white");
        assert_eq!(changes(Some(PQ), Some(BT709)), Some(clipped));
        let odd = Some(Colour { matrix: 14, ..PQ });
        let unknown = "shown in the clip's colours, for which no conversion is known";
        assert_eq!(changes(odd, Some(PQ)).as_deref(), Some(unknown));
        let full = PictureFormat { full_range: true, ..format(320, 180) };
        let conformed = Conformed::new(&full, &format(320, 180));
        assert_eq!(conformed.range, Some((true, false)));
        assert_eq!(conformed.changes().as_deref(), Some("converted to the clip's range"));
        assert!(!conformed.relights());
        assert!(Conformed::new(&coloured(Some(PQ), 1080), &format(1920, 1080)).relights());
    }
}
