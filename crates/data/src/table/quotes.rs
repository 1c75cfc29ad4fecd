//! Quotes that are opened and not closed: a reader of CSV takes the rest of the file for one field.

/// What the fields of a table are told apart by.
#[derive(Clone, Copy)]
pub(super) struct Marks {
    pub(super) delimiter: u8,
    pub(super) comment: Option<u8>,
}

/// Where a pass stands.
#[derive(Clone, Copy, PartialEq)]
enum Within {
    /// At the start of a row.
    Row,
    /// At the start of another field.
    Field,
    /// In a field, where a quote is a byte like others.
    Plain,
    Quoted,
    /// After a quote in a quoted field: its end, or the first half of a doubled one.
    Quote,
    Comment,
}

/// The line, from 0, and the field, from 0, of a quote that is not closed before the end.
pub(super) fn unclosed(table: &[u8], marks: Marks) -> Option<(u64, usize)> {
    let (mut within, mut line, mut field, mut opened) = (Within::Row, 0, 0, (0, 0));
    for &b in table {
        let other = match b {
            b'\r' | b'\n' => Within::Row,
            b if b == marks.delimiter => Within::Field,
            _ => Within::Plain,
        };
        let next = match within {
            Within::Row if Some(b) == marks.comment => Within::Comment,
            Within::Row | Within::Field if b == b'"' => Within::Quoted,
            Within::Quoted if b == b'"' => Within::Quote,
            Within::Quote if b == b'"' => Within::Quoted,
            Within::Quoted => Within::Quoted,
            Within::Comment if b != b'\n' => Within::Comment,
            Within::Comment => Within::Row,
            Within::Row | Within::Field | Within::Plain | Within::Quote => other,
        };
        match next {
            Within::Row => field = 0,
            Within::Field => field += 1,
            Within::Quoted if matches!(within, Within::Row | Within::Field) => opened = (line, field),
            _ => {}
        }
        line += u64::from(b == b'\n');
        within = next;
    }
    (within == Within::Quoted).then_some(opened)
}
