//! Joins: gathered elements are those of the pieces, from wherever a tile begins.
#![allow(unsafe_code)]
use crate::kernels::join::{Join, Piece};

fn naive(j: &Join, data: &[Vec<f64>], flat: usize) -> f64 {
    let (row, at) = (flat / j.row, flat % j.row);
    let piece = j.pieces.iter().find(|p| p.from <= at && at < p.to);
    piece.map_or(j.fill, |p| data[p.load][(row as isize * p.stride) as usize + at - p.from])
}

fn check(rows: usize, row: usize, pieces: &[(usize, usize, usize)]) {
    let data: Vec<Vec<f64>> =
        pieces.iter().enumerate().map(|(k, (_, _, s))| (0..rows * s).map(|i| (1000 * (k + 1) + i) as f64).collect()).collect();
    let piece = |(load, &(from, to, stride)): (usize, &(usize, usize, usize))| Piece { load, from, to, stride: stride as isize };
    let j = Join { cell: 0, register: 0, row, fill: -0.5, pieces: pieces.iter().enumerate().map(piece).collect() };
    let ports: Vec<*mut u8> = data.iter().map(|d| d.as_ptr().cast_mut().cast()).collect();
    for flat in 0..rows * row {
        for n in 1..=(rows * row - flat).min(2 * row + 3) {
            let expected: Vec<f64> = (flat..flat + n).map(|i| naive(&j, &data, i)).collect();
            let mut found = vec![f64::NAN; n];
            // SAFETY: every port has the rows of its piece.
            unsafe { j.gather(&ports, flat, &mut found) };
            assert_eq!(found, expected, "{pieces:?} in rows of {row}, from {flat}");
            if let Some((p, at)) = j.find(flat, n) {
                assert_eq!(data[p.load][at as usize..][..n], expected);
            }
        }
    }
}

#[test]
fn pieces_and_gaps() {
    for (rows, row) in [(1, 7), (3, 5), (4, 1), (2, 6)] {
        for from in 0..row {
            for to in from + 1..=row {
                check(rows, row, &[(from, to, row)]);
                check(rows, row, &[(from, to, row + 2)]);
                check(rows, row, &[(from, to, to - from)]);
                for end in to + 1..=row {
                    check(rows, row, &[(from, to, row), (to, end, row)]);
                    check(rows, row, &[(from, to, 3 + row), (end - 1, end, 1)]);
                }
            }
        }
    }
}
