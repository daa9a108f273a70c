//! Figures are well-formed and alike for the same data, whatever the data.

use ocelli::plot::{Axis, Bar, Bars, Curves, HeatMap, Ink, Key, Marker, Series, Shape};
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest};
use roxmltree::{Document, Node};

use crate::sample::HOSTILE;

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>(),
        -2.0..2.0,
        Just(0.0),
        Just(f64::NAN),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
        Just(f64::MAX),
        Just(f64::MIN_POSITIVE),
        Just(5e-324),
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just(HOSTILE.to_owned()), Just(String::new()), any::<String>()]
}

fn points() -> impl Strategy<Value = Vec<(f64, f64)>> {
    proptest::collection::vec((number(), number()), 0..20)
}

fn axis() -> impl Strategy<Value = Axis> {
    (text(), proptest::option::of((number(), number()))).prop_map(|(label, range)| Axis { label, range })
}

fn ink() -> impl Strategy<Value = Ink> {
    prop_oneof![Just(Ink::Text), Just(Ink::Faint), (0_usize..12).prop_map(Ink::Palette)]
}

fn series() -> impl Strategy<Value = Series> {
    (text(), points(), ink(), any::<bool>(), any::<bool>()).prop_map(|(label, points, ink, dashed, dots)| Series {
        label,
        points,
        ink,
        dashed,
        dots,
    })
}

fn curves() -> impl Strategy<Value = Curves> {
    let marker = ((number(), number()), text(), ink()).prop_map(|(point, label, ink)| Marker { point, label, ink });
    let key = prop_oneof![Just(Key::AtEnds), Just(Key::Below)];
    let many = proptest::collection::vec(series(), 0..6);
    (text(), axis(), axis(), many, proptest::collection::vec(marker, 0..3), key)
        .prop_map(|(title, x, y, series, markers, key)| Curves { title, x, y, series, markers, key })
}

fn bars() -> impl Strategy<Value = Bars> {
    let bar = (text(), proptest::option::of(number()), proptest::option::of((number(), number())), ink())
        .prop_map(|(label, value, interval, ink)| Bar { text: label.clone(), label, value, interval, ink });
    let shape = prop_oneof![Just(Shape::Bar), Just(Shape::Dot)];
    let key = proptest::collection::vec((text(), ink()), 0..6);
    (text(), shape, proptest::option::of((number(), number())), proptest::collection::vec(bar, 0..6), key)
        .prop_map(|(title, shape, range, bars, key)| Bars { label: title.clone(), title, shape, range, bars, key })
}

/// Parses it, and holds that no attribute has a number that is none.
fn check(svg: &str) {
    let document = Document::parse(svg).unwrap_or_else(|error| panic!("{error}: {svg}"));
    let attributes = document.descendants().flat_map(|node| node.attributes());
    for attribute in attributes {
        let value = attribute.value();
        assert!(!value.contains("NaN") && !value.contains("inf"), "{} is {value}", attribute.name());
        assert_ne!(attribute.name(), "id", "ids would clash in a page");
    }
    assert!(!document.descendants().any(|node| node.has_tag_name("script")));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn curves_of_any_data_are_well_formed_and_repeatable(curves in curves()) {
        let svg = curves.svg();
        check(&svg);
        assert_eq!(svg, curves.svg());
    }

    #[test]
    fn bars_of_any_data_are_well_formed_and_repeatable(bars in bars()) {
        let svg = bars.svg();
        check(&svg);
        assert_eq!(svg, bars.svg());
    }

    #[test]
    fn heat_maps_of_any_counts_are_well_formed(
        labels in proptest::collection::vec(text(), 0..40),
        counts in proptest::collection::vec(proptest::collection::vec(0_usize..2_000_000, 0..42), 0..42),
    ) {
        let map = heat_map(&labels, &counts);
        check(&map.svg());
    }
}

fn heat_map<'a>(labels: &'a [String], counts: &'a [Vec<usize>]) -> HeatMap<'a> {
    let [title, rows, columns, rest] = [HOSTILE, "truths", "predictions", "background"].map(str::to_owned);
    HeatMap { title, rows, columns, labels, rest, counts }
}

fn texts(svg: &str) -> Vec<String> {
    let document = Document::parse(svg).unwrap();
    let texts = document.descendants().filter(|node| node.has_tag_name("text"));
    texts.filter_map(|node| node.text().map(str::to_owned)).collect()
}

fn line(points: Vec<(f64, f64)>) -> Curves {
    let (x, y) = (Axis::new("step"), Axis::new("loss"));
    let series = vec![Series::new("loss", points, Ink::Palette(0))];
    Curves { title: "Training".into(), x, y, series, markers: Vec::new(), key: Key::AtEnds }
}

fn paths(svg: &str) -> Vec<String> {
    let document = Document::parse(svg).unwrap();
    document.descendants().filter_map(|node: Node| node.attribute("d").map(str::to_owned)).collect()
}

#[test]
fn colours_of_bars_are_explained_below_them() {
    let bar =
        |label: &str, ink| Bar { label: label.into(), value: Some(1.0), interval: None, text: "1 ms".into(), ink };
    let (direct, winograd) = (Ink::Palette(0), Ink::Palette(1));
    let bars = vec![bar("conv1x1s1", direct), bar("conv3x3s1", winograd)];
    let (label, shape, range) = ("milliseconds".into(), Shape::Bar, None);
    let key = vec![("direct".into(), direct), ("winograd4".into(), winograd)];
    let explained = Bars { title: "Layers".into(), label, shape, range, bars, key };
    let plain = Bars { key: Vec::new(), ..explained.clone() };
    let (explained, plain) = (explained.svg(), plain.svg());
    assert!(!texts(&plain).iter().any(|text| text == "direct"));
    let document = Document::parse(&explained).unwrap();
    let rectangles = document.descendants().filter(|node| node.has_tag_name("rect"));
    let place = |node: &Node, axis: &str| node.attribute(axis).unwrap().parse::<f64>().unwrap();
    let (bars, samples): (Vec<_>, Vec<_>) = rectangles.partition(|node| place(node, "height") > 13.0);
    assert_eq!((bars.len(), samples.len()), (2, 2));
    for (bar, sample) in bars.iter().zip(&samples) {
        assert_eq!(bar.attribute("class"), sample.attribute("class"));
        assert!(place(sample, "y") > place(&bars[1], "y") + 16.0);
    }
    for name in ["direct", "winograd4"] {
        let text = document.descendants().find(|node| node.text() == Some(name) && node.has_tag_name("text")).unwrap();
        let height = document.root_element().attribute("height").unwrap().parse::<f64>().unwrap();
        assert!(place(&text, "y") < height, "{name} lies outside of the picture");
    }
}

#[test]
fn axes_have_round_numbers_around_the_data() {
    let texts = texts(&line(vec![(0.0, 0.13), (13_000.0, 0.92)]).svg());
    for expected in ["0", "5,000", "10,000", "15,000", "0.2", "0.4", "1.0", "step", "loss", "Training"] {
        assert!(texts.iter().any(|text| text == expected), "{expected} is not among {texts:?}");
    }
}

#[test]
fn a_point_that_is_no_number_leaves_a_gap() {
    let gap = line(vec![(0.0, 1.0), (1.0, 2.0), (2.0, f64::NAN), (3.0, 2.0), (4.0, 1.0)]);
    assert_eq!(paths(&gap.svg())[0].matches('M').count(), 2);
}

#[test]
fn a_single_point_is_a_dot_and_nothing_is_said_to_be_nothing() {
    assert!(line(vec![(1.0, 1.0)]).svg().contains("<circle"));
    assert!(texts(&line(vec![(f64::NAN, 1.0)]).svg()).contains(&"no data".to_owned()));
}

#[test]
fn a_long_curve_keeps_its_extremes_and_loses_its_length() {
    let mut points: Vec<(f64, f64)> = (0..100_000).map(|step| (f64::from(step), 1.0)).collect();
    points[54_321].1 = 9.0;
    let spike = line(points);
    let path = &paths(&spike.svg())[0];
    assert!(path.len() < 40_000, "{} bytes", path.len());
    let heights =
        path.split(['M', 'L']).filter_map(|pair| pair.split_once(' ')).map(|(_, y)| y.parse::<f64>().unwrap());
    let (low, high) = heights.fold((f64::MAX, f64::MIN), |(low, high), y| (low.min(y), high.max(y)));
    assert!(high - low > 200.0, "the spike reaches from {low} to {high}");
}

#[test]
fn names_at_the_ends_of_curves_do_not_lie_on_one_another() {
    let end = |name: &str, y| Series::new(name, vec![(0.0, 0.0), (1.0, y)], Ink::Palette(0));
    let series = vec![end("one", 0.5), end("two", 0.501), end("three", 0.502), end("four", 0.0), end("five", 0.001)];
    let svg = Curves { series, ..line(Vec::new()) }.svg();
    let document = Document::parse(&svg).unwrap();
    let named = |node: &Node| ["one", "two", "three", "four", "five"].contains(&node.text().unwrap_or_default());
    let names = document.descendants().filter(|node| node.has_tag_name("text") && named(node));
    let mut heights: Vec<f64> = names.map(|node| node.attribute("y").unwrap().parse().unwrap()).collect();
    heights.sort_by(f64::total_cmp);
    assert_eq!(heights.len(), 5);
    assert!(heights.windows(2).all(|pair| pair[1] - pair[0] > 12.0), "{heights:?}");
}

#[test]
fn a_large_heat_map_shows_the_kinds_that_are_mixed_up_and_says_so() {
    let labels: Vec<String> = (0..80).map(|kind| format!("kind {kind}")).collect();
    let mut counts = vec![vec![0; 81]; 81];
    for (kind, row) in counts.iter_mut().enumerate() {
        row[kind] = 50;
    }
    counts[70][71] = 4321;
    let texts = texts(&heat_map(&labels, &counts).svg());
    assert!(texts.iter().any(|text| text.contains("the 24 of 80 most often mixed up")), "{texts:?}");
    for expected in ["kind 70", "kind 71", "background", "4.3k"] {
        assert!(texts.iter().any(|text| text == expected), "{expected} is not among {texts:?}");
    }
}
