use super::*;

#[test]
fn sizes_are_read_back() {
    for text in ["1x1", "640x360", "7680x4320", "33177600x1"] {
        assert_eq!(text.parse::<Size>().unwrap().to_string(), text);
    }
}

#[test]
fn refuses_sizes_that_are_none() {
    for text in [
        "", "x", "640", "640x", "x360", "+1x1", "-1x1", "1.5x2", "1x1x1", "1 x 1",
    ] {
        let error = text.parse::<Size>().unwrap_err();
        assert!(error.contains("WIDTHxHEIGHT"), "{text}: {error}");
    }
    for text in ["0x0", "0x360", "640x0"] {
        let error = text.parse::<Size>().unwrap_err();
        assert!(error.contains("at least 1"), "{text}: {error}");
    }
    for text in ["7680x4321", "4294967295x2", "99999999999999999999x1"] {
        let error = text.parse::<Size>().unwrap_err();
        assert!(error.contains("more than"), "{text}: {error}");
    }
}

#[test]
fn tiles_put_together_are_the_rows() {
    for (width, height) in [(1, 1), (32, 32), (33, 31), (100, 70)] {
        let mut picture = Picture::new(Size { width, height });
        for (tile, pixels) in picture.tiles() {
            let places = (tile.y..tile.y + tile.height)
                .flat_map(|y| (tile.x..tile.x + tile.width).map(move |x| [x as u8, y as u8, 7]));
            for (pixel, place) in pixels.iter_mut().zip(places) {
                *pixel = place;
            }
        }
        let mut rows = Vec::new();
        picture.rows(&mut rows);
        let expected: Vec<u8> = (0..height)
            .flat_map(|y| (0..width).flat_map(move |x| [x as u8, y as u8, 7]))
            .collect();
        assert_eq!(rows, expected);
    }
}
