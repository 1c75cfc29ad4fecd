//! Time, memory and checksum of a workload, in the fields of the peers' JSON lines.
use crate::line::Line;
use crate::workloads::{Size, Workload, prepare};
use hypertape::array::AnyView;
use std::error::Error;
use std::time::Instant;

/// Makes a workload, calls it once, warms it up, and times `repeat` samples of about 50 ms or one call each.
///
/// # Errors
/// When the workload cannot be made or fails.
pub fn measure(workload: &str, size: Size, variant: &str, threads: usize, repeat: usize) -> Result<Line, Box<dyn Error>> {
    let record = prepare(workload, size, variant)?;
    let base = peak_begins();
    let start = Instant::now();
    let mut made = record()?;
    let setup_s = start.elapsed().as_secs_f64();
    let (made_peak, before) = (memory("VmHWM"), peak_begins());
    let start = Instant::now();
    made.call(&mut |_| {})?;
    let first_s = start.elapsed().as_secs_f64();
    let first_peak = memory("VmHWM");
    let value = checksum(&mut *made)?;
    let (inner, times) = time(&mut *made, first_s, repeat)?;
    let n = times.len();
    Ok(Line {
        workload: workload.into(),
        size: size.to_string(),
        peer: if variant.is_empty() { "hypertape".into() } else { format!("hypertape_{variant}") },
        version: concat!("hypertape-", env!("CARGO_PKG_VERSION")).into(),
        dtype: "f64".into(),
        threads,
        setup_s,
        first_s,
        time_s: if n % 2 == 1 { times[n / 2] } else { 0.5 * (times[n / 2 - 1] + times[n / 2]) },
        min_s: times[0],
        max_s: times[n - 1],
        samples: n,
        inner,
        peak_bytes: made_peak.max(first_peak).max(memory("VmHWM")).saturating_sub(base) as i64,
        run_peak_bytes: first_peak.saturating_sub(before) as i64,
        value,
        counts: serde_json::json!({ "planned_bytes": made.memory().total() }),
    })
}

/// Σ v_i (1 + i mod 7) over the results of one call.
///
/// # Errors
/// What the call gives.
pub fn checksum(w: &mut dyn Workload) -> Result<f64, Box<dyn Error>> {
    let (mut i, mut sum) = (0u32, 0.0);
    w.call(&mut |leaf| {
        if let AnyView::F64(a) = leaf {
            for v in a {
                sum += v * f64::from(1 + i % 7);
                i += 1;
            }
        }
    })?;
    Ok(sum)
}

/// Calls in a sample, and the samples in ascending order. Short calls are batched to about 50 ms.
fn time(w: &mut dyn Workload, first: f64, repeat: usize) -> Result<(usize, Vec<f64>), Box<dyn Error>> {
    const SAMPLE: f64 = 0.05;
    let mut run = |n: usize| -> Result<f64, Box<dyn Error>> {
        let start = Instant::now();
        (0..n).try_for_each(|_| w.call(&mut |_| {}))?;
        Ok(start.elapsed().as_secs_f64())
    };
    let mut inner = 1;
    if first < SAMPLE / 2.0 {
        // The first call makes the workspace, so it says little of the others: batches grow until one is long enough to count from.
        let mut taken = run(inner)?;
        while taken < SAMPLE / 4.0 && inner < 1 << 22 {
            inner *= 4;
            taken = run(inner)?;
        }
        inner = ((inner as f64 * SAMPLE / taken) as usize).max(1);
    } else if first < 1.0 {
        run(1)?;
    }
    let samples = repeat.clamp(1, (8.0 / first.max(1e-9)) as usize + 1);
    let mut times = (0..samples).map(|_| Ok(run(inner)? / inner as f64)).collect::<Result<Vec<f64>, Box<dyn Error>>>()?;
    times.sort_by(f64::total_cmp);
    Ok((inner, times))
}

/// A field of `/proc/self/status` in bytes; 0 where there is none.
fn memory(field: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find(|l| l.starts_with(field));
    line.and_then(|l| l.split_whitespace().nth(1)).and_then(|n| n.parse::<u64>().ok()).map_or(0, |k| k * 1024)
}

/// Begins a new peak of the resident set and gives the set's size now.
fn peak_begins() -> u64 {
    // Where the kernel does not allow it, peaks are those since the process began.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    memory("VmRSS")
}
