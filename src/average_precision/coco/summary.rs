use super::curve::Tracer;
use super::matches::Matches;
use super::mean::mean;
use super::options::{CocoOptions, Measure, TruthRange};

/// The figures of one evaluation.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Name and value, in pycocotools' order; `None` where no truth counts.
    pub figures: Vec<(String, Option<f64>)>,
    /// AP of each class.
    pub class_ap: Vec<Option<f64>>,
    /// AP of each class at the threshold of AP50: IoU 0.5, or the first one.
    pub class_ap50: Vec<Option<f64>>,
}

/// Average precision of all classes, range and limit fixed.
struct Precisions {
    /// `values[(threshold * recalls + recall) * classes + class]`, of the classes with truths: pycocotools' order, which
    /// decides how a sum is rounded.
    values: Vec<f64>,
    /// `recalls[threshold * classes + class]`.
    recalls: Vec<f64>,
    /// Whether each class of the data set has truths.
    present: Vec<bool>,
    thresholds: usize,
}

impl Matches {
    /// The published figures.
    pub fn summary(&self) -> Summary {
        self.weighted_summary(&mut Tracer::default(), |_| 1)
    }

    /// The figures of a resampled data set in which each picture is there as often as `weight` says. They are those of a
    /// data set with copies of the pictures.
    pub fn weighted_summary(&self, tracer: &mut Tracer, weight: impl Fn(u32) -> u32 + Copy) -> Summary {
        let Limits { main, ap, recalls } = Limits::of(&self.options);
        let options = &self.options;
        let all = self.precisions(tracer, (0, main), weight);
        let ap50 = options.iou_thresholds.iter().position(|iou| *iou == 0.5);
        let mut figures = Vec::new();
        let mut add = |name: String, value| {
            // A grid of one threshold has one name for both.
            if figures.iter().all(|(known, _)| *known != name) {
                figures.push((name, value));
            }
        };
        let ap = match ap {
            Some(limit) if limit == main => all.mean(None),
            Some(limit) => self.precisions(tracer, (0, limit), weight).mean(None),
            None => None,
        };
        add(options.ap_name(), ap);
        for wanted in [0.5, 0.75] {
            if let Some(threshold) = options.iou_thresholds.iter().position(|iou| *iou == wanted) {
                add(options.threshold_name(wanted), all.mean(Some(threshold)));
            }
        }
        let ranges: Vec<_> =
            (1..options.ranges.len()).map(|range| self.precisions(tracer, (range, main), weight)).collect();
        for (range, precisions) in ranges.iter().enumerate() {
            add(format!("AP{}", options.range_name(range + 1)), precisions.mean(None));
        }
        for limit in recalls {
            let recall = if limit == main { mean(&all.recalls) } else { self.recall(tracer, limit, weight) };
            add(format!("AR{limit}"), recall);
        }
        for (range, precisions) in ranges.iter().enumerate() {
            add(format!("AR{}", options.range_name(range + 1)), mean(&precisions.recalls));
        }
        Summary { figures, class_ap: all.of_classes(None), class_ap50: all.of_classes(Some(ap50.unwrap_or(0))) }
    }

    fn precisions(
        &self,
        tracer: &mut Tracer,
        (range, limit): (usize, usize),
        weight: impl Fn(u32) -> u32 + Copy,
    ) -> Precisions {
        let (thresholds, recalls) = (self.options.iou_thresholds.len(), &self.options.recall_thresholds);
        let mut present = vec![false; self.classes.len()];
        // Class by class here, and put into pycocotools' order below.
        let (mut by_class, mut recall_by_class) = (Vec::new(), Vec::new());
        for (class, present) in self.classes.iter().zip(&mut present) {
            *present = tracer.trace(class, thresholds, (range, limit), weight);
            if !*present {
                continue;
            }
            for threshold in 0..thresholds {
                let start = by_class.len();
                tracer.read(threshold, recalls, |precision, _| by_class.push(precision));
                by_class.resize(start + recalls.len(), 0.0);
                recall_by_class.push(tracer.recall(threshold));
            }
        }
        let classes = present.iter().filter(|present| **present).count();
        Precisions {
            values: transposed(&by_class, classes),
            recalls: transposed(&recall_by_class, classes),
            present,
            thresholds,
        }
    }

    /// Mean recall over classes and thresholds, within a limit.
    fn recall(&self, tracer: &mut Tracer, limit: usize, weight: impl Fn(u32) -> u32 + Copy) -> Option<f64> {
        let thresholds = self.options.iou_thresholds.len();
        let mut by_class = Vec::new();
        for class in &self.classes {
            if tracer.trace(class, thresholds, (0, limit), weight) {
                by_class.extend((0..thresholds).map(|threshold| tracer.recall(threshold)));
            }
        }
        mean(&transposed(&by_class, by_class.len() / thresholds))
    }
}

/// `values[row * length + column]` of `rows` rows as `[column * rows + row]`.
fn transposed(values: &[f64], rows: usize) -> Vec<f64> {
    if rows == 0 {
        return Vec::new();
    }
    let length = values.len() / rows;
    (0..values.len()).map(|at| values[at % rows * length + at / rows]).collect()
}

impl Precisions {
    /// The mean over classes and recalls, of one threshold or of all.
    fn mean(&self, threshold: Option<usize>) -> Option<f64> {
        let length = self.values.len() / self.thresholds;
        mean(threshold.map_or(&self.values[..], |threshold| &self.values[threshold * length..][..length]))
    }

    /// The same of each class of the data set.
    fn of_classes(&self, threshold: Option<usize>) -> Vec<Option<f64>> {
        let classes = self.present.iter().filter(|present| **present).count();
        let length = self.values.len() / self.thresholds;
        let values = threshold.map_or(&self.values[..], |threshold| &self.values[threshold * length..][..length]);
        let mut class = 0;
        let of_class = |present: &bool| {
            present.then(|| {
                class += 1;
                let of_class: Vec<f64> = values.iter().skip(class - 1).step_by(classes).copied().collect();
                mean(&of_class)
            })?
        };
        self.present.iter().map(of_class).collect()
    }
}

/// Which limits belong to which figures.
struct Limits {
    /// That of all figures that name none.
    main: usize,
    /// That of AP; `None` if it does not exist.
    ap: Option<usize>,
    /// Those of the recalls.
    recalls: Vec<usize>,
}

impl Limits {
    fn of(options: &CocoOptions) -> Self {
        let mut recalls = options.max_detections.clone();
        if !options.pycocotools_quirks {
            let main = options.most_detections();
            return Self { main, ap: Some(main), recalls };
        }
        // The quirks `ap-at-100` and `third-limit`.
        let ap = recalls.contains(&100).then_some(100);
        recalls.truncate(3);
        Self { main: recalls.last().copied().unwrap_or_default(), ap, recalls }
    }
}

impl CocoOptions {
    /// `AP` for COCO's own thresholds, `AP50` for one, `AP30:60` for others; with the limit, where it is not 100.
    fn ap_name(&self) -> String {
        let percent = |iou: f64| format!("{}", (iou * 1e4).round() / 1e2);
        let thresholds = match &self.iou_thresholds[..] {
            all if *all == Self::default().iou_thresholds => String::new(),
            [only] => percent(*only),
            [first, .., last] => format!("{}:{}", percent(*first), percent(*last)),
            [] => String::new(),
        };
        format!("AP{thresholds}{}", self.limit_name())
    }

    fn threshold_name(&self, iou: f64) -> String {
        format!("AP{}{}", iou * 100.0, self.limit_name())
    }

    fn limit_name(&self) -> String {
        match self.most_detections() {
            _ if self.pycocotools_quirks => String::new(),
            100 => String::new(),
            other => format!("@{other}"),
        }
    }

    /// `s`, `m`, `l` for COCO's own areas, `[label]` for others.
    fn range_name(&self, range: usize) -> String {
        let TruthRange { label, measure, .. } = &self.ranges[range];
        let standard = Self::default().ranges;
        match label.chars().next() {
            Some(first) if *measure == Measure::Area && standard.contains(&self.ranges[range]) => first.to_string(),
            _ => format!("[{label}]"),
        }
    }
}
