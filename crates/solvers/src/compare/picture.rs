//! A comparison as a picture: error and bytes against time, on logarithmic axes.
use super::{Comparison, Measured};
use std::fmt::Write;

/// Colours that are told apart with most kinds of colour vision (Okabe and Ito 2008).
const COLOURS: [&str; 7] = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"];
/// An error of 0 is drawn here.
const LEAST: f64 = 1e-17;
/// Width and height of one panel's frame, and the room around it.
const SIZE: [f64; 2] = [360.0, 300.0];
const LEFT: f64 = 70.0;
const TOP: f64 = 44.0;
const BELOW: f64 = 50.0;
const LINE: f64 = 19.0;

/// A logarithmic axis over whole powers of ten.
struct Axis {
    low: f64,
    high: f64,
}

impl Axis {
    /// Over all of these; none where there are none.
    fn over(values: impl Iterator<Item = f64>) -> Option<Axis> {
        let (low, high) = values.map(f64::log10).fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        let (low, high) = ((low - 0.05).floor(), (high + 0.05).ceil());
        (low < high && low.is_finite() && high.is_finite()).then_some(Axis { low, high })
    }
    /// Where a value lies, from 0 to 1.
    fn place(&self, v: f64) -> f64 {
        (v.log10() - self.low) / (self.high - self.low)
    }
    /// Exponents that have a label: at most seven.
    fn ticks(&self) -> impl Iterator<Item = i32> + use<> {
        let every = ((self.high - self.low) / 6.0).ceil().max(1.0) as usize;
        (self.low as i32..=self.high as i32).step_by(every)
    }
}

fn escaped(s: &str) -> String {
    s.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A mark of one of four forms.
fn mark(k: usize, x: f64, y: f64) -> String {
    let colour = COLOURS[k % COLOURS.len()];
    let r = 6.0;
    match k / COLOURS.len() % 4 {
        0 => format!(r#"<circle cx="{x:.1}" cy="{y:.1}" r="{r}" fill="{colour}"/>"#),
        1 => format!(r#"<rect x="{:.1}" y="{:.1}" width="{}" height="{}" fill="{colour}"/>"#, x - r, y - r, 2.0 * r, 2.0 * r),
        2 => format!(r#"<path d="M{x:.1} {:.1}L{:.1} {:.1}H{:.1}Z" fill="{colour}"/>"#, y - r, x + r, y + r, x - r),
        _ => format!(r#"<path d="M{x:.1} {:.1}L{:.1} {y:.1}L{x:.1} {:.1}L{:.1} {y:.1}Z" fill="{colour}"/>"#, y - r, x + r, y + r, x - r),
    }
}

/// A frame with its axes, labels and marks; of marks the row, and both values.
fn panel(out: &mut String, left: f64, title: &str, label: &str, marks: &[(usize, f64, f64)]) -> Option<()> {
    let (x, y) = (Axis::over(marks.iter().map(|m| m.1))?, Axis::over(marks.iter().map(|m| m.2))?);
    let [width, height] = SIZE;
    let bottom = TOP + height;
    let middle = left + width / 2.0;
    let _ = write!(
        out,
        r#"<text x="{middle}" y="{}" text-anchor="middle" font-size="15">{title}</text><rect x="{left}" y="{TOP}" width="{width}" height="{height}" fill="none" stroke="black"/>"#,
        TOP - 14.0
    );
    for k in x.ticks() {
        let at = left + width * x.place(10_f64.powi(k));
        let _ = write!(
            out,
            r##"<path d="M{at:.1} {TOP}V{bottom}" stroke="#ddd"/><text x="{at:.1}" y="{}" text-anchor="middle">1e{k}</text>"##,
            bottom + 17.0
        );
    }
    for k in y.ticks() {
        let at = bottom - height * y.place(10_f64.powi(k));
        let (end, text, under) = (left + width, left - 6.0, at + 4.0);
        let _ = write!(
            out,
            r##"<path d="M{left} {at:.1}H{end}" stroke="#ddd"/><text x="{text}" y="{under:.1}" text-anchor="end">1e{k}</text>"##
        );
    }
    let (down, aside, centre) = (bottom + 36.0, left - 50.0, TOP + height / 2.0);
    let _ = write!(
        out,
        r#"<text x="{middle}" y="{down}" text-anchor="middle">seconds</text><text transform="translate({aside} {centre}) rotate(-90)" text-anchor="middle">{label}</text>"#
    );
    for (row, seconds, v) in marks {
        let (px, py) = (left + width * x.place(*seconds), bottom - height * y.place(*v));
        let _ = write!(out, r#"{}<text x="{:.1}" y="{:.1}">{}</text>"#, mark(*row, px, py), px + 8.0, py - 5.0, row + 1);
    }
    Some(())
}

impl Comparison {
    /// The rows that were run as a picture, as text of an SVG file: error against seconds, and bytes against seconds, on logarithmic axes. The error is that against the reference,
    /// else the estimate of a certificate; of a row with neither only the bytes are drawn, as measured, else as planned. An error of 0 is drawn at 10⁻¹⁷. None where no
    /// row was run.
    #[must_use]
    pub fn svg(&self) -> Option<String> {
        let run = |k: usize| -> Option<&Measured> { self.rows[k].outcome.as_ref()?.as_ref().ok() };
        let all: Vec<(usize, &Measured)> = (0..self.rows.len()).filter_map(|k| Some((k, run(k)?))).collect();
        let seconds = |m: &Measured| m.seconds.max(1e-9);
        let error = |m: &Measured| m.error.or(m.certified.as_ref().map(|c| c.estimate)).filter(|e| e.is_finite()).map(|e| e.max(LEAST));
        let errors: Vec<_> = all.iter().filter_map(|(k, m)| Some((*k, seconds(m), error(m)?))).collect();
        let bytes = |k: usize, m: &Measured| m.measured.unwrap_or(self.rows[k].planned.total()).max(1) as f64;
        let bytes: Vec<_> = all.iter().map(|(k, m)| (*k, seconds(m), bytes(*k, m))).collect();
        let (mut out, mut left) = (String::new(), LEFT);
        if panel(&mut out, left, "Error of the gradient", "relative error", &errors).is_some() {
            left += SIZE[0] + LEFT + 20.0;
        }
        panel(&mut out, left, "Memory", "bytes", &bytes)?;
        let legend = TOP + SIZE[1] + BELOW;
        for (line, (k, _)) in all.iter().enumerate() {
            let at = legend + LINE * (line as f64 + 1.0);
            let name = escaped(&self.rows[*k].name);
            let _ = write!(out, r#"{}<text x="{}" y="{at:.1}">{}  {name}</text>"#, mark(*k, LEFT, at - 4.0), LEFT + 14.0, k + 1);
        }
        let (width, height) = (left + SIZE[0] + 40.0, legend + LINE * (all.len() as f64 + 1.0));
        Some(format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="white"/>{out}</svg>"#
        ))
    }
}
