//! Misuse that the compiler refuses, and what it must accept: the proof that waiting is sound in programs
//! without `unsafe`.
//!
//! Each program in `ui/fail` is refused, with the messages in the `.stderr` file beside it; each in `ui/pass`
//! compiles and runs. After a change of the messages:
//!
//! ```text
//! TRYBUILD=overwrite cargo test --test compile_fail
//! ```
//!
//! and read the new ones: a program that is refused for another reason proves nothing.

#[test]
fn compile_fail() {
    let programs = trybuild::TestCases::new();
    programs.compile_fail("tests/ui/fail/*.rs");
    programs.pass("tests/ui/pass/*.rs");
}
