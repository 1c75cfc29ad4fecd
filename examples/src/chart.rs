//! Line charts on logarithmic axes, as SVG files.

use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::*;
use std::error::Error;
use std::ops::Range;
use std::path::Path;

/// A named line.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// What stands in the legend.
    pub name: String,
    /// Points in the order in which they are joined; those that are not positive cannot be drawn and are left out.
    pub points: Vec<(f64, f64)>,
}

/// Draws lines over logarithmic axes.
///
/// # Errors
/// When there is no point to draw, or the file cannot be written.
pub fn log_log(path: &Path, title: &str, axes: [&str; 2], series: &[Series]) -> Result<(), Box<dyn Error>> {
    draw(path, title, axes, series, true)
}

/// Draws points over logarithmic axes, and the line on which both are equal.
///
/// # Errors
/// As [`log_log`].
pub fn scatter(path: &Path, title: &str, axes: [&str; 2], series: &[Series]) -> Result<(), Box<dyn Error>> {
    draw(path, title, axes, series, false)
}

fn draw(path: &Path, title: &str, axes: [&str; 2], series: &[Series], joined: bool) -> Result<(), Box<dyn Error>> {
    let drawn = |p: &&(f64, f64)| p.0 > 0.0 && p.1 > 0.0 && p.0.is_finite() && p.1.is_finite();
    let points: Vec<(f64, f64)> = series.iter().flat_map(|s| s.points.iter().filter(drawn).copied()).collect();
    let x = range(points.iter().map(|p| p.0)).ok_or_else(|| format!("{title}: no points to draw"))?;
    let y = range(points.iter().map(|p| p.1)).ok_or_else(|| format!("{title}: no points to draw"))?;
    let root = SVGBackend::new(path, (1040, 560)).into_drawing_area();
    root.fill(&WHITE)?;
    let (left, right) = root.split_horizontally(800);
    let mut builder = ChartBuilder::on(&left);
    builder.caption(title, ("sans-serif", 22)).margin(16).x_label_area_size(48).y_label_area_size(80);
    let equal = [x.start.max(y.start), x.end.min(y.end)].map(|v| (v, v));
    let mut chart = builder.build_cartesian_2d(power_of_ten(x), power_of_ten(y))?;
    chart
        .configure_mesh()
        .x_desc(axes[0])
        .y_desc(axes[1])
        .x_label_formatter(&short)
        .y_label_formatter(&short)
        .light_line_style(WHITE)
        .draw()?;
    if !joined {
        chart.draw_series(LineSeries::new(equal, BLACK.mix(0.5)))?;
    }
    for (k, s) in series.iter().enumerate() {
        // Later lines are thinner, so that lines that coincide are all seen.
        let (colour, width) = (Palette99::pick(k).to_rgba(), 1 + 2 * (series.len() - k) as u32 / 2);
        let line: Vec<(f64, f64)> = s.points.iter().filter(drawn).copied().collect();
        if joined {
            chart.draw_series(LineSeries::new(line.iter().copied(), colour.stroke_width(width)))?;
            chart.draw_series(line.iter().map(|p| Circle::new(*p, width / 2 + 2, colour.filled())))?;
        } else {
            chart.draw_series(line.iter().map(|p| Circle::new(*p, 2, colour.mix(0.5).filled())))?;
        }
        let row = 64 + 24 * k as i32;
        right.draw(&PathElement::new([(0, row + 6), (24, row + 6)], colour.stroke_width(width)))?;
        right.draw(&Text::new(s.name.as_str(), (32, row), ("sans-serif", 14).into_font()))?;
    }
    root.present()?;
    Ok(())
}

/// A logarithmic axis.
fn power_of_ten(r: Range<f64>) -> impl AsRangedCoord<Value = f64, CoordDescType: ValueFormatter<f64>> {
    r.log_scale()
}

/// The range of some values with a little room, `None` when there are none.
fn range(values: impl Iterator<Item = f64> + Clone) -> Option<Range<f64>> {
    let low = values.clone().fold(f64::INFINITY, f64::min);
    let high = values.fold(0.0, f64::max);
    (low <= high).then(|| low / 1.5..high * 1.5)
}

fn short(v: &f64) -> String {
    if (0.01..10_000.0).contains(v) { format!("{v}") } else { format!("{v:.0e}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_names_its_lines_and_axes() {
        let path = std::env::temp_dir().join(format!("hypertape-chart-{}.svg", std::process::id()));
        let line = Series { name: "unrolled".into(), points: vec![(10.0, 1.0), (100.0, 1e-6), (1000.0, 0.0)] };
        log_log(&path, "Error of the hypergradient", ["steps", "relative error"], &[line]).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        for part in ["unrolled", "Error of the hypergradient", "steps", "relative error"] {
            assert!(text.contains(part), "{part} is missing");
        }
    }

    #[test]
    fn nothing_to_draw_is_an_error() {
        assert!(log_log(Path::new("never-written.svg"), "Empty", ["x", "y"], &[]).is_err());
    }
}
