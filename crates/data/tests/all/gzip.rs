//! Content: paths, readers and bytes, compressed or not, and limits.
use flate2::Compression;
use flate2::write::GzEncoder;
use hypertape_data::{At, Error, Limit, Source};
use std::io::{self, Read, Write};

pub(crate) fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(vec![], Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Gives one byte at a time, and fails after a number of them.
struct Slow<'a>(&'a [u8], Option<usize>);

impl Read for Slow<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if let Some(left) = &mut self.1 {
            *left = left.checked_sub(1).ok_or_else(|| io::Error::from(io::ErrorKind::ConnectionReset))?;
        }
        let n = into.len().min(self.0.len()).min(1);
        into[..n].copy_from_slice(&self.0[..n]);
        self.0 = &self.0[n..];
        Ok(n)
    }
}

#[test]
fn content_is_the_same_by_every_way_in() {
    let folder = std::env::temp_dir().join(format!("hypertape-data-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for content in [&b""[..], b"a", b"\x1f", b"ab", b"some text\nof two lines"] {
        for bytes in
            [content.to_vec(), packed(content), [packed(&content[..content.len() / 2]), packed(&content[content.len() / 2..])].concat()]
        {
            // The name says nothing about the content.
            let path = folder.join("plain.txt");
            std::fs::write(&path, &bytes).unwrap();
            assert_eq!(Source::open(&path).unwrap().content(), content);
            assert_eq!(Source::read(&bytes[..]).unwrap().content(), content);
            assert_eq!(Source::read(Slow(&bytes, None)).unwrap().content(), content);
            assert_eq!(Source::bytes(&bytes).unwrap().content(), content);
        }
    }
    let gone = Source::open(folder.join("gone")).unwrap_err();
    assert!(matches!(&gone, Error::Open { path, .. } if path.ends_with("gone")), "{gone}");
    assert!(matches!(Source::open(&folder).unwrap_err(), Error::Read { .. } | Error::Open { .. }));
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_small_file_that_unfolds_to_much_is_refused() {
    let bomb = packed(&vec![0; 10_000_000]);
    assert!(bomb.len() < 20_000);
    for limit in [0, 1, 9_999_999] {
        for source in [Limit(limit).bytes(&bomb), Limit(limit).read(&bomb[..])] {
            assert!(matches!(source.unwrap_err(), Error::Limit { limit: l, .. } if l == limit));
        }
    }
    assert_eq!(Limit(10_000_000).bytes(&bomb).unwrap().content().len(), 10_000_000);
    assert_eq!(Limit(u64::MAX).bytes(&bomb).unwrap().content().len(), 10_000_000);
    // A reader without an end.
    assert!(matches!(Limit(1000).read(io::repeat(7)).unwrap_err(), Error::Limit { limit: 1000, .. }));
}

#[test]
fn a_compressed_file_that_is_cut_or_damaged_is_refused() {
    let content: Vec<u8> = (0..2000_u32).map(|i| (i * i % 251) as u8).collect();
    let whole = packed(&content);
    for end in 2..whole.len() {
        let error = Source::bytes(&whole[..end]).unwrap_err();
        assert!(matches!(error, Error::Gzip { .. }), "{end}: {error:?}");
    }
    for byte in 10..whole.len() {
        let mut damaged = whole.clone();
        damaged[byte] ^= 0x55;
        assert!(matches!(Source::bytes(&damaged).unwrap_err(), Error::Gzip { .. } | Error::Limit { .. }), "{byte}");
    }
    let trailing = [&whole[..], b"junk"].concat();
    assert!(matches!(Source::bytes(&trailing).unwrap_err(), Error::Gzip { .. }));
}

#[test]
fn a_reader_that_breaks_off_says_where() {
    let error = Source::read(Slow(b"0123456789", Some(5))).unwrap_err();
    assert!(matches!(&error, Error::Read { .. }), "{error}");
    // A connection that breaks is not called a damaged file.
    let bytes = packed(b"0123456789");
    for after in 0..bytes.len() {
        let error = Source::read(Slow(&bytes, Some(after))).unwrap_err();
        assert!(matches!(&error, Error::Read { place, .. } if matches!(place.at, At::Byte(_))), "{after}: {error}");
    }
}
