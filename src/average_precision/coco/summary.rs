use super::curve::Tracer;
use super::matches::Matches;
use super::mean::mean;
use super::options::CocoOptions;

/// The figures of one evaluation.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Summary {
    /// Name and value, in pycocotools' order; `None` where no truth counts.
    pub figures: Vec<(String, Option<f64>)>,
    /// AP of each class.
    pub class_ap: Vec<Option<f64>>,
    /// AP of each class at the threshold of AP50: IoU 0.5, or the first one.
    pub class_ap50: Vec<Option<f64>>,
}

/// Precisions of all classes, area and limit fixed.
#[derive(Debug, Clone, Default)]
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
        let areas = self.precisions(tracer, main, weight);
        let Some(all) = areas.first() else { return Summary::default() };
        let mut figures: Vec<(String, Option<f64>)> = Vec::new();
        let mut add = |name: String, value| {
            // A grid of one threshold has one name for both.
            if figures.iter().all(|(known, _)| *known != name) {
                figures.push((name, value));
            }
        };
        let of_limit = |tracer: &mut Tracer, limit| self.precisions(tracer, limit, weight)[0].mean(None);
        add(
            options.ap_name(),
            ap.and_then(|limit| if limit == main { all.mean(None) } else { of_limit(tracer, limit) }),
        );
        let position = |wanted: f64| options.iou_thresholds.iter().position(|iou| *iou == wanted);
        for wanted in [0.5, 0.75] {
            if let Some(threshold) = position(wanted) {
                add(options.threshold_name(wanted), all.mean(Some(threshold)));
            }
        }
        for (area, precisions) in areas.iter().enumerate().skip(1) {
            add(format!("AP{}", options.area_name(area)), precisions.mean(None));
        }
        for limit in recalls {
            let recall = if limit == main { mean(&all.recalls) } else { self.recall(tracer, limit, weight) };
            add(format!("AR{limit}"), recall);
        }
        for (area, precisions) in areas.iter().enumerate().skip(1) {
            add(format!("AR{}", options.area_name(area)), mean(&precisions.recalls));
        }
        let ap50 = Some(position(0.5).unwrap_or(0));
        Summary { class_ap: all.of_classes(None), class_ap50: all.of_classes(ap50), figures }
    }

    /// The curves of all classes within a limit, for each area.
    fn precisions(&self, tracer: &mut Tracer, limit: usize, weight: impl Fn(u32) -> u32 + Copy) -> Vec<Precisions> {
        let (areas, thresholds) = (self.options.areas.len(), self.options.iou_thresholds.len());
        let recalls = &self.options.recall_thresholds;
        // Class by class here, and put into pycocotools' order below.
        let blank = Precisions { thresholds, ..Precisions::default() };
        let mut found = vec![blank; areas];
        for class in &self.classes {
            tracer.trace(class, (areas, thresholds), limit, weight);
            for (area, found) in found.iter_mut().enumerate() {
                let present = tracer.has_positives(area);
                found.present.push(present);
                for threshold in (0..thresholds).filter(|_| present) {
                    let start = found.values.len();
                    tracer.read((area, thresholds, threshold), recalls, |precision, _| found.values.push(precision));
                    found.values.resize(start + recalls.len(), 0.0);
                    found.recalls.push(tracer.recall(area, thresholds, threshold));
                }
            }
        }
        for found in &mut found {
            let classes = found.present.iter().filter(|present| **present).count();
            found.values = transposed(&found.values, classes);
            found.recalls = transposed(&found.recalls, classes);
        }
        found
    }

    /// Mean recall over classes and thresholds, within a limit and among all truths.
    fn recall(&self, tracer: &mut Tracer, limit: usize, weight: impl Fn(u32) -> u32 + Copy) -> Option<f64> {
        let (areas, thresholds) = (self.options.areas.len(), self.options.iou_thresholds.len());
        let mut by_class = Vec::new();
        for class in &self.classes {
            tracer.trace(class, (areas, thresholds), limit, weight);
            if tracer.has_positives(0) {
                by_class.extend((0..thresholds).map(|threshold| tracer.recall(0, thresholds, threshold)));
            }
        }
        mean(&transposed(&by_class, by_class.len() / thresholds))
    }
}

/// `values[row * length + column]` of `rows` rows as `[column * rows + row]`.
fn transposed(values: &[f64], rows: usize) -> Vec<f64> {
    let mut transposed = vec![0.0; values.len()];
    for (row, values) in values.chunks_exact((values.len() / rows.max(1)).max(1)).enumerate() {
        for (column, value) in values.iter().enumerate() {
            transposed[column * rows + row] = *value;
        }
    }
    transposed
}

impl Precisions {
    /// The values of one threshold or of all.
    fn of(&self, threshold: Option<usize>) -> &[f64] {
        let length = self.values.len() / self.thresholds;
        threshold.map_or(&self.values[..], |threshold| &self.values[threshold * length..][..length])
    }

    /// The mean over classes and recalls, of one threshold or of all.
    fn mean(&self, threshold: Option<usize>) -> Option<f64> {
        mean(self.of(threshold))
    }

    /// The same of each class of the data set.
    fn of_classes(&self, threshold: Option<usize>) -> Vec<Option<f64>> {
        let values = self.of(threshold);
        let classes = self.present.iter().filter(|present| **present).count();
        let mut column = 0..classes;
        let of_class = |present: &bool| {
            let column = column.by_ref().take(usize::from(*present)).next()?;
            mean(&values[column..].iter().step_by(classes).copied().collect::<Vec<_>>())
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
    fn area_name(&self, area: usize) -> String {
        let area = &self.areas[area];
        match area.label.chars().next() {
            Some(first) if Self::default().areas.contains(area) => first.to_string(),
            _ => format!("[{}]", area.label),
        }
    }
}
