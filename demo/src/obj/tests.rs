use super::*;

const TRIANGLE: &str = "v 0 0 0\nv 1 0 0\nv 0 1 0\n";

fn parse_after_triangle(rest: &str) -> Result<Obj, ObjError> {
    parse(format!("{TRIANGLE}{rest}").as_bytes())
}

#[track_caller]
fn refuses(bytes: &[u8], line: usize, what: &str) {
    let error = parse(bytes).unwrap_err();
    assert_eq!(error.line, line, "{error}");
    assert!(error.what.contains(what), "{error}");
}

#[track_caller]
fn refuses_after_triangle(rest: &str, line: usize, what: &str) {
    refuses(format!("{TRIANGLE}{rest}").as_bytes(), line, what);
}

#[test]
fn reads_all_forms_of_corners() {
    let tail = "vt 0 0\nvn 0 0 1\n";
    for face in [
        "f 1 2 3",
        "f 1/1 2/1 3/1",
        "f 1//1 2//1 3//1",
        "f 1/1/1 2/1/1 3/1/1",
    ] {
        let obj = parse_after_triangle(&format!("{tail}{face}\n")).unwrap();
        assert_eq!(obj.triangles, [[0, 1, 2]], "{face}");
    }
}

#[test]
fn negative_indices_count_back_from_the_face() {
    let obj = parse_after_triangle("f -3 -2 -1\nv 5 5 5\nf -3 -2 -1\n").unwrap();
    assert_eq!(obj.triangles, [[0, 1, 2], [1, 2, 3]]);
}

#[test]
fn faces_may_come_before_their_vertices() {
    let obj = parse(format!("f 1 2 3\n{TRIANGLE}").as_bytes()).unwrap();
    assert_eq!(obj.triangles, [[0, 1, 2]]);
}

#[test]
fn polygons_become_fans() {
    let obj = parse_after_triangle("v 1 1 0\nv 2 2 0\nf 1 2 4 5 3\n").unwrap();
    assert_eq!(obj.triangles, [[0, 1, 3], [0, 3, 4], [0, 4, 2]]);
}

#[test]
fn skips_what_is_no_surface() {
    let text =
        "\u{feff}# a comment\n\n  \t\r\no name\ng a b\ns off\nusemtl m\nmtllib x.mtl\nl 1 2\n";
    let obj = parse(format!("{text}{TRIANGLE}f 1 2 3 # tail\r\n").as_bytes()).unwrap();
    assert_eq!((obj.positions.len(), obj.triangles.len()), (3, 1));
}

#[test]
fn comments_and_names_may_be_latin_1() {
    let mut bytes = b"# by Andr\xe9\no caf\xe9\n".to_vec();
    bytes.extend_from_slice(format!("{TRIANGLE}f 1 2 3").as_bytes());
    assert_eq!(parse(&bytes).unwrap().triangles, [[0, 1, 2]]);
}

#[test]
fn a_backslash_carries_a_statement_on() {
    let obj = parse_after_triangle("f 1 \\\n2 3\n").unwrap();
    assert_eq!(obj.triangles, [[0, 1, 2]]);
    refuses_after_triangle("f 1 \\\n2 \\\n9\n", 4, "vertex index 9 is out of range");
    refuses_after_triangle("f 1 2 \\\n", 4, "ends in the middle");
}

#[test]
fn vertices_may_carry_a_weight_or_a_colour() {
    let obj = parse(b"v 0 0 0 1\nv 1 0 0 0.5 0.5 0.5\nv 0 1 0\nf 1 2 3").unwrap();
    assert_eq!(obj.positions[1], DVec3::new(1.0, 0.0, 0.0));
}

#[test]
fn refuses_empty_files() {
    refuses(b"", 1, "empty");
    refuses(b"\n\n", 2, "without a face");
    refuses(b"# only\n# comments\n", 2, "without a face");
    refuses(TRIANGLE.as_bytes(), 3, "without a face");
}

#[test]
fn refuses_binary_files() {
    refuses(b"v 0 0 0\n\x00\x01\x02", 2, "not a text file (byte 0x00)");
    refuses(b"\x89PNG\r\n\x1a\n", 2, "not a text file (byte 0x1a)");
    refuses(b"\x7fELF", 1, "not a text file");
    refuses(
        "v 0 0 0\n\u{fffd}\u{fffd}\n".as_bytes(),
        2,
        "unknown statement",
    );
    refuses(b"v 0 0 0\n\xff\xfe\xfd\n", 2, "unknown statement");
}

#[test]
fn refuses_indices_out_of_range() {
    refuses_after_triangle(
        "f 1 2 4\n",
        4,
        "vertex index 4 is out of range, there are 3 vertices",
    );
    refuses_after_triangle("\nf 0 1 2\n", 5, "index 0 is out of range");
    refuses_after_triangle("f 1 2 -4\n", 4, "index -4 is out of range");
    refuses_after_triangle("f 1/1 2/1 3/1\n", 4, "texture coordinate index 1");
    refuses_after_triangle("vn 0 0 1\nf 1//1 2//2 3//1\n", 5, "normal index 2");
    refuses_after_triangle("f 1 2 99999999999\n", 4, "out of range");
    refuses_after_triangle("f 1 2 99999999999999999999\n", 4, "not a whole number");
    // The reason stands in the earlier line although it shows only at the end of the file.
    refuses_after_triangle("f 1 2 9\nf 1 2 3\nv 0 0 0\n", 4, "there are 4 vertices");
}

#[test]
fn refuses_numbers_that_are_none() {
    refuses(b"v 0 0 NaN\n", 1, "`NaN` is not a finite number");
    refuses(b"v 0 0 0\nv inf 0 0\n", 2, "not a finite number");
    refuses(b"v 0 -infinity 0\n", 1, "not a finite number");
    refuses(b"v 0 1e39 0\n", 1, "not a finite number");
    refuses(b"v 0 zero 0\n", 1, "`zero` is not a number");
    refuses(b"v 0 0 0\nvn 0 0 nan\n", 2, "not a finite number");
    refuses(b"vt x\n", 1, "not a number");
}

#[test]
fn refuses_truncated_statements() {
    refuses(
        b"v 0 0 0\nv 1 2\n",
        2,
        "`v` takes 3 to 7 numbers, this has 2",
    );
    refuses(b"v\n", 1, "this has 0");
    refuses(b"vn 1 2\n", 1, "`vn` takes 3 numbers, this has 2");
    refuses_after_triangle("f 1 2", 4, "a face needs 3 vertices, this has 2");
    refuses_after_triangle("f\n", 4, "this has 0");
    refuses_after_triangle("f 1 2 3-\n", 4, "not a whole number");
}

#[test]
fn refuses_malformed_corners() {
    for corner in ["/1/1", "1/", "1/1/", "1//", "1/1/1/1", "a", "1.5"] {
        let rest = format!("vt 0\nvn 0 0 1\nf 1 2 {corner}\n");
        let error = parse_after_triangle(&rest).unwrap_err();
        assert_eq!(error.line, 6, "{corner}: {error}");
    }
}

#[test]
fn refuses_unknown_statements() {
    refuses(b"v 0 0 0\nsolid cube\n", 2, "unknown statement `solid`");
    let long = format!("{}\n", "x".repeat(1000));
    let error = parse(long.as_bytes()).unwrap_err();
    assert!(error.what.len() < 80, "{error}");
}

#[test]
fn refuses_more_triangles_than_fit() {
    let mut text = TRIANGLE.to_owned();
    text.push_str(&"f 1 2 3\n".repeat(MAX_TRIANGLES + 1));
    refuses(
        text.as_bytes(),
        3 + MAX_TRIANGLES + 1,
        "more than 250000 triangles",
    );
}

#[test]
fn the_embedded_mesh_is_whole() {
    let obj = parse(crate::mesh::BUNNY).unwrap();
    assert_eq!((obj.positions.len(), obj.triangles.len()), (1_839, 3_674));
}
