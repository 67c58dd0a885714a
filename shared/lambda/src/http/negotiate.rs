//! Content negotiation by RFC 9110: `Accept` (section 12.5.1), `Accept-Encoding` (12.5.3), quality values (12.4.2) and
//! `If-None-Match` (13.1.2).

/// The quality of a media type, in thousandths, by the most specific range of `accept` that it is in, and how much that
/// range says: 2 for the type itself, 1 for `type/*`, 0 for `*/*`. Parameters of ranges
/// other than `q` tell none of our types apart.
pub fn quality(accept: &str, wanted: &str) -> (u32, u8) {
    if accept.trim().is_empty() {
        return (1000, 0);
    }
    let family = wanted.split_once('/').map_or(wanted, |(family, _)| family);
    let says = |range: &str| match range.split_once('/') {
        _ if range.eq_ignore_ascii_case(wanted) => Some(2),
        Some((of, "*")) if of.eq_ignore_ascii_case(family) => Some(1),
        Some(("*", "*")) => Some(0),
        _ => None,
    };
    let ranges = weighted(accept).filter_map(|(range, quality)| Some((says(range)?, quality)));
    ranges.max().map_or((0, 0), |(says, quality)| (quality, says))
}

/// Returns `true` if `Accept` names the media type `wanted` itself, not only by a range such as `*/*`, and does not
/// refuse it.
pub fn names(accept: &str, wanted: &str) -> bool {
    let (quality, says) = quality(accept, wanted);
    quality > 0 && says == 2
}

/// Returns `true` if `Accept-Encoding` allows gzip and does not prefer the body as it is.
pub fn takes_gzip(accept: &str) -> bool {
    let quality = |wanted: &[&str]| {
        let named = |name: &str| wanted.iter().any(|wanted| name.eq_ignore_ascii_case(wanted));
        weighted(accept).find(|(name, _)| named(name)).map(|(_, quality)| quality)
    };
    let gzip = quality(&["gzip", "x-gzip"]).or_else(|| quality(&["*"])).unwrap_or(0);
    gzip > 0 && gzip >= quality(&["identity"]).unwrap_or(0)
}

/// The items of a list and their quality in thousandths; one that cannot be read counts as 0.
fn weighted(list: &str) -> impl Iterator<Item = (&str, u32)> {
    list.split(',').map(|item| {
        let (name, parameters) = item.split_once(';').unwrap_or((item, ""));
        let quality = parameters.split(';').find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case("q").then(|| thousandths(value.trim()))
        });
        (name.trim(), quality.unwrap_or(1000))
    })
}

fn thousandths(text: &str) -> u32 {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{whole}{part:0<3}");
    digits.get(..whole.len() + 3).and_then(|digits| digits.parse().ok()).unwrap_or(0_u32).min(1000)
}

/// Returns `true` if `If-None-Match` holds `tag`, compared weakly.
pub fn knows(header: &str, tag: &str) -> bool {
    header.split(',').map(str::trim).any(|known| known == "*" || known.trim_start_matches("W/") == tag)
}
