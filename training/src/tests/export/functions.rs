//! Operations on numbers.

use super::{agrees, floats};
use burn::tensor::activation::{
    gelu, hard_sigmoid, hard_swish, leaky_relu, log_sigmoid, log_softmax, mish, prelu, relu, sigmoid, silu, softmax,
    softmin, softplus,
};
use burn::tensor::{Bool, FloatDType, Int, Tensor};

fn function(name: &str, function: impl Fn(Tensor<3>) -> Tensor<3>) {
    agrees(name, &[floats("x", &[2, 5, 4])], |pass| {
        let x = pass.float("x")?;
        pass.give("y", function(x))
    });
}

fn of_positive(name: &str, function: impl Fn(Tensor<3>) -> Tensor<3>) {
    agrees(name, &[floats("x", &[2, 5, 4]).positive()], |pass| {
        let x = pass.float("x")?;
        pass.give("y", function(x))
    });
}

fn of_two(name: &str, function: impl Fn(Tensor<3>, Tensor<3>) -> Tensor<3>) {
    agrees(name, &[floats("x", &[2, 5, 4]), floats("z", &[1, 5, 1]).positive()], |pass| {
        let (x, z) = (pass.float("x")?, pass.float("z")?);
        pass.give("y", function(x, z))
    });
}

fn of_integers(name: &str, function: impl Fn(Tensor<2, Int>, Tensor<2, Int>) -> Tensor<2, Int>) {
    agrees(name, &[floats("x", &[2, 5]).below(40), floats("z", &[2, 5]).below(7)], |pass| {
        let (x, z) = (pass.integers::<2>("x")? - 20, pass.integers::<2>("z")? + 1);
        pass.give("y", function(x, z))
    });
}

fn truth(name: &str, function: impl Fn(Tensor<3>, Tensor<3>) -> Tensor<3, Bool>) {
    agrees(name, &[floats("x", &[2, 5, 4]), floats("z", &[2, 5, 4])], |pass| {
        // Rounded, so that some are equal.
        let (x, z) = (pass.float::<3>("x")?.round(), pass.float::<3>("z")?.round());
        pass.give("y", function(x, z))
    });
}

#[test]
fn functions_of_floats_agree() {
    function("exp", |x| x.exp());
    function("erf", |x| x.erf());
    function("sin", |x| x.sin());
    function("cos", |x| x.cos());
    function("sinh", |x| x.sinh());
    function("cosh", |x| x.cosh());
    function("tanh", |x| x.tanh());
    function("atan", |x| x.atan());
    function("round", |x| x.mul_scalar(2.0).round());
    function("floor", |x| x.floor());
    function("ceil", |x| x.ceil());
    function("abs", |x| x.abs());
    function("neg", |x| x.neg());
    function("sign", |x| x.round().sign());
    function("square", |x| x.powi_scalar(2));
    function("fifth power", |x| x.powi_scalar(5));
    of_positive("tan", |x| x.tan());
    of_positive("asin", |x| x.asin());
    of_positive("acos", |x| x.acos());
    of_positive("log", |x| x.log());
    of_positive("log1p", |x| x.log1p());
    of_positive("sqrt", |x| x.sqrt());
    of_positive("recip", |x| x.recip());
    of_positive("powf", |x| x.powf_scalar(1.7));
}

#[test]
fn arithmetic_agrees() {
    of_two("add", |x, z| x + z);
    of_two("sub", |x, z| x - z);
    of_two("mul", |x, z| x * z);
    of_two("div", |x, z| x / z);
    of_two("pow", |x, z| x.abs().powf(z));
    of_two("remainder", |x, z| x.remainder(z));
    function("add_scalar", |x| x + 1.5);
    function("sub_scalar", |x| x - 1.5);
    function("mul_scalar", |x| x * 1.5);
    function("div_scalar", |x| x / 1.5);
    function("remainder_scalar", |x| x.remainder_scalar(0.7));
    function("cast", |x| (x.cast(FloatDType::F64) * 1.5).cast(FloatDType::F32));
    function("clamp", |x| x.clamp(-0.5, 0.75));
    function("clamp_min", |x| x.clamp_min(-0.5));
    function("clamp_max", |x| x.clamp_max(0.75));
    of_two("min_pair", |x, z| x.min_pair(z.expand([1, 5, 1])));
}

#[test]
fn arithmetic_of_integers_agrees() {
    of_integers("add", |x, z| x + z);
    of_integers("sub", |x, z| x - z * 3);
    of_integers("div", |x, z| x.abs() / z);
    of_integers("remainder", |x, z| x.remainder(z));
    of_integers("clamp", |x, z| x.clamp(-3, 9) + z);
    of_integers("neg", |x, _| x.neg());
    of_integers("cube", |x, z| x.powi_scalar(3) + z);
    of_integers("pow", |x, z| x.powi(z.clamp(1, 3)));
    of_integers("sum_dim", |x, z| x.sum_dim(1) + z);
    of_integers("to_float_and_back", |x, z| (x.float() * 0.75).int() + z);
}

#[test]
fn activations_agree() {
    function("relu", relu);
    function("leaky_relu", |x| leaky_relu(x, 0.1));
    function("sigmoid", sigmoid);
    function("hard_sigmoid", |x| hard_sigmoid(x, 0.2, 0.5));
    function("hard_swish", hard_swish);
    function("log_sigmoid", log_sigmoid);
    function("gelu", gelu);
    function("silu", silu);
    function("mish", mish);
    function("softplus", |x| softplus(x, 1.0));
    function("softmax", |x| softmax(x, 2));
    function("softmax of a middle axis", |x| softmax(x, 1));
    function("log_softmax", |x| log_softmax(x, 2));
    function("softmin", |x| softmin(x, 2));
    agrees("prelu", &[floats("x", &[2, 5, 4]), floats("slope", &[5])], |pass| {
        let (x, slope) = (pass.float::<3>("x")?, pass.float("slope")?);
        pass.give("y", prelu(x, slope))
    });
}

#[test]
fn comparisons_and_logic_agree() {
    truth("equal", |x, z| x.equal(z));
    truth("not_equal", |x, z| x.not_equal(z));
    truth("greater", |x, z| x.greater(z));
    truth("greater_equal", |x, z| x.greater_equal(z));
    truth("lower", |x, z| x.lower(z));
    truth("lower_equal", |x, z| x.lower_equal(z));
    truth("equal_scalar", |x, _| x.equal_elem(1.0));
    truth("not_equal_scalar", |x, _| x.not_equal_elem(1.0));
    truth("greater_scalar", |x, _| x.greater_scalar(1.0));
    truth("greater_equal_scalar", |x, _| x.greater_equal_scalar(1.0));
    truth("lower_scalar", |x, _| x.lower_scalar(1.0));
    truth("lower_equal_scalar", |x, _| x.lower_equal_scalar(1.0));
    truth("and", |x, z| x.greater_scalar(0.0).bool_and(z.greater_scalar(0.0)));
    truth("or", |x, z| x.greater_scalar(0.0).bool_or(z.greater_scalar(0.0)));
    truth("xor", |x, z| x.greater_scalar(0.0).bool_xor(z.greater_scalar(0.0)));
    truth("not", |x, z| x.greater(z).bool_not());
    truth("all_dim", |x, z| x.greater(z).all_dim(2));
    truth("any_dim", |x, z| x.greater(z).any_dim(1));
    truth("any_dim of numbers", |x, _| x.any_dim(2));
    agrees("all and any", &[floats("x", &[2, 5])], |pass| {
        let x = pass.float::<2>("x")?;
        pass.give("all", x.clone().greater_scalar(-3.0).all())?;
        pass.give("any", x.clone().greater_scalar(1.9).any())?;
        pass.give("all_numbers", x.all())
    });
    agrees("of truths", &[floats("x", &[2, 5])], |pass| {
        let positive = pass.float::<2>("x")?.greater_scalar(0.0);
        pass.give("float", positive.clone().float())?;
        pass.give("int", positive.clone().int())?;
        pass.give("turned", positive.swap_dims(0, 1))
    });
}

#[test]
fn masks_agree() {
    agrees("masks", &[floats("x", &[2, 5]), floats("z", &[2, 5])], |pass| {
        let (x, z) = (pass.float::<2>("x")?, pass.float::<2>("z")?);
        let mask = z.clone().greater_scalar(0.0);
        pass.give("where", x.clone().mask_where(mask.clone(), z))?;
        pass.give("fill", x.clone().mask_fill(mask.clone(), -1.5))?;
        pass.give("softmax", softmax(x.mask_fill(mask, f32::NEG_INFINITY), 1).greater_scalar(0.5))
    });
}

#[test]
fn reductions_agree() {
    function("sum_dim", |x| x.sum_dim(1));
    function("sum_dims", |x| x.sum_dims(&[1, 2]));
    function("mean_dim", |x| x.mean_dim(2));
    function("mean of the batch", |x| x.mean_dim(0));
    function("prod_dim", |x| x.prod_dim(2));
    function("max_dim", |x| x.max_dim(1));
    function("min_dim", |x| x.min_dim(2));
    function("max_abs_dim", |x| x.max_abs_dim(2));
    function("variance", |x| x.var_bias(2));
    agrees("to one number", &[floats("x", &[2, 5, 4])], |pass| {
        let x = pass.float::<3>("x")?;
        pass.give("sum", x.clone().sum())?;
        pass.give("mean", x.clone().mean())?;
        pass.give("prod", (x.clone() * 0.01 + 1.0).prod())?;
        pass.give("max", x.clone().max())?;
        pass.give("min", x.min())
    });
}

#[test]
fn places_and_order_agree() {
    agrees("argmax", &[floats("x", &[2, 5, 4])], |pass| {
        let x = pass.float::<3>("x")?;
        pass.give("argmax", x.clone().argmax(1))?;
        pass.give("argmin", x.clone().argmin(2))?;
        let (values, indices) = x.clone().max_dim_with_indices(2);
        pass.give("max", values)?;
        pass.give("max_indices", indices)?;
        let (values, indices) = x.min_dim_with_indices(1);
        pass.give("min", values)?;
        pass.give("min_indices", indices)
    });
    agrees("sort", &[floats("x", &[2, 9])], |pass| {
        let x = pass.float::<2>("x")?;
        pass.give("top", x.clone().topk(3, 1))?;
        pass.give("top_places", x.clone().argtopk(3, 1))?;
        let (values, indices) = x.clone().topk_with_indices(4, 1);
        pass.give("top_values", values)?;
        pass.give("top_indices", indices)?;
        pass.give("sorted", x.clone().sort(1))?;
        pass.give("places", x.clone().argsort_descending(1))?;
        let (values, indices) = x.clone().sort_with_indices(1);
        pass.give("values", values)?;
        pass.give("indices", indices)?;
        pass.give("running_sum", x.cumsum(1))
    });
}
