//! Rows of numbers as small grey images beside each other, as an SVG file.

use ndarray::Array2;
use plotters::prelude::*;
use std::error::Error;
use std::path::Path;

/// Pixels of the picture for each number.
const SIDE: usize = 6;

/// Draws each row as an image with so many numbers a line, the largest size of each black or white, 0 grey.
///
/// # Errors
/// Rows that no such image holds; a file that cannot be written.
pub fn tiles(path: &Path, rows: &Array2<f64>, width: usize) -> Result<(), Box<dyn Error>> {
    let (count, numbers) = rows.dim();
    if width == 0 || count == 0 || !numbers.is_multiple_of(width) {
        return Err(format!("{count} rows of {numbers} numbers are no images with {width} a line").into());
    }
    let height = numbers / width;
    let across = (1..).find(|k| k * k >= count).unwrap_or(count);
    let down = count.div_ceil(across);
    let [wide, high] = [across * (width + 1) + 1, down * (height + 1) + 1].map(|n| (n * SIDE) as u32);
    let root = SVGBackend::new(path, (wide, high)).into_drawing_area();
    root.fill(&WHITE)?;
    for (k, row) in rows.rows().into_iter().enumerate() {
        let most = row.iter().fold(f64::MIN_POSITIVE, |most, v| most.max(v.abs()));
        let (left, top) = ((k % across) * (width + 1) + 1, (k / across) * (height + 1) + 1);
        for (i, v) in row.iter().enumerate() {
            let grey = (127.5 * (1.0 + v / most)) as u8;
            let (x, y) = (((left + i % width) * SIDE) as i32, ((top + i / width) * SIDE) as i32);
            root.draw(&Rectangle::new([(x, y), (x + SIDE as i32, y + SIDE as i32)], RGBColor(grey, grey, grey).filled()))?;
        }
    }
    root.present()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tile_has_its_numbers() {
        let path = std::env::temp_dir().join(format!("hypertape-tiles-{}.svg", std::process::id()));
        tiles(&path, &ndarray::arr2(&[[1.0, -1.0, 0.0, 0.5], [0.0; 4], [2.0, 1.0, 0.0, 0.0]]), 2).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(text.matches("<rect").count(), 13);
        assert!(text.contains("#FFFFFF") && text.contains("#000000") && text.contains("#7F7F7F"), "{text}");
        assert!(tiles(&path, &ndarray::arr2(&[[1.0, 2.0, 3.0]]), 2).is_err());
    }
}
