//! Runs the program as a user does.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

const OCTAHEDRON: &str = "v 1 0 0\nv -1 0 0\nv 0 1 0\nv 0 -1 0\nv 0 0 1\nv 0 0 -1\n\
    f 1 3 5\nf 3 2 5\nf 2 4 5\nf 4 1 5\nf 3 1 6\nf 2 3 6\nf 4 2 6\nf 1 4 6\n";

/// A folder of its own for each test, with a mesh that takes no time.
struct Place(TempDir);

impl Place {
    fn new() -> Place {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("mesh.obj"), OCTAHEDRON).unwrap();
        Place(dir)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, words: &str) -> Output {
        Command::new(env!("CARGO_BIN_EXE_rustfiber-demo"))
            .args(words.split_whitespace())
            .current_dir(self.0.path())
            .output()
            .unwrap()
    }

    fn json(&self, words: &str) -> Value {
        let output = self.run(&format!("--json {words}"));
        assert!(output.status.success(), "{output:?}");
        let stdout = String::from_utf8(output.stdout).unwrap();
        serde_json::from_str(stdout.lines().last().unwrap()).unwrap()
    }

    /// Everything below the folder, sorted.
    fn listing(&self) -> Vec<String> {
        fn walk(folder: &Path, names: &mut Vec<String>) {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                names.push(path.display().to_string());
                if path.is_dir() {
                    walk(&path, names);
                }
            }
        }
        let mut names = Vec::new();
        walk(self.0.path(), &mut names);
        names.sort();
        names
    }

    /// The run must end with `code`, nothing on the standard output, and one line that has all of `parts`.
    #[track_caller]
    fn fails(&self, words: &str, code: i32, parts: &[&str]) {
        let output = self.run(words);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{words}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{words}: {stderr}");
        for part in parts {
            assert!(stderr.contains(part), "{words}: {stderr}");
        }
        assert!(output.stdout.is_empty(), "{words}: {:?}", output.stdout);
    }

    /// As above with code 2, and the folder is as it was.
    #[track_caller]
    fn refuses(&self, words: &str, parts: &[&str]) {
        let before = self.listing();
        self.fails(words, 2, parts);
        assert_eq!(self.listing(), before, "{words}");
    }
}

fn png_size(path: &Path) -> (u32, u32) {
    let file = std::io::BufReader::new(fs::File::open(path).unwrap());
    let mut reader = png::Decoder::new(file).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    (info.width, info.height)
}

#[test]
fn any_number_of_workers_renders_the_same_pixels_as_plain_loops() {
    let place = Place::new();
    let small = "--mesh mesh.obj --frames 5 --size 80x45";
    let expected = place.json(&format!("{small} --serial --out out"))["checksum"].clone();
    let expected_files: Vec<Vec<u8>> = (0..5)
        .map(|frame| fs::read(place.path(&format!("out/frame_{frame:03}.png"))).unwrap())
        .collect();
    for workers in [1, 2, 3, 8] {
        let out = format!("out{workers}");
        let report = place.json(&format!(
            "{small} --workers {workers} --no-compare --out {out}"
        ));
        assert_eq!(report["checksum"], expected, "{workers} workers");
        assert_eq!(report["workers"], workers);
        for (frame, expected) in expected_files.iter().enumerate() {
            let file = fs::read(place.path(&format!("{out}/frame_{frame:03}.png"))).unwrap();
            assert!(file == *expected, "{workers} workers, frame {frame}");
        }
    }
}

#[test]
fn the_bunny_is_compared_with_plain_loops_and_reported() {
    let place = Place::new();
    let report = place.json("--frames 2 --size 64x36 --workers 2");
    for (key, value) in [("frames", 2), ("width", 64), ("height", 36), ("workers", 2)] {
        assert_eq!(report[key], value, "{key}");
    }
    assert_eq!(report["serial"], false);
    assert_eq!(report["triangles"], 3674);
    assert!(report["instances"].as_u64().unwrap() >= 48);
    assert_eq!(report["checksum"].as_str().unwrap().len(), 16);
    for key in ["jobs", "waits", "steals"] {
        assert!(report[key].is_u64(), "{key}: {report}");
    }
    for key in ["wall_ms", "serial_ms", "speedup", "workers_busy"] {
        assert!(report[key].is_f64(), "{key}: {report}");
    }
    for stage in ["animate", "build", "render", "encode"] {
        for key in ["work_ms", "latency_ms", "serial_ms"] {
            assert!(
                report["stages"][stage][key].is_f64(),
                "{stage} {key}: {report}"
            );
        }
    }
    // Each frame has a job per bunny, group and tile, and one per stage; children and stages wait.
    assert!(report["jobs"].as_u64().unwrap() > 2 * 60, "{report}");
    for frame in ["frame_000.png", "frame_001.png"] {
        assert_eq!(png_size(&place.path("target/frames").join(frame)), (64, 36));
    }
}

#[test]
fn what_was_not_measured_is_null() {
    let place = Place::new();
    let small = "--mesh mesh.obj --frames 1 --size 8x8";
    let serial = place.json(&format!("{small} --serial"));
    for key in [
        "workers",
        "jobs",
        "waits",
        "steals",
        "workers_busy",
        "serial_ms",
        "speedup",
    ] {
        assert!(serial[key].is_null(), "{key}: {serial}");
    }
    assert_eq!(serial["serial"], true);
    let alone = place.json(&format!("{small} --workers 1 --no-compare"));
    for key in ["serial_ms", "speedup"] {
        assert!(alone[key].is_null(), "{key}: {alone}");
    }
}

#[test]
fn the_table_is_for_people() {
    let place = Place::new();
    let output = place.run("--mesh mesh.obj --frames 1 --size 8x8 --workers 2");
    let table = String::from_utf8(output.stdout).unwrap();
    for part in [
        "render",
        "jobs run",
        "steals",
        "mean workers busy",
        "speed-up",
        "checksum",
    ] {
        assert!(table.contains(part), "{table}");
    }
    assert!(
        output.stderr.is_empty(),
        "no progress bar without a terminal"
    );
}

#[test]
fn pictures_smaller_than_a_tile_and_not_of_whole_tiles() {
    let place = Place::new();
    for (width, height) in [(1, 1), (33, 65), (1, 100)] {
        let size = format!("{width}x{height}");
        let words = format!("--mesh mesh.obj --frames 1 --size {size} --workers 2 --out {size}");
        assert!(place.run(&words).status.success(), "{size}");
        let frame = place.path(&size).join("frame_000.png");
        assert_eq!(png_size(&frame), (width, height));
    }
}

#[test]
fn refuses_bad_meshes_naming_file_and_line() {
    let place = Place::new();
    let cases: [(&str, &[u8], &str); 12] = [
        ("empty", b"", ":1: the file is empty"),
        (
            "no_faces",
            b"v 0 0 0\nv 1 0 0\nv 0 1 0\n",
            ":3: the file ends without a face",
        ),
        (
            "range",
            b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 4\n",
            ":4: vertex index 4 is out of range",
        ),
        (
            "zero",
            b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 0 1 2\n",
            ":4: vertex index 0 is out of range",
        ),
        (
            "negative",
            b"v 0 0 0\nf -1 -1 -2\n",
            ":2: vertex index -2 is out of range",
        ),
        (
            "nan",
            b"v 0 0 0\nv 1 nan 0\n",
            ":2: `nan` is not a finite number",
        ),
        (
            "infinite",
            b"v 0 0 inf\n",
            ":1: `inf` is not a finite number",
        ),
        ("word", b"v 0 zero 0\n", ":1: `zero` is not a number"),
        (
            "truncated",
            b"v 0 0 0\nv 1 0",
            ":2: `v` takes 3 to 7 numbers, this has 2",
        ),
        (
            "cut_face",
            b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2",
            ":4: a face needs 3 vertices",
        ),
        ("binary", b"\x7fELF\x02\x01\x00\x00", ":1: not a text file"),
        (
            "point",
            b"v 1 1 1\nf 1 1 1\n",
            ":1: all vertices of the faces are in one place",
        ),
    ];
    for (name, contents, message) in cases {
        let file = format!("{name}.obj");
        fs::write(place.path(&file), contents).unwrap();
        for how in ["--serial", "--workers 2"] {
            place.refuses(&format!("{how} --mesh {file} --out out"), &[&file, message]);
        }
    }
    place.refuses("--mesh missing.obj --out out", &["missing.obj"]);
    place.refuses("--mesh . --out out", &[".: cannot read the mesh"]);
}

#[test]
fn refuses_a_folder_that_cannot_be_written_to() {
    let place = Place::new();
    for how in ["--serial", "--workers 2"] {
        for out in [
            "mesh.obj",
            "mesh.obj/below",
            "new/deep/../../mesh.obj/below",
        ] {
            place.refuses(&format!("{how} --out {out}"), &[out]);
        }
    }
}

#[test]
fn refuses_numbers_that_make_no_sense() {
    let place = Place::new();
    for words in [
        "--size 0x0",
        "--size 0x10",
        "--size 640",
        "--size 640x",
        "--size 99999x99999",
        "--size -1x1",
        "--workers 0",
        "--workers 0 --serial",
        "--workers -1",
        "--workers 1000000",
        "--frames 0",
        "--frames many",
        "--unknown",
        "stray",
    ] {
        let option = words.split_whitespace().next().unwrap();
        place.refuses(words, &[option]);
    }
}

#[test]
fn a_frame_that_cannot_be_written_ends_the_run() {
    let place = Place::new();
    fs::create_dir_all(place.path("out/frame_001.png")).unwrap();
    let small = "--mesh mesh.obj --frames 20 --size 32x18 --out out";
    for how in ["--serial", "--workers 1", "--workers 3"] {
        place.fails(
            &format!("{how} {small}"),
            1,
            &["frame_001.png", "cannot write"],
        );
    }
}

#[test]
fn help_and_version_are_no_errors() {
    let place = Place::new();
    for (word, part) in [("--help", "--no-compare"), ("--version", "rustfiber-demo")] {
        let output = place.run(word);
        assert!(output.status.success());
        assert!(String::from_utf8(output.stdout).unwrap().contains(part));
        assert!(output.stderr.is_empty());
    }
}
