use super::*;

/// Checks files given as path and text.
fn check_all(files: &[(&str, &str)]) -> Report {
    let sources: Vec<Source> = files
        .iter()
        .map(|(path, text)| Source {
            path: (*path).to_owned(),
            text: (*text).to_owned(),
        })
        .collect();
    check(&sources).unwrap()
}

fn breaches(path: &str, text: &str) -> Vec<String> {
    check_all(&[(path, text)]).breaches
}

#[test]
fn downward_and_level_uses_pass() {
    let report = check_all(&[
        (
            "src/lib.rs",
            "mod rng; mod wait; pub use system::JobSystem;",
        ),
        ("src/rng.rs", "use crate::primitive::atomic;"),
        (
            "src/wait/node.rs",
            "use crate::primitive::Arc;\nuse super::list::List;\nfn f(r: crate::rng::Rng) {}",
        ),
    ]);
    assert_eq!(report.breaches, [""; 0]);
    assert_eq!((report.modules, report.uses), (2, 3));
}

#[test]
fn an_upward_use_is_named_with_its_line() {
    let text = "//! Text.\n\nuse crate::stack::Stack;\nuse crate::sched::Worker;\n";
    assert_eq!(
        breaches("src/wait/node.rs", text),
        ["src/wait/node.rs:4: floor 3 (wait) uses floor 4 (sched)"]
    );
}

#[test]
fn nested_use_trees_are_followed() {
    let text = "\
use crate::{
    primitive::{Arc, atomic::{AtomicUsize, Ordering}},
    job::{self, handle::{JobHandle as H, *}},
    sync,
};
";
    assert_eq!(
        breaches("src/sched.rs", text),
        [
            "src/sched.rs:3: floor 4 (sched) uses floor 6 (job)",
            "src/sched.rs:4: floor 4 (sched) uses floor 5 (sync)",
        ]
    );
}

#[test]
fn super_is_resolved_against_the_module() {
    let text = "use super::super::sched::Worker;\nuse super::sched::Worker;";
    assert_eq!(
        breaches("src/wait/node.rs", text),
        ["src/wait/node.rs:1: floor 3 (wait) uses floor 4 (sched)"]
    );
    for own in ["src/wait.rs", "src/wait/mod.rs"] {
        assert_eq!(
            breaches(own, "use self::super::sched::Worker;"),
            [format!("{own}:1: floor 3 (wait) uses floor 4 (sched)")]
        );
    }
    let inline = "mod imp {\n    use super::super::sched::Worker;\n    use super::sched::X;\n}";
    assert_eq!(
        breaches("src/wait.rs", inline),
        ["src/wait.rs:2: floor 3 (wait) uses floor 4 (sched)"]
    );
}

#[test]
fn visibilities_and_own_paths_are_no_uses() {
    let text = "\
pub(in crate::wait) struct Node;
pub(crate) fn f() { crate::wait::list::push() }
pub(super) fn g(s: &S) { self::f() }
impl S { pub(in crate::wait) fn h(&self) { self.x * 2 } }
";
    let report = check_all(&[("src/wait/node.rs", text)]);
    assert_eq!(report.breaches, [""; 0]);
    assert_eq!(report.uses, 0);
}

#[test]
fn code_types_and_attributes_are_searched() {
    let text = "\
fn f(w: &crate::sched::Worker) {
    let x = Vec::<crate::sync::Counter>::new();
    <u8 as crate::job::Run>::run();
    crate::system::start!();
}
#[cfg_attr(x, derive(crate::context::Derive))]
struct S;
";
    let found = breaches("src/fiber.rs", text);
    let lines: Vec<_> = found
        .iter()
        .map(|b| b.split(": ").next().unwrap())
        .collect();
    let expected = [1, 2, 3, 4, 6].map(|line| format!("src/fiber.rs:{line}"));
    assert_eq!(lines, expected);
}

#[test]
fn macro_bodies_are_searched() {
    let text = "\
macro_rules! m {
    ($x:ident) => {
        pub(crate) fn $x() { $crate::sched::wake(\"crate::job::x\") }
        use crate::{primitive::*, sync::{Counter}};
    };
}
fn f() { assert!(g(super::job::x())) }
";
    assert_eq!(
        breaches("src/wait.rs", text),
        [
            "src/wait.rs:3: floor 3 (wait) uses floor 4 (sched)",
            "src/wait.rs:4: floor 3 (wait) uses floor 5 (sync)",
            "src/wait.rs:7: floor 3 (wait) uses floor 6 (job)",
        ]
    );
}

#[test]
fn doc_comments_are_text() {
    let text = "//! [`crate::sched`]\n/// See `crate::job::spawn`.\n// crate::sync::x\nfn f() {}";
    assert_eq!(breaches("src/wait.rs", text), [""; 0]);
}

#[test]
fn tests_may_look_upward() {
    let up = "use crate::system::JobSystem;";
    let guarded = format!(
        "#[cfg(test)]\nmod tests {{ {up} }}\n\
         #[cfg(all(test, loom))]\nmod models {{ {up} }}\n\
         #[cfg(any(all(test, unix), test))]\n{up}\n\
         impl S {{ #[cfg(test)] fn f(c: crate::context::Context) {{}} }}"
    );
    assert_eq!(breaches("src/wait.rs", &guarded), [""; 0]);
    for file in ["src/wait/tests.rs", "src/wait/tests/stress.rs"] {
        assert_eq!(breaches(file, up), [""; 0]);
    }
    let declared = [
        ("src/wait/models.rs", up),
        ("src/wait/models/inner.rs", up),
        ("src/wait.rs", "#[cfg(all(test, loom))]\nmod models;"),
    ];
    assert_eq!(check_all(&declared).breaches, [""; 0]);
}

#[test]
fn other_conditions_are_no_excuse() {
    for cfg in ["not(test)", "loom", "any(test, loom)", "feature = \"test\""] {
        let text = format!("#[cfg({cfg})]\nmod imp {{ use crate::job::x; }}");
        assert_eq!(breaches("src/wait.rs", &text).len(), 1, "{cfg}");
    }
}

#[test]
fn an_unknown_module_must_be_added_to_the_table() {
    let report = check_all(&[
        ("src/magic.rs", "use crate::job::x;"),
        ("src/magic/deep.rs", ""),
        ("src/wait.rs", "use crate::magic::x;"),
    ]);
    assert_eq!(report.breaches.len(), 2, "{report:?}");
    assert_eq!(
        report.breaches[0],
        "src/magic.rs: module `magic` is on no floor: add it to FLOORS in xtask/src/floors.rs"
    );
    assert!(report.breaches[1].starts_with("src/wait.rs:1: `crate::magic` is on no floor: "));
}

#[test]
fn the_root_as_a_whole_is_refused() {
    for text in [
        "use crate::*;",
        "use super::*;",
        "use super as root;",
        "use crate::{self};",
        "m!(use crate::*);",
        "m!(crate::$name::x);",
    ] {
        assert_eq!(
            breaches("src/wait.rs", text),
            ["src/wait.rs:1: takes the crate root as a whole: name the module"],
            "{text}"
        );
    }
    assert_eq!(breaches("src/wait/node.rs", "use super::*;"), [""; 0]);
}

#[test]
fn other_crates_are_no_concern() {
    let text = "use sched::x;\nuse ::sync::y;\nfn f() { ::job::z(); std::sync::w() }";
    assert_eq!(breaches("src/rng.rs", text), [""; 0]);
}

#[test]
fn a_file_that_does_not_parse_is_named() {
    let source = Source {
        path: "src/wait.rs".to_owned(),
        text: "fn f() {}\nfn (".to_owned(),
    };
    let error = check(&[source]).unwrap_err().to_string();
    assert!(error.starts_with("src/wait.rs:2: "), "{error}");
}
