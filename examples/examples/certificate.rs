fn main() -> hypertape::Result<()> {
    use hypertape_examples::stopped::cases;
    use std::time::Instant;
    let quick = std::env::args().any(|a| a == "--quick");
    let only = std::env::args().nth(1).unwrap_or_default();
    for case in cases(quick)? {
        if !only.starts_with('-') && !case.name.contains(&only) { continue; }
        println!("## {} n={} truth {:.3e}", case.name, case.unknowns, case.truth.iter().map(|v| v * v).sum::<f64>().sqrt());
        for inner in [1e-1, 1e-2, 1e-3, 1e-5, 1e-8, 1e-12] {
            let z = case.stop(inner)?;
            for adjoint in [1e-1, 1e-3, 1e-6, 1e-12] {
                let mut c = case.certifier(adjoint)?;
                let t = Instant::now();
                let found = match c.at(&z, &case.theta) { Ok(f) => f, Err(e) => { println!("   {inner:e} {adjoint:e}: ERR {e}"); continue } };
                let secs = t.elapsed().as_secs_f64();
                let error = (&found.gradient - &case.truth).iter().map(|v| v * v).sum::<f64>().sqrt();
                let left = (&found.corrected - &case.truth).iter().map(|v| v * v).sum::<f64>().sqrt();
                let flag = if found.bound.is_some_and(|b| b < error) || found.corrected_bound.is_some_and(|b| b < left) { "WRONG" } else { "" };
                let m = &found.measured;
                println!("   {inner:e} {adjoint:e}: {flag} error {error:.2e} est {:.2e} bound {:.2e} | corr {left:.1e} R {:.1e} eps {:.1e} | s {:.2e} L {:.1e} lz {} rounds {} plain {} tr {} {secs:.3}s {:?}", found.estimate, found.bound.unwrap_or(f64::NAN), m.remainder, found.rounding, m.smallest, m.largest, m.lanczos, m.rounds, m.work.plain, m.work.transposed, found.standing);
            }
        }
    }
    Ok(())
}
