use super::*;

#[test]
fn creates_what_is_missing_and_leaves_no_probe() {
    let base = tempfile::tempdir().unwrap();
    let path = base.path().join("a/b/../c");
    let out = OutDir::prepare(&path).unwrap();
    assert_eq!(fs::read_dir(&path).unwrap().count(), 0);
    out.write(7, b"png").unwrap();
    assert_eq!(fs::read(path.join("frame_007.png")).unwrap(), b"png");
}

#[test]
fn a_file_in_the_way_is_an_error_that_leaves_nothing_behind() {
    let base = tempfile::tempdir().unwrap();
    let file = base.path().join("file");
    fs::write(&file, b"mine").unwrap();
    for path in [
        file.clone(),
        file.join("below"),
        base.path().join("new/../file/below"),
    ] {
        let error = OutDir::prepare(&path).unwrap_err();
        assert!(error.contains(&path.display().to_string()), "{error}");
        assert!(!base.path().join("new").exists());
        assert_eq!(fs::read(&file).unwrap(), b"mine");
    }
}

#[test]
fn a_frame_that_cannot_be_written_is_an_error() {
    let base = tempfile::tempdir().unwrap();
    let out = OutDir::prepare(base.path()).unwrap();
    fs::create_dir(base.path().join("frame_000.png")).unwrap();
    let error = out.write(0, b"png").unwrap_err();
    assert!(error.contains("frame_000.png"), "{error}");
}
