//! Fewer points for the same curve.

use crate::canvas::Point;

/// The points of a curve without those that lie within `tolerance` of the straight line between points that stay
/// (Ramer 1972; Douglas and Peucker 1973). Both ends stay.
#[must_use]
pub fn simplified(points: &[Point], tolerance: f64) -> Vec<Point> {
    let Some(last) = points.len().checked_sub(1) else { return Vec::new() };
    let mut kept = vec![false; points.len()];
    kept[0] = true;
    kept[last] = true;
    let mut pending = vec![(0, last)];
    while let Some((from, to)) = pending.pop() {
        let farthest = (from + 1..to)
            .map(|place| (place, distance(points[place], points[from], points[to])))
            .max_by(|one, other| one.1.total_cmp(&other.1));
        if let Some((place, distance)) = farthest.filter(|(_, distance)| *distance > tolerance) {
            debug_assert!(distance.is_finite());
            kept[place] = true;
            pending.extend([(from, place), (place, to)]);
        }
    }
    points.iter().zip(kept).filter(|(_, kept)| *kept).map(|(point, _)| *point).collect()
}

/// From a point to the line through two others, or to the first of them where they coincide.
fn distance(point: Point, from: Point, to: Point) -> f64 {
    let (along_x, along_y) = (to.0 - from.0, to.1 - from.1);
    let (x, y) = (point.0 - from.0, point.1 - from.1);
    let length = along_x.hypot(along_y);
    if length == 0.0 { x.hypot(y) } else { (along_x * y - along_y * x).abs() / length }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn points_on_a_line_go_and_corners_stay() {
        let points = [(0.0, 0.0), (0.0, 0.5), (0.0, 1.0), (0.5, 1.0), (1.0, 1.0)];
        assert_eq!(simplified(&points, 1e-9), [(0.0, 0.0), (0.0, 1.0), (1.0, 1.0)]);
        assert!(simplified(&[], 0.1).is_empty());
    }

    proptest! {
        #[test]
        fn no_dropped_point_is_far_from_the_kept_curve(
            steps in prop::collection::vec((0.0..1.0_f64, 0.0..1.0_f64), 2..80), tolerance in 0.01..0.5_f64
        ) {
            let mut points = vec![(0.0, 0.0)];
            for (right, up) in steps {
                let (x, y) = points[points.len() - 1];
                points.push((x + right, y + up));
            }
            let kept = simplified(&points, tolerance);
            prop_assert_eq!((kept[0], kept[kept.len() - 1]), (points[0], points[points.len() - 1]));
            for point in points {
                let near = kept.windows(2).map(|pair| distance(point, pair[0], pair[1])).fold(f64::INFINITY, f64::min);
                prop_assert!(near <= tolerance + 1e-12);
            }
        }
    }
}
