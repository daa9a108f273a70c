//! Checks that must fail, and the files of detectors.

use super::error_in_onnxruntime;
use super::modules::{Small, trained_small};
use ocelli::catalog::Catalog;
use ocelli::engine::{EngineOptions, Runtime};
use ocelli::letterbox::{Letterbox, Size};
use ocelli::metadata::{DetectionMetadata, HeadKind, Metadata, Resize};
use ocelli::onnx::{Model, Node};
use ocelli::tensor::Tensor;
use ocelli_training::export::{DetectorExport, ExportError, Exporter, Input, Pass, Precision, check, detector, half};
use ocelli_training::models::DetectionNetwork;
use std::path::PathBuf;

fn options() -> DetectorExport {
    let metadata = DetectionMetadata {
        head: HeadKind::YoloV3,
        labels: vec!["cat".into(), "dog".into()],
        anchors: vec![vec![[30.0, 40.0], [60.0, 50.0]], vec![[10.0, 12.0], [20.0, 16.0]]],
        scale_xy: vec![1.0, 1.0],
        resize: Resize::Letterbox,
    };
    DetectorExport {
        metadata,
        license: Some("CC0-1.0".into()),
        source: Some("a test".into()),
        size: Size { width: 96, height: 64 },
        stride: 8,
        open_sides: false,
        precision: Precision::Single,
    }
}

/// Real pictures as they go into the network; grey and random ones, said loudly, where there are none.
fn pictures(size: Size) -> Vec<Tensor> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let data = std::env::var_os("OCELLI_TEST_DATA").map_or_else(|| root.join("../../shared/data"), PathBuf::from);
    let mut found = Vec::new();
    let mut folders = vec![data.join("detection")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "jpg") {
                found.push(path);
            }
        }
    }
    found.sort();
    if found.is_empty() {
        eprintln!("SKIPPED real pictures: none at {} (set OCELLI_TEST_DATA)", data.display());
        return vec![Tensor::filled(&[1, 3, size.height as usize, size.width as usize], 0.5)];
    }
    let picture = |path: &PathBuf| {
        let bytes = std::fs::read(path).unwrap();
        let image = ocelli::picture::decode(&bytes, &ocelli::picture::Limits::default()).unwrap().image;
        let own = Size { width: image.width(), height: image.height() };
        Tensor::F32(Letterbox::new(Resize::Letterbox, own, size).apply(&image))
    };
    found.iter().step_by(found.len().div_ceil(4)).map(picture).collect()
}

#[test]
fn a_detector_says_what_it_is_and_agrees_on_real_pictures() {
    let (weights, options) = (trained_small(), options());
    let mut pictures = pictures(options.size);
    pictures.extend(self::pictures(Size { width: 64, height: 104 }));
    let (model, error) = detector(Small::new, &weights, &options, &pictures).unwrap();
    println!("detector: largest error {error:e} on {} pictures", pictures.len());
    assert!(error <= 1e-4);
    let metadata = Metadata::read(&model).unwrap();
    assert_eq!(metadata.detection.as_ref(), Some(&options.metadata));
    assert_eq!((metadata.license, metadata.source), (options.license, options.source));
    let graph = model.graph.as_ref().unwrap();
    let names = |infos: &[ocelli::onnx::ValueInfo]| infos.iter().map(|info| info.name.clone()).collect::<Vec<_>>();
    assert_eq!(
        (names(&graph.input), names(&graph.output)),
        (vec!["images".to_owned()], vec!["yolo_0".to_owned(), "yolo_1".to_owned()])
    );
    assert_eq!(graph.input[0].axes(), Some(vec![None, Some(3), Some(64), Some(96)]));
    assert_eq!(graph.output[1].axes(), Some(vec![None, Some(14), None, None]));
}

#[test]
fn an_exported_detector_is_opened_by_the_catalog() {
    let options = DetectorExport { precision: Precision::Half, open_sides: true, ..options() };
    let (model, error) = detector(Small::new, &trained_small(), &options, &pictures(options.size)).unwrap();
    assert!(error <= 2e-3);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("small.onnx");
    model.write(&path).unwrap();
    assert_eq!(model.graph.unwrap().input[0].axes(), Some(vec![None, Some(3), None, None]));
    let runtime = Runtime::new(EngineOptions::default());
    let opened = Catalog::default().find(path.to_str().unwrap()).unwrap().open().unwrap();
    let opened = opened.into_detector(&runtime, Some(64)).unwrap();
    opened.warm_up().unwrap();
    assert_eq!(opened.size(), Size { width: 64, height: 64 });
}

#[test]
fn heads_must_be_those_of_the_metadata() {
    let mut options = options();
    options.metadata.labels.pop();
    let pictures = [Tensor::filled(&[1, 3, 64, 96], 0.5)];
    let error = detector(Small::new, &trained_small(), &options, &pictures).unwrap_err().to_string();
    assert!(error.contains("[Some(14), Some(14)]") && error.contains("[Some(12), Some(12)]"), "{error}");
}

type Check<'a, T> = dyn Fn(&Model) -> T + 'a;

fn forward(network: &Small, pass: &mut Pass) -> Result<(), ExportError> {
    let images = pass.float("images")?;
    pass.give("head", network.forward(images).remove(0))
}

/// Exports the small detector and hands on its check in the project's engines and in onnxruntime.
fn export(then: impl Fn(&Check<'_, Result<f32, ExportError>>, &Check<'_, Option<Result<f32, String>>>, Model)) {
    let weights = trained_small();
    let inputs = [Input::floats("images", &[1, 3, 32, 48])];
    let exporter = Exporter { init: Small::new, weights: &weights, inputs: &inputs, forward };
    let case = vec![("images".to_owned(), Tensor::filled(&[1, 3, 32, 48], 0.25))];
    let case = std::slice::from_ref(&case);
    let check = |model: &Model| exporter.check(model, case, 1e-4);
    then(&check, &|model| error_in_onnxruntime(model, case, &exporter), exporter.model().unwrap());
}

#[test]
fn a_file_that_computes_something_else_is_refused() {
    export(|check, peer, mut model| {
        check(&model).unwrap();
        let node = model.graph.as_mut().unwrap().node.iter_mut().find(|node| node.op_type == "LeakyRelu").unwrap();
        node.attribute[0].f = 0.3;
        let error = check(&model).unwrap_err();
        if let Some(error) = peer(&model) {
            assert!(error.unwrap() > 1e-3);
        }
        assert!(
            matches!(&error, ExportError::Differs { output, error, .. } if output == "head" && *error > 1e-3),
            "{error}"
        );
    });
}

#[test]
fn a_broken_graph_is_refused() {
    export(|_, _, model| {
        check::structure(&model).unwrap();
        let broken = |change: &dyn Fn(&mut ocelli::onnx::Graph)| {
            let mut model = model.clone();
            change(model.graph.as_mut().unwrap());
            check::structure(&model).unwrap_err().to_string()
        };
        assert!(broken(&|graph| graph.node.swap(0, 1)).contains("before"));
        assert!(broken(&|graph| graph.node.push(graph.node[0].clone())).contains("two nodes are called"));
        assert!(broken(&|graph| drop(graph.initializer.remove(0))).contains("nothing makes"));
        assert!(broken(&|graph| graph.initializer.push(graph.initializer[0].clone())).contains("given twice"));
        assert!(broken(&|graph| graph.output[0].name = "other".into()).contains("nothing makes the output `other`"));
        let twice = |graph: &mut ocelli::onnx::Graph| {
            let node = Node { name: "again".into(), ..graph.node[0].clone() };
            graph.node.push(node);
        };
        assert!(broken(&twice).contains("is made twice"));
        let mut model = model.clone();
        model.set_property("ocelli.task", "painting");
        assert!(matches!(check::structure(&model), Err(ExportError::Metadata(_))));
    });
}

#[test]
fn nan_is_no_agreement() {
    let wanted = Tensor::filled(&[2], 1.0);
    assert!(check::distance(&Tensor::filled(&[2], f32::NAN), &wanted).unwrap().is_nan());
    assert_eq!(check::distance(&Tensor::filled(&[2], 1.5), &wanted), Ok(0.5));
    assert_eq!(check::distance(&Tensor::filled(&[2], 5.0), &Tensor::filled(&[2], 4.0)), Ok(0.25));
    assert!(check::distance(&Tensor::filled(&[3], 1.0), &wanted).is_err());
}

#[test]
fn weights_beyond_a_half_are_named() {
    let mut weights = trained_small();
    let head = weights.0.get_mut("heads.0.weight").unwrap();
    let mut numbers: Vec<f32> = head.iter::<f32>().collect();
    numbers[3] = 70_000.0;
    *head = burn::tensor::TensorData::new(numbers, head.shape().to_vec());
    let inputs = [Input::floats("images", &[1, 3, 32, 48])];
    let exporter = Exporter { init: Small::new, weights: &weights, inputs: &inputs, forward };
    let error = half(exporter.model().unwrap()).unwrap_err().to_string();
    assert_eq!(error, "heads.0.weight holds 70000, which a 16-bit float cannot");
}

#[test]
fn nothing_is_written_unless_the_check_passes() {
    let weights = trained_small();
    let inputs = [Input::floats("images", &[1, 3, 32, 48])];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("network.onnx");
    let metadata = Metadata { license: Some("CC0-1.0".into()), ..Metadata::default() };
    let exporter = Exporter { init: Small::new, weights: &weights, inputs: &inputs, forward };
    let case = vec![("images".to_owned(), Tensor::filled(&[1, 3, 32, 48], 0.25))];
    // Without inputs, or with those of another size than the file's, there is no check.
    assert!(exporter.write(&path, &metadata, Precision::Single, &[]).is_err());
    let wrong = vec![("pictures".to_owned(), Tensor::filled(&[1, 3, 32, 48], 0.25))];
    assert!(exporter.write(&path, &metadata, Precision::Single, &[wrong]).is_err());
    assert!(!path.exists());
    exporter.write(&path, &metadata, Precision::Single, &[case]).unwrap();
    let read = Model::read(&path).unwrap();
    assert_eq!(Metadata::read(&read).unwrap(), metadata);
}
