//! The header of an npy file: a dictionary in Python's notation, of which three keys are read and nothing is run.
use crate::error::{Error, Result};
use crate::place::{At, quoted};
use crate::source::Source;

/// What a header says.
#[derive(Debug, PartialEq)]
pub(super) struct Header {
    /// `b`, `u`, `i` or `f`.
    pub(super) kind: u8,
    /// Bytes of an element.
    pub(super) size: usize,
    pub(super) big_endian: bool,
    pub(super) fortran: bool,
    pub(super) shape: Vec<usize>,
    /// The byte at which elements start.
    pub(super) start: usize,
}

const MAGIC: &[u8] = b"\x93NUMPY";
/// NumPy's own bound on the number of axes.
const MOST_AXES: usize = 64;
const KNOWN: &str = "bool, int8 … int64, uint8 … uint64, float32, float64 (`astype` in NumPy)";

/// A place in the header's text.
struct Cursor<'a> {
    source: &'a Source<'a>,
    at: usize,
    end: usize,
}

pub(super) fn read(source: &Source<'_>) -> Result<Header> {
    let bytes = source.content();
    let at = |byte: usize| source.place(At::Byte(byte as u64));
    let missing = |byte: usize, needed: usize, what: &str| Error::Truncated {
        place: at(byte),
        what: what.into(),
        needed: needed as u128,
        found: bytes.len().saturating_sub(byte) as u64,
    };
    let begin = bytes.get(..MAGIC.len() + 2).ok_or_else(|| missing(0, MAGIC.len() + 2, "the magic string and the version"))?;
    if !begin.starts_with(MAGIC) {
        return Err(Error::Format { place: at(0), expected: "\\x93NUMPY", found: quoted(&begin[..MAGIC.len()]) });
    }
    let (length_bytes, from) = match begin[MAGIC.len()..] {
        [1, 0] => (2, 10),
        [2 | 3, 0] => (4, 12),
        _ => return Err(Error::Format { place: at(6), expected: "a version from 1.0 to 3.0", found: quoted(&begin[6..8]) }),
    };
    let length = bytes.get(8..from).ok_or_else(|| missing(8, length_bytes, "the length of the header"))?;
    let length = length.iter().rev().fold(0_u32, |sum, b| sum << 8 | u32::from(*b));
    let end = usize::try_from(length).ok().and_then(|l| from.checked_add(l)).filter(|end| *end <= bytes.len());
    let end = end.ok_or_else(|| missing(from, length as usize, "the header"))?;
    Cursor { source, at: from, end }.dictionary()
}

impl<'a> Cursor<'a> {
    fn dictionary(mut self) -> Result<Header> {
        let (mut elements, mut fortran, mut shape) = (None, None, None);
        self.take(b'{', "{")?;
        while self.peek() != Some(b'}') {
            let begin = self.at;
            match self.text()? {
                b"descr" if elements.is_none() => {
                    self.take(b':', ":")?;
                    elements = Some(self.elements()?);
                }
                b"fortran_order" if fortran.is_none() => {
                    self.take(b':', ":")?;
                    fortran = Some(self.truth()?);
                }
                b"shape" if shape.is_none() => {
                    self.take(b':', ":")?;
                    shape = Some(self.shape()?);
                }
                _ => return Err(self.wrong(begin, "one each of the keys descr, fortran_order and shape")),
            }
            if self.peek() != Some(b'}') {
                self.take(b',', ", or }")?;
            }
        }
        let close = self.at;
        self.take(b'}', "}")?;
        if self.peek().is_some() {
            return Err(self.wrong(self.at, "the end of the header"));
        }
        match (elements, fortran, shape) {
            (Some((kind, size, big_endian)), Some(fortran), Some(shape)) => {
                Ok(Header { kind, size, big_endian, fortran, shape, start: self.end })
            }
            _ => Err(self.wrong(close, "a key: descr, fortran_order and shape are all needed, and one")),
        }
    }

    /// `'<f8'`: the byte order, the kind, and the size in bytes.
    fn elements(&mut self) -> Result<(u8, usize, bool)> {
        self.peek();
        let begin = self.at;
        let unknown =
            |found: &[u8]| Error::ElementType { place: self.source.place(At::Byte(begin as u64)), found: quoted(found), known: KNOWN };
        if !matches!(self.source.content().get(begin), Some(b'\'' | b'"')) {
            // A list: records.
            return Err(unknown(&self.source.content()[begin..self.end]));
        }
        let text = self.text()?;
        let (order, rest) = match text {
            [order @ (b'<' | b'>' | b'|' | b'='), rest @ ..] => (*order, rest),
            rest => (b'|', rest),
        };
        let size = match rest {
            b"b1" | b"u1" | b"i1" => 1,
            b"u2" | b"i2" => 2,
            b"u4" | b"i4" | b"f4" => 4,
            b"u8" | b"i8" | b"f8" => 8,
            _ => 0,
        };
        // Without an order, several bytes have no meaning on another machine.
        if size == 0 || (size > 1 && !matches!(order, b'<' | b'>')) {
            return Err(Error::ElementType { place: self.source.place(At::Byte(begin as u64)), found: quoted(text), known: KNOWN });
        }
        Ok((rest[0], size, order == b'>'))
    }

    fn truth(&mut self) -> Result<bool> {
        self.peek();
        let begin = self.at;
        let rest = &self.source.content()[begin..self.end];
        for (word, truth) in [(&b"True"[..], true), (b"False", false)] {
            if rest.starts_with(word) {
                self.at += word.len();
                return Ok(truth);
            }
        }
        Err(self.wrong(begin, "True or False"))
    }

    /// `(3, 4)`, `(3,)` or `()`. Python 2 wrote long numbers with an L.
    fn shape(&mut self) -> Result<Vec<usize>> {
        self.take(b'(', "(")?;
        let mut shape = vec![];
        while self.peek() != Some(b')') {
            let begin = self.at;
            let digits = self.source.content()[begin..self.end].iter().take_while(|b| b.is_ascii_digit()).count();
            let text = &self.source.content()[begin..begin + digits];
            let length = text.iter().try_fold(0_usize, |sum, d| sum.checked_mul(10)?.checked_add(usize::from(d - b'0')));
            let Some(length) = length.filter(|_| digits > 0 && shape.len() < MOST_AXES) else {
                return Err(self.wrong(begin, "the length of one of at most 64 axes"));
            };
            shape.push(length);
            self.at += digits;
            if self.source.content()[..self.end].get(self.at) == Some(&b'L') {
                self.at += 1;
            }
            if self.peek() != Some(b')') {
                self.take(b',', ", or )")?;
            } else if shape.len() == 1 && self.source.content()[..self.at].trim_ascii_end().last() != Some(&b',') {
                // (3) is a number, not a tuple.
                return Err(self.wrong(self.at, "the comma of a tuple of one"));
            }
        }
        self.take(b')', ")")?;
        Ok(shape)
    }

    /// A quoted text without escapes.
    fn text(&mut self) -> Result<&'a [u8]> {
        self.peek();
        let begin = self.at;
        let rest = &self.source.content()[begin..self.end];
        let quote = rest.first().copied().filter(|b| matches!(b, b'\'' | b'"'));
        let length = quote.and_then(|q| rest[1..].iter().position(|b| *b == q));
        let Some(length) = length.filter(|l| !rest[1..=*l].contains(&b'\\')) else {
            return Err(self.wrong(begin, "a text in quotes"));
        };
        self.at += length + 2;
        Ok(&self.source.content()[begin + 1..=begin + length])
    }

    /// The next byte that is no blank; nothing at the end.
    fn peek(&mut self) -> Option<u8> {
        let rest = &self.source.content()[self.at..self.end];
        self.at += rest.iter().take_while(|b| b.is_ascii_whitespace()).count();
        self.source.content()[..self.end].get(self.at).copied()
    }

    fn take(&mut self, byte: u8, expected: &'static str) -> Result<()> {
        if self.peek() != Some(byte) {
            return Err(self.wrong(self.at, expected));
        }
        self.at += 1;
        Ok(())
    }

    fn wrong(&self, at: usize, expected: &'static str) -> Error {
        let found = &self.source.content()[at..self.end];
        let found = if found.is_empty() { "the end".into() } else { quoted(&found[..found.len().min(16)]) };
        Error::Format { place: self.source.place(At::Byte(at as u64)), expected, found }
    }
}
