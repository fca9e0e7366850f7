//! Reads the few lines of a Wavefront OBJ file that describe a surface: `v` and `f`, and `vt` and `vn` as far as
//! faces point at them. Everything else that the format defines is skipped; what it does not define is an error.
//!
//! An own reader because of its errors: each names the line, which a user needs more than materials.

use std::fmt;

use glam::DVec3;

#[cfg(test)]
mod tests;

/// The most triangles a mesh may have. A frame in flight holds every instance of it in world space, which takes less
/// than 4 KiB for each triangle; three frames of the largest mesh fit in 3 GB.
pub const MAX_TRIANGLES: usize = 250_000;

/// Statements of the format that say nothing about where a triangle is.
const SKIPPED: &[&str] = &[
    "o",
    "g",
    "s",
    "mg",
    "mtllib",
    "usemtl",
    "maplib",
    "usemap",
    "l",
    "p",
    "vp",
    "bevel",
    "c_interp",
    "d_interp",
    "lod",
    "shadow_obj",
    "trace_obj",
    "cstype",
    "deg",
    "bmat",
    "step",
    "curv",
    "curv2",
    "surf",
    "parm",
    "trim",
    "hole",
    "scrv",
    "sp",
    "end",
    "con",
    "ctech",
    "stech",
    "call",
    "csh",
];

/// The surface as the file gives it, with polygons cut into triangles and indices checked and counted from zero.
#[derive(Debug, Default, PartialEq)]
pub struct Obj {
    pub positions: Vec<DVec3>,
    pub triangles: Vec<[u32; 3]>,
}

/// What is wrong, and in which line (counted from one). Reads well after the file's name and a colon.
#[derive(Debug, PartialEq)]
pub struct ObjError {
    pub line: usize,
    pub what: String,
}

impl fmt::Display for ObjError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.line, self.what)
    }
}

/// Reads a whole file.
pub fn parse(bytes: &[u8]) -> Result<Obj, ObjError> {
    if bytes.is_empty() {
        return Err(at(1, "the file is empty"));
    }
    refuse_binary(bytes)?;

    let mut reader = Reader::default();
    let mut last_line = 0;
    // A backslash at the end of a line carries the statement on; it is reported by the line it starts in.
    let mut statement = Vec::new();
    let mut first_line = 1;
    for (number, line) in (1..).zip(lines(bytes)) {
        last_line = number;
        if statement.is_empty() {
            first_line = number;
        }
        if let Some(begun) = line.strip_suffix(b"\\") {
            statement.extend_from_slice(begun);
            statement.push(b' ');
            continue;
        }
        statement.extend_from_slice(line);
        reader.statement(first_line, &statement)?;
        statement.clear();
    }
    if !statement.is_empty() {
        return Err(at(first_line, "the file ends in the middle of a statement"));
    }
    reader.finish(last_line)
}

fn at(line: usize, what: impl Into<String>) -> ObjError {
    ObjError {
        line,
        what: what.into(),
    }
}

/// The lines without their ends; a last line end starts no further line.
fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes
        .strip_suffix(b"\n")
        .unwrap_or(bytes)
        .split(|&byte| byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

/// A text file has no control characters but white space.
fn refuse_binary(bytes: &[u8]) -> Result<(), ObjError> {
    let control = |&byte: &u8| byte.is_ascii_control() && !byte.is_ascii_whitespace();
    match bytes.iter().position(control) {
        None => Ok(()),
        Some(offset) => {
            let line = 1 + bytes[..offset].iter().filter(|&&b| b == b'\n').count();
            let what = format!("not a text file (byte 0x{:02x})", bytes[offset]);
            Err(at(line, what))
        }
    }
}

/// One kind of thing that faces point at.
#[derive(Clone, Copy)]
struct Kind {
    name: &'static str,
    plural: &'static str,
}

const VERTEX: Kind = Kind {
    name: "vertex",
    plural: "vertices",
};
const TEXTURE: Kind = Kind {
    name: "texture coordinate",
    plural: "texture coordinates",
};
const NORMAL: Kind = Kind {
    name: "normal",
    plural: "normals",
};

/// A positive index may point at what comes later in the file, so these wait for its end.
struct Pending {
    line: usize,
    kind: Kind,
    index: i64,
}

#[derive(Default)]
struct Reader {
    obj: Obj,
    textures: usize,
    normals: usize,
    pending: Vec<Pending>,
    corners: Vec<u32>,
}

impl Reader {
    fn statement(&mut self, line: usize, bytes: &[u8]) -> Result<(), ObjError> {
        // Comments may be in any encoding, names too: only what is parsed has to be UTF-8.
        let bytes = bytes.split(|&byte| byte == b'#').next().unwrap_or_default();
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let text = String::from_utf8_lossy(bytes);
        let mut words = text.split_ascii_whitespace();
        let Some(keyword) = words.next() else {
            return Ok(());
        };
        match keyword {
            "v" => {
                let position = numbers(line, "v", 3..=7, words)?;
                self.obj
                    .positions
                    .push(DVec3::new(position[0], position[1], position[2]));
            }
            "vt" => {
                numbers(line, "vt", 1..=3, words)?;
                self.textures += 1;
            }
            "vn" => {
                numbers(line, "vn", 3..=3, words)?;
                self.normals += 1;
            }
            "f" => self.face(line, words)?,
            other if SKIPPED.contains(&other) => {}
            other => return Err(at(line, format!("unknown statement {}", quoted(other)))),
        }
        Ok(())
    }

    fn face<'a>(
        &mut self,
        line: usize,
        words: impl Iterator<Item = &'a str>,
    ) -> Result<(), ObjError> {
        self.corners.clear();
        for word in words {
            let corner = self.corner(line, word)?;
            self.corners.push(corner);
        }
        if self.corners.len() < 3 {
            let what = format!("a face needs 3 vertices, this has {}", self.corners.len());
            return Err(at(line, what));
        }
        // A fan around the first corner, exact for the convex polygons that the format asks for.
        for pair in self.corners[1..].windows(2) {
            if self.obj.triangles.len() == MAX_TRIANGLES {
                return Err(at(line, format!("more than {MAX_TRIANGLES} triangles")));
            }
            self.obj.triangles.push([self.corners[0], pair[0], pair[1]]);
        }
        Ok(())
    }

    /// `v`, `v/vt`, `v//vn` or `v/vt/vn`.
    fn corner(&mut self, line: usize, word: &str) -> Result<u32, ObjError> {
        let mut parts = word.split('/');
        let vertex = parts.next().unwrap_or_default();
        let texture = parts.next();
        let normal = parts.next();
        let malformed = || at(line, format!("malformed face corner {}", quoted(word)));
        if parts.next().is_some() {
            return Err(malformed());
        }
        let textures = self.textures;
        let normals = self.normals;
        match (texture, normal) {
            (None, _) => {}
            (Some(""), Some(n)) => {
                self.index(line, NORMAL, n, normals)?;
            }
            (Some(t), None) => {
                self.index(line, TEXTURE, t, textures)?;
            }
            (Some(t), Some(n)) => {
                self.index(line, TEXTURE, t, textures)?;
                self.index(line, NORMAL, n, normals)?;
            }
        }
        let positions = self.obj.positions.len();
        self.index(line, VERTEX, vertex, positions)
    }

    /// Turns an index of the file (from one, or negative and counted back from here) into one from zero.
    fn index(
        &mut self,
        line: usize,
        kind: Kind,
        word: &str,
        so_far: usize,
    ) -> Result<u32, ObjError> {
        let index: i64 = word.parse().map_err(|_| {
            let what = format!("{} index {} is not a whole number", kind.name, quoted(word));
            at(line, what)
        })?;
        if index > so_far as i64 {
            self.pending.push(Pending { line, kind, index });
        }
        let from_zero = match index {
            1.. => index - 1,
            0 => {
                let what = format!("{} index 0 is out of range, they start at 1", kind.name);
                return Err(at(line, what));
            }
            back => so_far as i64 + back,
        };
        u32::try_from(from_zero).map_err(|_| out_of_range(line, kind, index, so_far))
    }

    fn finish(self, last_line: usize) -> Result<Obj, ObjError> {
        for Pending { line, kind, index } in self.pending {
            let count = match kind.name {
                "vertex" => self.obj.positions.len(),
                "normal" => self.normals,
                _ => self.textures,
            };
            if index > count as i64 {
                return Err(out_of_range(line, kind, index, count));
            }
        }
        if self.obj.triangles.is_empty() {
            return Err(at(last_line, "the file ends without a face"));
        }
        Ok(self.obj)
    }
}

fn out_of_range(line: usize, kind: Kind, index: i64, count: usize) -> ObjError {
    let Kind { name, plural } = kind;
    let what = match count {
        1 => format!("{name} index {index} is out of range, there is 1 {name}"),
        _ => format!("{name} index {index} is out of range, there are {count} {plural}"),
    };
    at(line, what)
}

/// All numbers of a statement, each finite also as an `f32`.
fn numbers<'a>(
    line: usize,
    keyword: &str,
    counts: std::ops::RangeInclusive<usize>,
    words: impl Iterator<Item = &'a str>,
) -> Result<Vec<f64>, ObjError> {
    let mut values = Vec::with_capacity(3);
    for word in words {
        let value: f64 = word
            .parse()
            .map_err(|_| at(line, format!("{} is not a number", quoted(word))))?;
        if !(value as f32).is_finite() {
            return Err(at(line, format!("{} is not a finite number", quoted(word))));
        }
        values.push(value);
    }
    if counts.contains(&values.len()) {
        return Ok(values);
    }
    let (least, most, found) = (counts.start(), counts.end(), values.len());
    let wanted = if least == most {
        format!("{least}")
    } else {
        format!("{least} to {most}")
    };
    let what = format!("`{keyword}` takes {wanted} numbers, this has {found}");
    Err(at(line, what))
}

/// A word of the file in a message: on one line, and not longer than a glance.
fn quoted(word: &str) -> String {
    const LONGEST: usize = 24;
    let short: String = word.chars().take(LONGEST).collect();
    let dots = if short.len() < word.len() { "..." } else { "" };
    format!("`{}{dots}`", short.escape_debug())
}
