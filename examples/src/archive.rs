//! Files in a zip archive, stored or deflated: what data sets are packed into. Encrypted archives and those of 4 GiB and more are refused.

use flate2::Crc;
use flate2::read::DeflateDecoder;
use std::error::Error;
use std::io::Read;

/// The most bytes that a file may have.
const MOST: u64 = 1 << 26;
/// The largest number of 16 bits stands for one that does not fit.
const ELSEWHERE: u64 = 0xffff;

/// The names and the contents of the files in an archive, folders left out, by the directory at its end (APPNOTE 6.3.10, PKWARE).
///
/// # Errors
/// What is no archive, is damaged or cut, or is packed in another way.
pub fn unpack(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, Box<dyn Error>> {
    // The end record has 22 bytes and a comment of at most 65 535.
    let from = bytes.len().saturating_sub(22 + 0xffff);
    let end = (from..bytes.len().saturating_sub(21)).rev().find(|at| bytes[*at..].starts_with(b"PK\x05\x06"));
    let end = end.ok_or("no end of a zip archive")?;
    let (count, mut at) = (number(bytes, end + 10, 2)?, number(bytes, end + 16, 4)? as usize);
    if count == ELSEWHERE {
        return Err("a zip archive of 65 535 files or more".into());
    }
    let mut files = vec![];
    for _ in 0..count {
        if !bytes.get(at..).is_some_and(|b| b.starts_with(b"PK\x01\x02")) {
            return Err(format!("no entry of the directory at byte {at}").into());
        }
        let field = |offset: usize, size: usize| number(bytes, at + offset, size);
        let (method, crc, packed, size) = (field(10, 2)?, field(16, 4)?, field(20, 4)? as usize, field(24, 4)?);
        let [name, extra, comment] = [field(28, 2)?, field(30, 2)?, field(32, 2)?].map(|n| n as usize);
        let local = field(42, 4)? as usize;
        let text = String::from_utf8_lossy(part(bytes, at + 46, name)?).into_owned();
        if field(8, 2)? & 1 != 0 {
            return Err(format!("{text} is encrypted").into());
        }
        at += 46 + name + extra + comment;
        if text.ends_with('/') {
            continue;
        }
        // The header beside the content has a name and an extra field of its own.
        let skip = number(bytes, local + 26, 2)? + number(bytes, local + 28, 2)?;
        let content = part(bytes, local + 30 + skip as usize, packed)?;
        let file = match method {
            _ if size > MOST => return Err(format!("{text} has {size} bytes, more than {MOST}").into()),
            0 => content.to_vec(),
            8 => {
                let mut file = vec![];
                DeflateDecoder::new(content).take(size + 1).read_to_end(&mut file).map_err(|e| format!("{text}: {e}"))?;
                file
            }
            other => return Err(format!("{text} is packed by method {other}; deflate is 8").into()),
        };
        let mut sum = Crc::new();
        sum.update(&file);
        if file.len() as u64 != size || u64::from(sum.sum()) != crc {
            return Err(format!("{text} is damaged").into());
        }
        files.push((text, file));
    }
    Ok(files)
}

fn part(bytes: &[u8], at: usize, size: usize) -> Result<&[u8], Box<dyn Error>> {
    let end = at.checked_add(size).filter(|end| *end <= bytes.len());
    Ok(&bytes[at..end.ok_or_else(|| format!("the archive is cut: {size} bytes from {at} on are not there"))?])
}

/// A whole number, least byte first.
fn number(bytes: &[u8], at: usize, size: usize) -> Result<u64, Box<dyn Error>> {
    Ok(part(bytes, at, size)?.iter().rev().fold(0, |n, b| n << 8 | u64::from(*b)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::DeflateEncoder;
    use std::io::Write;

    fn archive(files: &[(&str, &[u8], bool)]) -> Vec<u8> {
        let (mut all, mut directory) = (vec![], vec![]);
        for (name, content, deflated) in files {
            let mut encoder = DeflateEncoder::new(vec![], Compression::best());
            encoder.write_all(content).unwrap();
            let packed = if *deflated { encoder.finish().unwrap() } else { content.to_vec() };
            let mut sum = Crc::new();
            sum.update(content);
            let mut same = vec![20, 0, 0, 0, if *deflated { 8 } else { 0 }, 0, 0, 0, 0, 0];
            same.extend([sum.sum(), packed.len() as u32, content.len() as u32].iter().flat_map(|n| n.to_le_bytes()));
            same.extend([name.len() as u8, 0]);
            let local = all.len() as u32;
            all.extend(b"PK\x03\x04".iter().chain(&same).chain(&[3, 0]).chain(name.as_bytes()).chain(b"own").chain(&packed));
            directory.extend(b"PK\x01\x02\x14\x00".iter().chain(&same).chain(&[0; 12]));
            directory.extend(local.to_le_bytes());
            directory.extend(name.as_bytes());
        }
        let (start, count) = (all.len() as u32, files.len() as u8);
        all.extend(&directory);
        all.extend(b"PK\x05\x06\0\0\0\0".iter().chain(&[count, 0, count, 0]));
        all.extend((directory.len() as u32).to_le_bytes().iter().chain(&start.to_le_bytes()).chain(&[0, 0]));
        all
    }

    #[test]
    fn files_come_out_as_they_went_in() {
        let long = [7_u8; 1000];
        let files: [(&str, &[u8], bool); 4] = [("a/", b"", false), ("a/b", b"stored", false), ("c", &long, true), ("empty", b"", true)];
        let found = unpack(&archive(&files)).unwrap();
        let expected: Vec<(String, Vec<u8>)> = files[1..].iter().map(|f| (f.0.into(), f.1.to_vec())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_damaged_or_cut_archive_is_an_error() {
        let whole = archive(&[("b", b"stored", false), ("c", &[7; 1000], true)]);
        for cut in 0..whole.len() {
            assert!(unpack(&whole[..cut]).is_err(), "{cut}");
        }
        let mut other = whole.clone();
        other[30 + 1 + 3] ^= 1;
        assert!(unpack(&other).unwrap_err().to_string().contains("b is damaged"));
    }
}
