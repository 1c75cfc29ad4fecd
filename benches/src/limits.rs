//! What this machine allows: how fast caches and memory are read, and how many multiply-adds it does. It takes a few seconds.
use multiversion::multiversion;
use std::fmt;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Where data lie, and the bytes a thread reads there: in the second-level cache, in the third beyond any second, in memory beyond any third.
const LEVELS: [(Level, usize); 3] = [(Level::Second, 192 << 10), (Level::Third, 8 << 20), (Level::Memory, 768 << 20)];
/// How long a measurement takes.
const LONG: Duration = Duration::from_millis(80);
/// Measurements, of which the median counts.
const TIMES: usize = 5;

/// Where data lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// The second-level cache.
    Second,
    /// The third-level cache.
    Third,
    /// Memory.
    Memory,
}

/// The limits of a number of threads.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Threads.
    pub threads: usize,
    /// Bytes a second that are read from the second-level cache, the third, and memory.
    pub read: [f64; 3],
    /// Floating-point operations a second, in double precision, two for each multiply-add.
    pub operations: f64,
}

impl Limits {
    /// Measures this machine.
    #[must_use]
    pub fn measure(threads: usize) -> Self {
        let read = LEVELS.map(|(_, bytes)| {
            let data: Vec<Vec<f64>> = (0..threads).map(|_| vec![1.0; bytes / 8]).collect();
            let each = together(threads, |t, rounds| (0..rounds).map(|_| sum(black_box(&data[t]))).sum::<f64>());
            each * (threads * bytes) as f64
        });
        let rate = together(threads, |_, rounds| multiply_adds(rounds));
        Limits { threads, read, operations: rate * (threads * 2 * NUMBERS * STEPS) as f64 }
    }
    /// Seconds that a computation takes at least, if it reads so many bytes from a level and does so many operations.
    #[must_use]
    pub fn seconds(&self, level: Level, bytes: f64, operations: f64) -> f64 {
        (bytes / self.read[level as usize]).max(operations / self.operations)
    }
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [second, third, memory] = self.read.map(|r| r * 1e-9);
        let operations = self.operations * 1e-9;
        let threads = self.threads;
        write!(
            f,
            "limits on {threads} thread(s): second-level cache {second:.0} GB/s, third {third:.0} GB/s, memory {memory:.0} GB/s, multiply-adds {operations:.0} GFLOP/s"
        )
    }
}

/// Numbers that a round of multiply-adds goes over: in the first-level cache.
const NUMBERS: usize = 1024;
/// Multiply-adds of each number in a round, one after the other. A processor has those of several vectors under way; with 4 of them, loads and stores would count.
const STEPS: usize = 8;

/// Rounds a second of each thread, all running at the same time: the median of some measurements.
fn together(threads: usize, work: impl Fn(usize, usize) -> f64 + Sync) -> f64 {
    let mut rounds = 1;
    let once = |rounds: usize| {
        let start = Instant::now();
        std::thread::scope(|s| {
            for t in 0..threads {
                let work = &work;
                s.spawn(move || black_box(work(t, rounds)));
            }
        });
        start.elapsed()
    };
    while once(rounds) < LONG / 4 {
        rounds *= 2;
    }
    rounds *= 4;
    let mut rates: Vec<f64> = (0..TIMES).map(|_| rounds as f64 / once(rounds).as_secs_f64()).collect();
    rates.sort_by(f64::total_cmp);
    rates[TIMES / 2]
}

#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
fn sum(x: &[f64]) -> f64 {
    let mut lanes = [0.0; 64];
    for row in x.as_chunks::<64>().0 {
        for (l, v) in lanes.iter_mut().zip(row) {
            *l += v;
        }
    }
    lanes.iter().sum()
}

#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma", "aarch64+neon"))]
fn multiply_adds(rounds: usize) -> f64 {
    let (a, b) = (black_box(0.999), black_box(1e-3));
    let mut numbers = vec![1.0f64; NUMBERS];
    for _ in 0..rounds {
        for v in black_box(&mut numbers) {
            for _ in 0..STEPS {
                *v = v.mul_add(a, b);
            }
        }
    }
    numbers.iter().sum()
}
