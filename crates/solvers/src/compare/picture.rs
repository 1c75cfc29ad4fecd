//! A comparison as a picture: error and bytes against time, on logarithmic axes.
use super::labels::labels;
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

/// What is drawn of a row: its number, both values, and a bound of the second one.
struct Mark {
    row: usize,
    seconds: f64,
    value: f64,
    bound: Option<f64>,
}

/// Half of the width and of the height of a mark.
const HALF: f64 = 7.0;

/// A rectangle: its middle, and half of its sides.
#[derive(Clone, Copy)]
struct Field([f64; 4]);

impl Field {
    fn meets(&self, other: &Field) -> bool {
        let ([x, y, w, h], [a, b, v, u]) = (self.0, other.0);
        (x - a).abs() < w + v && (y - b).abs() < h + u
    }
}

/// A place for a label of so many digits beside a mark, where nothing else is: the nearest in eight directions.
fn free([x, y]: [f64; 2], digits: usize, taken: &[Field]) -> Field {
    let (w, h) = (4.0 * digits as f64, 6.0);
    let mut place = Field([x + HALF + w, y - HALF, w, h]);
    for ring in 0..12 {
        let far = 12.0 * f64::from(ring);
        for (dx, dy) in [(1.0, -1.0), (1.0, 1.0), (-1.0, -1.0), (-1.0, 1.0), (1.0, 0.0), (-1.0, 0.0), (0.0, -1.0), (0.0, 1.0)] {
            place = Field([x + dx * (HALF + w + 0.5 + far), y + dy * (HALF + h + 0.5 + far), w, h]);
            if !taken.iter().any(|t| t.meets(&place)) {
                return place;
            }
        }
    }
    place
}

/// A frame with its axes, labels and marks.
fn panel(out: &mut String, left: f64, title: &str, label: &str, marks: &[Mark]) -> Option<()> {
    let x = Axis::over(marks.iter().map(|m| m.seconds))?;
    let y = Axis::over(marks.iter().flat_map(|m| [Some(m.value), m.bound]).flatten())?;
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
    let at = |m: &Mark, v: f64| [left + width * x.place(m.seconds), bottom - height * y.place(v)];
    let mut taken: Vec<Field> = marks.iter().map(|m| at(m, m.value)).map(|[x, y]| Field([x, y, HALF, HALF])).collect();
    for m in marks {
        let [px, py] = at(m, m.value);
        if let Some(bound) = m.bound {
            // A bar up to the bound.
            let [_, end] = at(m, bound);
            let colour = COLOURS[m.row % COLOURS.len()];
            let (from, to) = (px - 5.0, px + 5.0);
            let _ = write!(
                out,
                r#"<path d="M{px:.1} {py:.1}V{end:.1}M{from:.1} {end:.1}H{to:.1}" stroke="{colour}" stroke-width="1.5" fill="none"/>"#
            );
            taken.push(Field([px, end, 5.0, 1.0]));
        }
        out.push_str(&mark(m.row, px, py));
    }
    for m in marks {
        let ([px, py], number) = (at(m, m.value), (m.row + 1).to_string());
        let place = free([px, py], number.len(), &taken);
        let [tx, ty, ..] = place.0;
        taken.push(place);
        if (tx - px).hypot(ty - py) > 24.0 {
            let _ = write!(out, r#"<path d="M{px:.1} {py:.1}L{tx:.1} {ty:.1}" stroke="gray" stroke-width="0.5"/>"#);
        }
        let _ = write!(out, r#"<text x="{tx:.1}" y="{:.1}" text-anchor="middle">{number}</text>"#, ty + 4.0);
    }
    Some(())
}

impl Comparison {
    /// The rows that were run as a picture, as text of an SVG file: error against seconds, and bytes against seconds, on logarithmic axes. The error is that against the reference,
    /// else the estimate of a certificate, with a bar up to the bound of one, where there is such a bound; of a row with neither only the bytes are drawn, as measured, else as
    /// planned. An error of 0 is drawn at 10⁻¹⁷. None where no row was run. Rows of one name are numbered.
    #[must_use]
    pub fn svg(&self) -> Option<String> {
        let run = |k: usize| -> Option<&Measured> { self.rows[k].outcome.as_ref()?.as_ref().ok() };
        let all: Vec<(usize, &Measured)> = (0..self.rows.len()).filter_map(|k| Some((k, run(k)?))).collect();
        let seconds = |m: &Measured| m.seconds.max(1e-9);
        let error = |m: &Measured| m.error.or(m.certified.as_ref().map(|c| c.estimate)).filter(|e| e.is_finite()).map(|e| e.max(LEAST));
        let bound = |m: &Measured| m.certified.as_ref().and_then(|c| c.bound).filter(|b| b.is_finite()).map(|b| b.max(LEAST));
        let point = |(k, m): &(usize, &Measured)| Some(Mark { row: *k, seconds: seconds(m), value: error(m)?, bound: bound(m) });
        let errors: Vec<_> = all.iter().filter_map(point).collect();
        let bytes = |k: usize, m: &Measured| m.measured.unwrap_or(self.rows[k].planned.total()).max(1) as f64;
        let bytes: Vec<_> = all.iter().map(|(k, m)| Mark { row: *k, seconds: seconds(m), value: bytes(*k, m), bound: None }).collect();
        let (mut out, mut left) = (String::new(), LEFT);
        if panel(&mut out, left, "Error of the gradient", "relative error", &errors).is_some() {
            left += SIZE[0] + LEFT + 20.0;
        }
        panel(&mut out, left, "Memory", "bytes", &bytes)?;
        let legend = TOP + SIZE[1] + BELOW;
        let names = labels(&self.rows);
        let mut longest = 0;
        for (line, (k, _)) in all.iter().enumerate() {
            let at = legend + LINE * (line as f64 + 1.0);
            longest = longest.max(names[*k].chars().count());
            let name = escaped(&names[*k]);
            let _ = write!(out, r#"{}<text x="{}" y="{at:.1}">{}  {name}</text>"#, mark(*k, LEFT, at - 4.0), LEFT + 14.0, k + 1);
        }
        let width = (left + SIZE[0] + 40.0).max(LEFT + 60.0 + 7.0 * longest as f64);
        let mut height = legend + LINE * (all.len() as f64 + 1.0);
        if errors.iter().any(|e| e.bound.is_some()) {
            let _ = write!(out, r#"<text x="{LEFT}" y="{height:.1}">A bar ends at the certified bound of the error.</text>"#);
            height += LINE;
        }
        Some(format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="white"/>{out}</svg>"#
        ))
    }
}
