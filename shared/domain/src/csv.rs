//! Tables as text (RFC 4180): read with the place of every cell, and written.

use crate::lines::{BYTE_ORDER_MARK, TextFault};
use std::borrow::Cow;

/// Characters that make a spreadsheet compute a cell.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// Most cells of a row that is read.
const MOST_CELLS: usize = 64;

/// A cell and the place at which it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell<'a> {
    /// The text without its quotes.
    pub text: Cow<'a, str>,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

impl Cell<'_> {
    /// A fault of this cell.
    pub fn fault(&self, why: &'static str) -> TextFault {
        TextFault { line: self.line, column: self.column, why }
    }

    /// The text without the `'` in front that keeps a spreadsheet from computing it.
    pub fn unguarded(&self) -> &str {
        let rest = self.text.strip_prefix('\'').filter(|rest| rest.starts_with(FORMULA));
        rest.unwrap_or(&self.text)
    }
}

/// The rows of a table in the order of the text. Lines end with CR LF, LF or CR; an empty line is no row.
#[derive(Debug)]
pub struct Rows<'a> {
    rest: &'a str,
    line: usize,
    column: usize,
    is_broken: bool,
}

impl<'a> Rows<'a> {
    /// The rows of `text`, behind a byte order mark if there is one.
    pub fn new(text: &'a str) -> Self {
        let rest = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
        Self { rest, line: 1, column: 1, is_broken: false }
    }

    /// Passes over so many bytes.
    fn pass(&mut self, bytes: usize) -> &'a str {
        let (passed, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        let mut signs = passed.chars().peekable();
        while let Some(sign) = signs.next() {
            if sign == '\n' || (sign == '\r' && signs.peek() != Some(&'\n')) {
                self.line += 1;
                self.column = 1;
            } else {
                self.column += 1;
            }
        }
        passed
    }

    fn fault(&self, why: &'static str) -> TextFault {
        TextFault { line: self.line, column: self.column, why }
    }

    fn cell(&mut self) -> Result<Cell<'a>, TextFault> {
        let (line, column) = (self.line, self.column);
        let text = if self.rest.starts_with('"') { self.quoted()? } else { self.plain()? };
        Ok(Cell { text, line, column })
    }

    fn plain(&mut self) -> Result<Cow<'a, str>, TextFault> {
        let end = self.rest.find([',', '\r', '\n', '"', '\0']).unwrap_or(self.rest.len());
        let text = self.pass(end);
        if self.rest.starts_with('"') {
            return Err(self.fault("is a quote inside of a cell that does not begin with one"));
        }
        if self.rest.starts_with('\0') {
            return Err(self.fault("is a NUL character: the table is not in UTF-8"));
        }
        Ok(Cow::Borrowed(text))
    }

    fn quoted(&mut self) -> Result<Cow<'a, str>, TextFault> {
        let open = self.fault("is a quote that nothing closes");
        self.pass(1);
        let mut text = Cow::Borrowed("");
        loop {
            let end = self.rest.find('"').ok_or(open)?;
            let part = self.pass(end);
            if text.is_empty() {
                text = Cow::Borrowed(part);
            } else {
                text.to_mut().push_str(part);
            }
            self.pass(1);
            if !self.rest.starts_with('"') {
                break;
            }
            self.pass(1);
            text.to_mut().push('"');
        }
        if self.rest.is_empty() || self.rest.starts_with([',', '\r', '\n']) {
            Ok(text)
        } else {
            Err(self.fault("is text behind the quote that closes its cell"))
        }
    }

    /// Passes over the end of a line; `false` where there is none.
    fn end_of_line(&mut self) -> bool {
        let bytes = if self.rest.starts_with("\r\n") { 2 } else { 1 };
        let is_end = self.rest.starts_with(['\r', '\n']);
        if is_end {
            self.pass(bytes);
        }
        is_end
    }

    fn row(&mut self) -> Result<Vec<Cell<'a>>, TextFault> {
        let mut cells = vec![self.cell()?];
        while self.rest.starts_with(',') {
            self.pass(1);
            if cells.len() == MOST_CELLS {
                return Err(self.fault("is a cell more than the 64 that a row may have"));
            }
            cells.push(self.cell()?);
        }
        self.end_of_line();
        Ok(cells)
    }
}

impl<'a> Iterator for Rows<'a> {
    type Item = Result<Vec<Cell<'a>>, TextFault>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.end_of_line() {}
        if self.rest.is_empty() || self.is_broken {
            return None;
        }
        let row = self.row();
        self.is_broken = row.is_err();
        Some(row)
    }
}

/// Cells of one row that is written.
#[derive(Debug, Default)]
pub struct Cells {
    row: String,
    has_any: bool,
}

impl Cells {
    /// Adds a cell as it is.
    pub fn raw(&mut self, cell: &str) {
        if std::mem::replace(&mut self.has_any, true) {
            self.row.push(',');
        }
        self.row.push_str(cell);
    }

    /// Adds a text, with a `'` in front of what a spreadsheet would compute.
    pub fn text(&mut self, text: &str) {
        let guard = if text.starts_with(FORMULA) { "'" } else { "" };
        if text.bytes().any(|byte| matches!(byte, b'"' | b',' | b'\r' | b'\n')) {
            self.raw("\"");
            self.row.push_str(guard);
            self.row.push_str(&text.replace('"', "\"\""));
            self.row.push('"');
        } else {
            self.raw(guard);
            self.row.push_str(text);
        }
    }

    /// The row, without the end of its line.
    pub fn finish(self) -> String {
        self.row
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<Vec<Vec<String>>, TextFault> {
        let texts = |row: Vec<Cell<'_>>| row.into_iter().map(|cell| cell.text.into_owned()).collect();
        Rows::new(text).map(|row| row.map(texts)).collect()
    }

    #[test]
    fn rows_are_read_as_the_standard_says() {
        assert_eq!(read("a,b\r\n1,2\r\n").unwrap(), [["a", "b"], ["1", "2"]]);
        assert_eq!(
            read("\u{feff}a,b\n\n\"1,\n\"\"x\"\"\",\r2,").unwrap(),
            [["a", "b"], ["1,\n\"x\"", ""], ["2", ""]]
        );
        assert_eq!(read("").unwrap(), Vec::<Vec<String>>::new());
        assert_eq!(read("\"\"").unwrap(), [[""]]);
    }

    #[test]
    fn a_fault_says_where_it_is() {
        for (text, line, column) in [
            ("a,b\r\n1,\"x", 2, 3),
            ("a\nöä\"x", 2, 3),
            ("\"a\" ,b", 1, 4),
            ("\"a\nb\"\n\"c\"d", 3, 4),
            ("a\0", 1, 2),
            (&",".repeat(100), 1, 65),
        ] {
            let fault = read(text).unwrap_err();
            assert_eq!((fault.line, fault.column), (line, column), "{text:?} {}", fault.why);
        }
    }

    #[test]
    fn cells_know_their_place_behind_breaks_in_quotes() {
        let rows: Vec<_> = Rows::new("\"é\r\n\rx\",b\r\nc").map(Result::unwrap).collect();
        let places: Vec<_> = rows.iter().flatten().map(|cell| (cell.line, cell.column)).collect();
        assert_eq!(places, [(1, 1), (3, 4), (4, 1)]);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(rows in prop::collection::vec(
            prop::collection::vec("[a-z=+@,;'\"\r\n\té -]{0,6}", 2..4), 0..5)) {
            let mut text = String::new();
            for row in &rows {
                let mut cells = Cells::default();
                for cell in row {
                    cells.text(cell);
                }
                text.push_str(&cells.finish());
                text.push_str("\r\n");
            }
            let read: Vec<Vec<String>> = Rows::new(&text)
                .map(|row| row.unwrap().iter().map(|cell| cell.unguarded().to_owned()).collect())
                .collect();
            // A `'` that was there in front of a formula is taken for the writer's own.
            let plain = |cell: &String| match cell.strip_prefix('\'') {
                Some(rest) if rest.starts_with(FORMULA) => rest.to_owned(),
                _ => cell.clone(),
            };
            let given: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(plain).collect()).collect();
            prop_assert_eq!(read, given);
        }
    }
}
