//! Operations on shapes, and sizes that are known when the file runs.

use super::{agrees, count, floats};
use burn::tensor::{Device, Int, Tensor, s};
use ocelli_training::export::{ExportError, Exporter, Input, Pass};
use ocelli_training::weights::Weights;

#[test]
fn transposition_agrees() {
    agrees("transpositions", &[floats("x", &[2, 5, 4])], |pass| {
        let x = pass.float::<3>("x")?;
        pass.give("swapped", x.clone().swap_dims(0, 2))?;
        pass.give("permuted", x.clone().permute([1, 2, 0]))?;
        pass.give("flipped", x.flip([1, 2]))
    });
}

#[test]
fn reshaping_keeps_any_batch() {
    agrees("reshapes", &[floats("x", &[2, 6, 4])], |pass| {
        let x = pass.float::<3>("x")?;
        pass.give("flat", x.clone().reshape([0, 24]))?;
        pass.give("merged", x.clone().flatten::<2>(0, 1))?;
        let [batch, _, _] = x.dims();
        pass.give("split", x.clone().flatten::<2>(0, 1).reshape([batch, 3, 2, 4]))?;
        pass.give("more", x.clone().unsqueeze_dim::<4>(1))?;
        pass.give("less", x.max_dim(1).squeeze_dim::<2>(1))
    });
}

#[test]
fn shapes_of_several_dynamic_axes_are_put_together() {
    let port = floats("x", &[2, 7, 5, 4]).open(1, "rows", 11).open(2, "columns", 13);
    agrees("open", &[port], |pass| {
        let x = pass.float::<4>("x")?;
        let [batch, rows, columns, width] = x.dims();
        pass.give("cells", x.clone().reshape([batch, rows * columns, width]))?;
        pass.give("list", x.clone().reshape([batch * rows * columns, width]))?;
        let cells = x.clone().reshape([batch, rows * columns, width]);
        pass.give("again", cells.clone().reshape([batch, rows, columns, 2, 2]).permute([0, 3, 1, 4, 2]))?;
        pass.give("heads", cells.reshape([batch, rows * columns, 2, 2]).swap_dims(1, 2))?;
        pass.give("sums", Tensor::<2>::empty([rows, 5], &x.device()) * 0.0 + 1.0)?;
        pass.give("zeros", Tensor::<3>::zeros([batch, rows * 3, width], &x.device()))?;
        pass.give("doubled", x.clone().reshape([batch * rows, columns, width]).repeat_dim(1, 2))?;
        pass.give("ones", Tensor::<2>::ones([rows * columns, batch], &x.device()))?;
        pass.give("halves", Tensor::<2>::full([batch * rows, 3], 0.5, &x.device()))
    });
}

#[test]
fn expansion_follows_the_batch() {
    agrees("expansion", &[floats("x", &[2, 5, 1])], |pass| {
        let x = pass.float::<3>("x")?;
        let batch = x.dims()[0];
        pass.give("wider", x.clone().expand([batch, 5, 3]))?;
        pass.give("deeper", x.clone().expand([4, batch, 5, 1]))?;
        let first = x.slice(s![0..1, .., ..]);
        pass.give("batch", first.expand([batch, 5, 3]))
    });
}

#[test]
fn repetition_and_joining_agree() {
    agrees("joining", &[floats("x", &[2, 5, 4])], |pass| {
        let x = pass.float::<3>("x")?;
        pass.give("repeated", x.clone().repeat_dim(1, 3))?;
        pass.give("joined", Tensor::cat(vec![x.clone(), x.clone() * 2.0, x.clone()], 2))?;
        pass.give("stacked", Tensor::stack::<4>(vec![x.clone(), x.clone() + 1.0], 1))?;
        let parts = x.chunk(2, 2);
        pass.give("second", parts[1].clone())
    });
}

#[test]
fn slices_count_from_either_end() {
    agrees("slices", &[floats("x", &[2, 7, 6]).open(1, "time", 11)], |pass| {
        let x = pass.float::<3>("x")?;
        let time = x.dims()[1];
        pass.give("first", x.clone().slice(s![.., 0..3, 1..5]))?;
        pass.give("last", x.clone().slice(s![.., -1.., ..]))?;
        pass.give("but_last", x.clone().slice(s![.., 0..time - 1, ..]))?;
        pass.give("middle", x.clone().slice(s![.., 2..time - 2, ..]))?;
        pass.give("every_second", x.clone().slice(s![.., 1..;2, ..]))?;
        pass.give("backwards", x.clone().slice(s![.., 1..6;-2, ..]))?;
        pass.give("all_backwards", x.clone().slice(s![.., ..;-1, ..]))?;
        pass.give("narrow", x.narrow(2, 2, 3))
    });
}

#[test]
fn assignment_to_slices_agrees() {
    agrees("assignment", &[floats("x", &[2, 7, 6]), floats("z", &[2, 3, 2])], |pass| {
        let (x, z) = (pass.float::<3>("x")?, pass.float::<3>("z")?);
        let batch = x.dims()[0];
        pass.give("corner", x.clone().slice_assign(s![0..batch, 0..3, 0..2], z.clone()))?;
        pass.give("middle", x.clone().slice_assign(s![0..batch, 2..5, 3..5], z.clone()))?;
        pass.give("end", x.clone().slice_assign(s![0..batch, 4..7, 4..6], z.clone()))?;
        pass.give("whole", z.clone().slice_assign(s![0..batch, 0..3, 0..2], z * 2.0))
    });
}

#[test]
fn choosing_by_index_agrees() {
    let ports = [floats("x", &[2, 5, 4]), floats("rows", &[7]).below(5), floats("places", &[2, 3, 4]).below(5)];
    agrees("indices", &ports, |pass| {
        let (x, rows, places) = (pass.float::<3>("x")?, pass.integers::<1>("rows")?, pass.integers::<3>("places")?);
        pass.give("selected", x.clone().select(1, rows))?;
        pass.give("gathered", x.gather(1, places))
    });
}

#[test]
fn padding_agrees() {
    agrees("padding", &[floats("x", &[2, 3, 5, 6])], |pass| {
        use burn::tensor::ops::PadMode;
        let x = pass.float::<4>("x")?;
        pass.give("zeros", x.clone().pad((1, 2, 3, 0), PadMode::Constant(0.0)))?;
        pass.give("halves", x.clone().pad((1, 2, 3, 0), PadMode::Constant(0.5)))?;
        pass.give("reflected", x.clone().pad((1, 2, 3, 0), PadMode::Reflect))?;
        pass.give("edge", x.pad((1, 2, 3, 0), PadMode::Edge))
    });
}

#[test]
fn inputs_and_constants_can_be_outputs() {
    let model = agrees("through", &[floats("x", &[2, 3])], |pass| {
        let x = pass.float::<2>("x")?;
        let constant = Tensor::<1>::from_floats([1.0, 2.0, 3.0], &x.device());
        let integers = Tensor::<1, Int>::from_ints([1, 2, 3], &x.device());
        pass.give("same", x.clone())?;
        pass.give("constant", constant.clone())?;
        pass.give("integers", integers)?;
        pass.give("sum", x + constant.unsqueeze())
    });
    assert_eq!(count(&model, "Identity"), 3);
}

fn failure(inputs: &[Input], forward: impl Fn(&mut Pass) -> Result<(), ExportError>) -> String {
    let weights = Weights::default();
    let init = |_: &Device| burn::nn::Relu::new();
    let exporter = Exporter { init, weights: &weights, inputs, forward: |_: &_, pass: &mut Pass| forward(pass) };
    exporter.model().unwrap_err().to_string()
}

#[test]
fn what_cannot_be_exported_is_named() {
    let inputs = [Input::floats("x", &[2, 6, 4]).dynamic(0, "batch", 3)];
    let said = failure(&inputs, |pass| {
        let x = pass.float::<3>("x")?;
        pass.give("y", x.cumprod(1))
    });
    assert!(said.starts_with("CumProd of shape [2, 6, 4] cannot be exported"), "{said}");
    let said = failure(&inputs, |pass| {
        let x = pass.float::<3>("x")?;
        pass.give("y", x.sort(0))
    });
    assert_eq!(said, "Sort of shape [2, 6, 4] cannot be exported: a dynamic axis cannot be sorted");
    let said = failure(&inputs, |pass| {
        let x = pass.float::<3>("x")?;
        pass.give("y", Tensor::<3>::random(x.dims(), burn::tensor::Distribution::Default, &x.device()) + x)
    });
    assert!(said.starts_with("Random of shape [2, 6, 4]"), "{said}");
}

#[test]
fn a_forward_that_depends_on_the_batch_is_refused() {
    let inputs = [Input::floats("x", &[2, 6]).dynamic(0, "batch", 3)];
    let said = failure(&inputs, |pass| {
        let x = pass.float::<2>("x")?;
        let batch = x.dims()[0] as f32;
        pass.give("y", x / batch)
    });
    assert!(said.contains("depends on the sizes of the dynamic axes"), "{said}");
    let said = failure(&inputs, |pass| {
        let x = pass.float::<2>("x")?;
        let places = Tensor::<1, Int>::arange(0..x.dims()[0] as i64, &x.device()).float();
        pass.give("y", x + places.unsqueeze_dim(1))
    });
    assert!(said.contains("a constant of shape [2]"), "{said}");
    let said = failure(&inputs, |pass| {
        let x = pass.float::<2>("x")?;
        let count = x.dims()[0];
        pass.give("y", (0..count).fold(x, |x, _| x + 1.0))
    });
    assert!(said.contains("2 operations and 3 at other sizes"), "{said}");
}

#[test]
fn inputs_must_be_what_was_declared() {
    let inputs = [Input::floats("x", &[2, 6])];
    let give = |pass: &mut Pass| pass.float::<2>("z").and_then(|z| pass.give("y", z));
    assert_eq!(failure(&inputs, give), "input `z`: it was not declared");
    let give = |pass: &mut Pass| pass.float::<3>("x").and_then(|x| pass.give("y", x));
    assert!(failure(&inputs, give).contains("not of rank 3"));
    let give = |pass: &mut Pass| pass.integers::<2>("x").and_then(|x| pass.give("y", x));
    assert!(failure(&inputs, give).contains("64-bit integers"));
    let one = [Input::floats("x", &[1, 6]).dynamic(0, "batch", 2)];
    let give = |pass: &mut Pass| pass.float::<2>("x").and_then(|x| pass.give("y", x));
    assert!(failure(&one, give).contains("cannot tell axis 0 apart"));
}
