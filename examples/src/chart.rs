//! Line charts on logarithmic or linear axes, as SVG files.

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
    /// Points in the order in which they are joined; those that are not positive cannot be drawn on logarithmic axes and are left out.
    pub points: Vec<(f64, f64)>,
}

/// Draws lines over logarithmic axes.
///
/// # Errors
/// When there is no point to draw, or the file cannot be written.
pub fn log_log(path: &Path, title: &str, axes: [&str; 2], series: &[Series]) -> Result<(), Box<dyn Error>> {
    logarithmic(path, title, axes, series, true)
}

/// Draws points over logarithmic axes, and the line on which both are equal.
///
/// # Errors
/// As [`log_log`].
pub fn scatter(path: &Path, title: &str, axes: [&str; 2], series: &[Series]) -> Result<(), Box<dyn Error>> {
    logarithmic(path, title, axes, series, false)
}

/// Draws lines over linear axes.
///
/// # Errors
/// As [`log_log`].
pub fn curves(path: &Path, title: &str, axes: [&str; 2], series: &[Series]) -> Result<(), Box<dyn Error>> {
    let series = kept(series, |p| p.0.is_finite() && p.1.is_finite());
    let [x, y] = [|p: &(f64, f64)| p.0, |p: &(f64, f64)| p.1].map(|of| {
        let (low, high) = ends(series.iter().flat_map(|s| s.points.iter().map(of)))?;
        let room = if low < high { 0.05 * (high - low) } else { 0.05 * low.abs().max(1.0) };
        Some(low - room..high + room)
    });
    let none = || format!("{title}: no points to draw");
    draw(path, title, axes, &series, None, x.ok_or_else(none)?, y.ok_or_else(none)?)
}

fn logarithmic(path: &Path, title: &str, axes: [&str; 2], series: &[Series], joined: bool) -> Result<(), Box<dyn Error>> {
    let series = kept(series, |p| p.0 > 0.0 && p.1 > 0.0 && p.0.is_finite() && p.1.is_finite());
    let [x, y] = [|p: &(f64, f64)| p.0, |p: &(f64, f64)| p.1].map(|of| {
        let (low, high) = ends(series.iter().flat_map(|s| s.points.iter().map(of)))?;
        Some(low / 1.5..high * 1.5)
    });
    let none = || format!("{title}: no points to draw");
    let (x, y) = (x.ok_or_else(none)?, y.ok_or_else(none)?);
    let equal = [x.start.max(y.start), x.end.min(y.end)].map(|v| (v, v));
    draw(path, title, axes, &series, (!joined).then_some(equal), power_of_ten(x), power_of_ten(y))
}

/// The points that can be drawn.
fn kept(series: &[Series], drawn: impl Fn(&(f64, f64)) -> bool) -> Vec<Series> {
    series.iter().map(|s| Series { name: s.name.clone(), points: s.points.iter().copied().filter(&drawn).collect() }).collect()
}

/// The smallest and the largest of some values, `None` when there are none.
fn ends(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |ends, v| Some(ends.map_or((v, v), |(low, high): (f64, f64)| (low.min(v), high.max(v)))))
}

/// Joined lines, or points and a line between two of them.
fn draw<X, Y>(
    path: &Path,
    title: &str,
    axes: [&str; 2],
    series: &[Series],
    points: Option<[(f64, f64); 2]>,
    x: X,
    y: Y,
) -> Result<(), Box<dyn Error>>
where
    X: AsRangedCoord<Value = f64, CoordDescType: ValueFormatter<f64>>,
    Y: AsRangedCoord<Value = f64, CoordDescType: ValueFormatter<f64>>,
{
    let root = SVGBackend::new(path, (1040, 560)).into_drawing_area();
    root.fill(&WHITE)?;
    let (left, right) = root.split_horizontally(800);
    let mut builder = ChartBuilder::on(&left);
    builder.caption(title, ("sans-serif", 22)).margin(16).x_label_area_size(48).y_label_area_size(80);
    let mut chart = builder.build_cartesian_2d(x, y)?;
    chart
        .configure_mesh()
        .x_desc(axes[0])
        .y_desc(axes[1])
        .x_label_formatter(&short)
        .y_label_formatter(&short)
        .light_line_style(WHITE)
        .draw()?;
    if let Some(line) = points {
        chart.draw_series(LineSeries::new(line, BLACK.mix(0.5)))?;
    }
    for (k, s) in series.iter().enumerate() {
        // Later lines are thinner, so that lines that coincide are all seen.
        let (colour, width) = (Palette99::pick(k).to_rgba(), 1 + 2 * (series.len() - k) as u32 / 2);
        if points.is_none() {
            chart.draw_series(LineSeries::new(s.points.iter().copied(), colour.stroke_width(width)))?;
            chart.draw_series(s.points.iter().map(|p| Circle::new(*p, width / 2 + 2, colour.filled())))?;
        } else {
            chart.draw_series(s.points.iter().map(|p| Circle::new(*p, 2, colour.mix(0.5).filled())))?;
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

/// Short, and without the rounding of steps from one mark to the next.
fn short(v: &f64) -> String {
    match v.abs() {
        0.0 => "0".into(),
        size if (0.01..10_000.0).contains(&size) => format!("{}", (v * 1e6).round() / 1e6),
        _ => format!("{v:.0e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_names_its_lines_and_axes() {
        let path = std::env::temp_dir().join(format!("hypertape-chart-{}.svg", std::process::id()));
        let line = Series { name: "unrolled".into(), points: vec![(10.0, 1.0), (100.0, 1e-6), (1000.0, 0.0)] };
        log_log(&path, "Error of the hypergradient", ["steps", "relative error"], std::slice::from_ref(&line)).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let below = Series { points: vec![(0.0, -1.0), (1.0, 2.0)], ..line };
        curves(&path, "A line below 0", ["steps", "value"], &[below]).unwrap();
        let linear = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(linear.contains("A line below 0") && linear.contains("-1.0") || linear.contains("-1"), "{linear}");
        for part in ["unrolled", "Error of the hypergradient", "steps", "relative error"] {
            assert!(text.contains(part), "{part} is missing");
        }
    }

    #[test]
    fn nothing_to_draw_is_an_error() {
        assert!(log_log(Path::new("never-written.svg"), "Empty", ["x", "y"], &[]).is_err());
        assert!(curves(Path::new("never-written.svg"), "Empty", ["x", "y"], &[]).is_err());
    }
}
