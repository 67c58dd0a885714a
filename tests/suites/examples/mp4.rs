//! Prints the boxes of an MP4 file (ISO/IEC 14496-12) as JSON, `[[type, contents], ...]`, as a
//! parser reads them that is neither ours nor ffmpeg's. Ends with an error where a box is
//! cut off, has bytes too many, or does not belong.

use mp4_atom::{Atom, Ftyp, Header, Mdat, Moov, ReadAtom, ReadFrom};
use serde_json::to_value;
use std::error::Error;
use std::io::{Seek, SeekFrom, Write, stdout};
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let path = env::args_os().nth(1).ok_or("usage: mp4 FILE")?;
    let mut file = fs::File::open(path)?;
    let length = file.metadata()?.len();
    let mut boxes = Vec::new();
    while let Some(header) = <Option<Header> as ReadFrom>::read_from(&mut file)? {
        let value = match header.kind {
            Ftyp::KIND => to_value(Ftyp::read_atom(&header, &mut file)?)?,
            Moov::KIND => to_value(Moov::read_atom(&header, &mut file)?)?,
            Mdat::KIND => {
                let begin = file.stream_position()?;
                let end =
                    header.size.map_or(Some(length), |size| begin.checked_add(u64::try_from(size).ok()?));
                let end = end.filter(|end| *end <= length).ok_or("mdat is cut off")?;
                file.seek(SeekFrom::Start(end))?;
                to_value([begin, end])?
            }
            kind => return Err(format!("{kind} is not expected here").into()),
        };
        boxes.push((header.kind.to_string(), value));
    }
    serde_json::to_writer(stdout().lock(), &boxes)?;
    Ok(stdout().flush()?)
}
