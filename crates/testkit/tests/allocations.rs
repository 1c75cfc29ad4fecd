//! The counting allocator, in a process of its own with a single test.

use hypertape_testkit::allocations::Counting;

#[global_allocator]
static MEMORY: Counting = Counting::new();

/// What the test runner's own thread may allocate or free meanwhile.
const SLACK: isize = 1 << 16;

#[test]
fn allocations_are_counted() {
    let (zeros, usage) = MEMORY.measure(|| {
        let mut bytes: Vec<u8> = Vec::with_capacity(100_000);
        bytes.resize(100_000, 1);
        bytes.reserve_exact(200_000);
        let zeros = vec![0u64; 10_000];
        drop(bytes);
        zeros
    });
    assert_eq!((zeros.len(), usage.on_this_thread), (10_000, 3));
    assert!(usage.allocations >= 3 && MEMORY.peak() >= MEMORY.live(), "{usage:?}");
    assert!((usage.peak as isize - 380_000).abs() < SLACK && (usage.kept - 80_000).abs() < SLACK, "{usage:?}");

    let (live, before) = (MEMORY.live(), MEMORY.allocations_on_this_thread());
    let (_, usage) = MEMORY.measure(|| std::thread::scope(|scope| scope.spawn(|| drop(vec![1u8; 1 << 20])).join().is_ok()));
    assert!(usage.peak >= 1 << 20 && usage.allocations > usage.on_this_thread, "another thread's memory counts: {usage:?}");
    assert!(MEMORY.live() < live + (1 << 20) && MEMORY.allocations_on_this_thread() > before);

    let (sum, usage) = MEMORY.measure(|| (0..1000).map(f64::from).sum::<f64>());
    assert_eq!((sum, usage.on_this_thread), (499_500.0, 0));
}
