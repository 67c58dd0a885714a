//! Language tags of manifests (RFC 5646) as MP4 writes them (ISO 639-2/T).

/// Two-letter codes of the languages that recordings come in, with their three-letter ones.
const CODES: &str = "ar ara|bg bul|bn ben|ca cat|cs ces|cy cym|da dan|de deu|el ell|en eng|es spa|et est|eu eus|fa fas|\
fi fin|fr fra|ga gle|gl glg|he heb|hi hin|hr hrv|hu hun|id ind|is isl|it ita|ja jpn|ka kat|ko kor|lt lit|lv lav|\
ml mal|mr mar|ms msa|mt mlt|nb nob|nl nld|nn nno|no nor|pa pan|pl pol|pt por|ro ron|ru rus|sk slk|sl slv|sq sqi|\
sr srp|sv swe|ta tam|te tel|th tha|tl tgl|tr tur|uk ukr|ur urd|vi vie|zh zho";

/// The three-letter code of a tag; `None` if it is not known.
pub fn iso_639_2(tag: &str) -> Option<[u8; 3]> {
    let primary = tag.split(['-', '_']).next()?.to_ascii_lowercase();
    let code = match primary.len() {
        3 if primary.bytes().all(|b| b.is_ascii_lowercase()) => primary.as_str(),
        2 => CODES.split('|').find_map(|pair| pair.strip_prefix(primary.as_str())?.strip_prefix(' '))?,
        _ => return None,
    };
    code.as_bytes().try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_of_either_length_become_three_letters() {
        assert_eq!(iso_639_2("eng"), Some(*b"eng"));
        assert_eq!(iso_639_2("pt-BR"), Some(*b"por"));
        assert_eq!(iso_639_2("JA"), Some(*b"jpn"));
        assert_eq!(iso_639_2("xx"), None);
        assert_eq!(iso_639_2(""), None);
    }
}
