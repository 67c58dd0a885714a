//! A pull reader over `quick-xml` that knows depth, refuses entities and speaks in local names.

use super::MpdError;
use quick_xml::XmlVersion;
use quick_xml::errors::{Error, IllFormedError};
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, Event};
use quick_xml::reader::Reader;

const MAX_DEPTH: usize = 32;
const MAX_ATTRIBUTES: usize = 64;
const MAX_TEXT: usize = 2048;
/// The reference of an element that is to be removed (ISO/IEC 23009-1, 5.5.3).
const RESOLVE_TO_ZERO: &str = "urn:mpeg:dash:resolve-to-zero:2013";

/// A start tag. Its content must be read to the end by `child` until `None`, `text` or `skip`.
pub(super) struct Element {
    name: String,
    attributes: Vec<(String, String)>,
    link: Option<Link>,
}

/// The place of the content of an element with an `xlink:href`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Link {
    Nowhere,
    Elsewhere,
}

impl Element {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn owned(&self, name: &str) -> Option<String> {
        self.get(name).map(str::to_owned)
    }

    /// The attribute through `parse`; a value it does not take is an error.
    pub(super) fn parsed<T>(
        &self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, MpdError> {
        self.get(name).map(|value| parse(value.trim()).ok_or(MpdError::BadValue(name))).transpose()
    }

    /// The attribute through `parse` if it takes the value: for what a clip can be made without.
    pub(super) fn hint<T>(&self, name: &str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        self.get(name).and_then(|value| parse(value.trim()))
    }

    /// Refuses an element whose content is elsewhere.
    pub(super) fn is_here(&self) -> Result<(), MpdError> {
        if self.link.is_some() { Err(MpdError::Remote) } else { Ok(()) }
    }

    pub(super) fn number<T: std::str::FromStr>(&self, name: &'static str) -> Result<Option<T>, MpdError> {
        self.parsed(name, |value| value.parse().ok())
    }
}

pub(super) struct Xml<'a> {
    reader: Reader<&'a [u8]>,
    depth: usize,
}

impl<'a> Xml<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let mut reader = Reader::from_str(text);
        reader.config_mut().expand_empty_elements = true;
        Self { reader, depth: 0 }
    }

    /// The next child of the element being read, or `None` at that element's end. What resolves to nothing is no child.
    pub(super) fn child(&mut self) -> Result<Option<Element>, MpdError> {
        loop {
            match self.event()? {
                Event::Start(start) => {
                    let element = self.element(&start)?;
                    if element.link != Some(Link::Nowhere) {
                        return Ok(Some(element));
                    }
                    self.skip()?;
                }
                Event::End(_) => return Ok(None),
                _ => {}
            }
        }
    }

    /// The text of the element being read, trimmed; children are passed over.
    pub(super) fn text(&mut self) -> Result<String, MpdError> {
        let mut text = String::new();
        let level = self.depth;
        loop {
            match self.event()? {
                Event::Text(part) => text.push_str(&part),
                Event::CData(part) => text.push_str(&part.into_inner()),
                Event::GeneralRef(name) => text.push_str(&self.reference(&name)?),
                Event::End(_) if self.depth < level => return Ok(text.trim().to_owned()),
                _ => {}
            }
            if text.len() > MAX_TEXT {
                return Err(MpdError::TooMany("characters"));
            }
        }
    }

    /// Passes over the rest of the element being read.
    pub(super) fn skip(&mut self) -> Result<(), MpdError> {
        let level = self.depth;
        while self.depth >= level {
            self.event()?;
        }
        Ok(())
    }

    fn event(&mut self) -> Result<Event<'a>, MpdError> {
        let event = self.reader.read_event().map_err(|error| match error {
            Error::Syntax(_) | Error::IllFormed(IllFormedError::UnclosedReference) => MpdError::Incomplete,
            _ => self.malformed(),
        })?;
        match &event {
            Event::DocType(_) => return Err(MpdError::Entity),
            Event::Eof => return Err(MpdError::Incomplete),
            Event::Start(_) => self.depth += 1,
            Event::End(_) => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        if self.depth > MAX_DEPTH { Err(MpdError::TooMany("levels")) } else { Ok(event) }
    }

    fn element(&self, start: &quick_xml::events::BytesStart<'_>) -> Result<Element, MpdError> {
        let (mut attributes, mut link) = (Vec::new(), None);
        // The library's own check for duplicates is quadratic in the number of attributes.
        for attribute in start.attributes().with_checks(false) {
            let attribute = attribute.map_err(|_| self.malformed())?;
            if attributes.len() == MAX_ATTRIBUTES {
                return Err(MpdError::TooMany("attributes"));
            }
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map_err(|_| MpdError::Entity)?
                .into_owned();
            if value.len() > MAX_TEXT {
                return Err(MpdError::TooMany("characters"));
            }
            let key = attribute.key.local_name().into_inner().to_owned();
            // A prefixed attribute, such as `xsi:type`, must not pass for the schema's own.
            if attribute.key.prefix().is_none() {
                attributes.push((key, value));
            } else if key == "href" {
                let nowhere = value.trim() == RESOLVE_TO_ZERO;
                link = Some(if nowhere { Link::Nowhere } else { Link::Elsewhere });
            }
        }
        Ok(Element { name: start.local_name().into_inner().to_owned(), attributes, link })
    }

    fn reference(&self, name: &BytesRef<'_>) -> Result<String, MpdError> {
        if let Some(character) = name.resolve_char_ref().map_err(|_| self.malformed())? {
            return Ok(character.to_string());
        }
        resolve_predefined_entity(name).map(str::to_owned).ok_or(MpdError::Entity)
    }

    fn malformed(&self) -> MpdError {
        MpdError::Xml(self.reader.error_position().max(self.reader.buffer_position()))
    }
}
