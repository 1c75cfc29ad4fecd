//! What the types forbid, and how the compiler says so.

/// The compiler that the messages were recorded with. Around our words stand its own, which change from version to version, so they are
/// compared under this one only. To record them anew: `TRYBUILD=overwrite cargo test --test messages`.
const RECORDED_WITH: &str = "rustc 1.95.";

#[test]
fn mistakes_are_explained() {
    let compiler = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = std::process::Command::new(compiler).arg("--version").output().expect("the compiler says its version").stdout;
    if version.starts_with(RECORDED_WITH.as_bytes()) {
        trybuild::TestCases::new().compile_fail("tests/messages/*.rs");
    } else {
        println!("skipped: the messages were recorded with {RECORDED_WITH}x, this is {}", String::from_utf8_lossy(&version));
    }
}
