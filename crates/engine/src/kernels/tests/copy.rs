//! Copies against index arithmetic.
use super::{Random, indices, place};
use crate::kernels::copy::{Pieces, convert, copy, scatter};
use hypertape_ir::array::Layout;

const LENGTHS: [usize; 9] = [0, 1, 2, 3, 5, 8, 17, 33, 40];

#[test]
fn copies_any_layout() {
    let mut r = Random::new(1);
    for case in 0..400 {
        let rank = case % 5;
        let shape = r.shape(rank, if rank > 3 { &LENGTHS[..6] } else { &LENGTHS });
        let (l, n) = r.layout(&shape, true);
        let src = r.reals(n);
        let expected: Vec<f64> = indices(&shape).iter().map(|i| src[place(&l, i)]).collect();
        let mut dst = vec![f64::NAN; l.len()];
        copy(&src, &l, &mut dst);
        assert_eq!(dst, expected, "{l:?}");
        let narrow: Vec<u32> = (0..n as u32).collect();
        let mut moved = vec![0; l.len()];
        copy(&narrow, &l, &mut moved);
        assert!(indices(&shape).iter().zip(&moved).all(|(i, m)| place(&l, i) as u32 == *m));
        // The same in pieces.
        let pieces = Pieces::new(&l);
        let mut at = 0;
        while at < dst.len() {
            let m = (1 + r.below(70)).min(dst.len() - at);
            let mut piece = vec![f64::NAN; m];
            pieces.load(&src, at, &mut piece);
            assert_eq!(piece, expected[at..at + m], "{l:?} from {at}");
            at += m;
        }
        if let Some(start) = pieces.contiguous() {
            assert_eq!(src[start..start + l.len()], expected[..]);
        }
        if let Some(at) = pieces.repeated() {
            assert!(expected.iter().all(|v| *v == src[at]));
        }
    }
}

#[test]
fn scatters_to_any_layout() {
    let mut r = Random::new(2);
    for case in 0..400 {
        let rank = case % 5;
        let shape = r.shape(rank, if rank > 3 { &LENGTHS[..6] } else { &LENGTHS });
        let (l, n) = r.layout(&shape, false);
        let src = r.reals(l.len());
        let mut expected = vec![7.0; n];
        for (i, v) in indices(&shape).iter().zip(&src) {
            expected[place(&l, i)] = *v;
        }
        let mut dst = vec![7.0; n];
        scatter(&src, &mut dst, &l);
        assert_eq!(dst, expected, "{l:?}");
        let mut dst = vec![7.0; n];
        let (pieces, mut at) = (Pieces::new(&l), 0);
        while at < src.len() {
            let m = (1 + r.below(70)).min(src.len() - at);
            pieces.store(&src[at..at + m], &mut dst, at);
            at += m;
        }
        assert_eq!(dst, expected, "{l:?} in pieces");
    }
}

#[test]
fn converts_between_types() {
    let x = [0.0, 1.5, -2.0, 1e300, 4_294_967_295.0];
    let (mut f, mut u, mut back) = ([0f32; 5], [9u32; 5], [0f64; 5]);
    convert(&x, &mut f);
    assert_eq!(f, [0.0, 1.5, -2.0, f32::INFINITY, 4_294_967_295.0]);
    convert(&x, &mut u);
    assert_eq!(u, [0, 1, 0, u32::MAX, u32::MAX]);
    convert(&u, &mut back);
    assert_eq!(back[4], 4_294_967_295.0);
    copy::<f64>(&[], &Layout::contiguous(&[0, 3]), &mut []);
}
