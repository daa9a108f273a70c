//! Layers.

use super::base::axis;
use super::window::Window;
use super::{Lowered, Lowering, Refusal, refuse, unknown};
use burn::backend::ir::{
    AvgPool1dOpIr, AvgPool2dOpIr, BatchNormOpIr, InterpolateModeIr, InterpolateOpIr, LayerNormOpIr, LinearOpIr,
    ModuleOperationIr, OperationIr, TensorIr,
};
use ocelli::onnx::Attribute;

impl Lowering<'_> {
    pub(super) fn module(&mut self, index: usize, op: &ModuleOperationIr) -> Lowered {
        use ModuleOperationIr as M;
        match op {
            M::Conv1d(_) | M::Conv2d(_) | M::Conv3d(_) => self.convolution(op),
            M::ConvTranspose1d(_) | M::ConvTranspose2d(_) | M::ConvTranspose3d(_) => self.transposed_convolution(op),
            M::BatchNorm(op) => self.batch_norm(op),
            M::LayerNorm(op) => self.layer_norm(op),
            M::Linear(op) => self.linear(op),
            M::Embedding(op) => {
                let inputs = vec![self.read(&op.weights), self.read(&op.indices)];
                let name = self.module_of(&op.weights).unwrap_or_else(|| "embedding".into());
                self.emit_as(&name, "Gather", inputs, &op.out, vec![axis(0)]);
                Ok(())
            }
            M::Interpolate(op) => self.interpolate(index, op),
            M::Attention(op) => self.attention(op),
            _ => self.pool(op),
        }
    }

    fn convolution(&mut self, op: &ModuleOperationIr) -> Lowered {
        use ModuleOperationIr as M;
        let (x, weight, bias, out) = match op {
            M::Conv1d(op) => (&op.x, &op.weight, &op.bias, &op.out),
            M::Conv2d(op) => (&op.x, &op.weight, &op.bias, &op.out),
            M::Conv3d(op) => (&op.x, &op.weight, &op.bias, &op.out),
            _ => return unknown(),
        };
        let kernel = weight.shape.iter().skip(2).copied().collect::<Vec<_>>();
        let window =
            |stride: &[usize], dilation: &[usize], groups| Window::new(&kernel, stride, dilation).int("group", groups);
        let window = match op {
            M::Conv1d(op) => {
                let options = &op.options;
                window(&options.stride, &options.dilation, options.groups).padded_unevenly(&options.padding)
            }
            M::Conv2d(op) => {
                let options = &op.options;
                window(&options.stride, &options.dilation, options.groups).padded_unevenly(&options.padding)
            }
            M::Conv3d(op) => {
                let options = &op.options;
                window(&options.stride, &options.dilation, options.groups).padded(&options.padding)
            }
            _ => return unknown(),
        };
        self.weighted("Conv", [x, weight], bias.as_ref(), out, window)
    }

    fn transposed_convolution(&mut self, op: &ModuleOperationIr) -> Lowered {
        use ModuleOperationIr as M;
        let (x, weight, bias, out) = match op {
            M::ConvTranspose1d(op) => (&op.x, &op.weight, &op.bias, &op.out),
            M::ConvTranspose2d(op) => (&op.x, &op.weight, &op.bias, &op.out),
            M::ConvTranspose3d(op) => (&op.x, &op.weight, &op.bias, &op.out),
            _ => return unknown(),
        };
        let kernel = weight.shape.iter().skip(2).copied().collect::<Vec<_>>();
        let window = |stride: &[usize], dilation: &[usize], padding: &[usize], more: &[usize], groups| {
            Window::new(&kernel, stride, dilation).padded(padding).list("output_padding", more).int("group", groups)
        };
        let window = match op {
            M::ConvTranspose1d(op) => {
                let o = &op.options;
                window(&o.stride, &o.dilation, &o.padding, &o.padding_out, o.groups)
            }
            M::ConvTranspose2d(op) => {
                let o = &op.options;
                window(&o.stride, &o.dilation, &o.padding, &o.padding_out, o.groups)
            }
            M::ConvTranspose3d(op) => {
                let o = &op.options;
                window(&o.stride, &o.dilation, &o.padding, &o.padding_out, o.groups)
            }
            _ => return unknown(),
        };
        self.weighted("ConvTranspose", [x, weight], bias.as_ref(), out, window)
    }

    fn weighted(
        &mut self,
        op_type: &str,
        [x, weight]: [&TensorIr; 2],
        bias: Option<&TensorIr>,
        out: &TensorIr,
        window: Window,
    ) -> Lowered {
        let inputs = [Some(x), Some(weight), bias].into_iter().flatten().map(|tensor| self.read(tensor)).collect();
        let name = self.module_of(weight).unwrap_or_else(|| "conv".into());
        self.emit_as(&name, op_type, inputs, out, window.attributes());
        Ok(())
    }

    fn batch_norm(&mut self, op: &BatchNormOpIr) -> Lowered {
        let inputs = [&op.x, &op.gamma, &op.beta, &op.mean, &op.variance].map(|tensor| self.read(tensor)).to_vec();
        let name = self.module_of(&op.gamma).unwrap_or_else(|| "batch_norm".into());
        let attributes = vec![Attribute::float("epsilon", op.epsilon.elem())];
        self.emit_as(&name, "BatchNormalization", inputs, &op.out, attributes);
        Ok(())
    }

    fn layer_norm(&mut self, op: &LayerNormOpIr) -> Lowered {
        let operands = [Some(&op.input), Some(&op.gamma), op.beta.as_ref()];
        let inputs = operands.into_iter().flatten().map(|tensor| self.read(tensor)).collect();
        let name = self.module_of(&op.gamma).unwrap_or_else(|| "layer_norm".into());
        let attributes = vec![Attribute::int("axis", -1), Attribute::float("epsilon", op.epsilon.elem())];
        self.emit_as(&name, "LayerNormalization", inputs, &op.out, attributes);
        Ok(())
    }

    fn linear(&mut self, op: &LinearOpIr) -> Lowered {
        let name = self.module_of(&op.weight).unwrap_or_else(|| "linear".into());
        let inputs = vec![self.read(&op.x), self.read(&op.weight)];
        let Some(bias) = &op.bias else {
            self.emit_as(&name, "MatMul", inputs, &op.out, vec![]);
            return Ok(());
        };
        let product = self.inner("MatMul", inputs, vec![]);
        let inputs = vec![product, self.read(bias)];
        self.emit_as(&name, "Add", inputs, &op.out, vec![]);
        Ok(())
    }

    fn pool(&mut self, op: &ModuleOperationIr) -> Lowered {
        use ModuleOperationIr as M;
        match op {
            M::MaxPool1d(op) => {
                let window = Window::new(&[op.kernel_size], &[op.stride], &[op.dilation]).padded(&[op.padding]);
                self.pooled("MaxPool", &op.x, &op.out, window.int("ceil_mode", op.ceil_mode.into()))
            }
            M::MaxPool2d(op) => {
                let window = Window::new(&op.kernel_size, &op.stride, &op.dilation).padded(&op.padding);
                self.pooled("MaxPool", &op.x, &op.out, window.int("ceil_mode", op.ceil_mode.into()))
            }
            M::AvgPool1d(AvgPool1dOpIr { ceil_mode: true, .. })
            | M::AvgPool2d(AvgPool2dOpIr { ceil_mode: true, .. }) => {
                refuse("engines disagree on the divisor of an average pooling with ceil_mode")
            }
            M::AvgPool1d(op) => {
                let window = Window::default().list("kernel_shape", &[op.kernel_size]).list("strides", &[op.stride]);
                let window = window.padded(&[op.padding]).int("count_include_pad", op.count_include_pad.into());
                self.pooled("AveragePool", &op.x, &op.out, window)
            }
            M::AvgPool2d(op) => {
                let window = Window::default().list("kernel_shape", &op.kernel_size).list("strides", &op.stride);
                let window = window.padded(&op.padding).int("count_include_pad", op.count_include_pad.into());
                self.pooled("AveragePool", &op.x, &op.out, window)
            }
            M::AdaptiveAvgPool1d(op) => self.adaptive(&op.x, &op.out, &[op.output_size]),
            M::AdaptiveAvgPool2d(op) => self.adaptive(&op.x, &op.out, &op.output_size),
            M::AdaptiveAvgPool3d(op) => self.adaptive(&op.x, &op.out, &op.output_size),
            _ => unknown(),
        }
    }

    fn pooled(&mut self, op_type: &str, x: &TensorIr, out: &TensorIr, window: Window) -> Lowered {
        let input = self.read(x);
        self.emit(op_type, vec![input], out, window.attributes());
        Ok(())
    }

    /// Windows of one size are an ordinary pooling; others ONNX does not know.
    fn adaptive(&mut self, x: &TensorIr, out: &TensorIr, sizes: &[usize]) -> Lowered {
        if sizes.iter().all(|size| *size == 1) {
            return self.pooled("GlobalAveragePool", x, out, Window::default());
        }
        let dynamic = (2..x.shape.num_dims()).any(|axis| self.is_dynamic(x.id, axis));
        let own: Vec<usize> = x.shape.iter().skip(2).copied().collect();
        if dynamic || own.iter().zip(sizes).any(|(own, size)| !own.is_multiple_of(*size)) {
            return refuse(format!("{own:?} does not always divide into {sizes:?} windows of one size"));
        }
        let kernel: Vec<usize> = own.iter().zip(sizes).map(|(own, size)| own / size).collect();
        let window = Window::default().list("kernel_shape", &kernel).list("strides", &kernel);
        self.pooled("AveragePool", x, out, window)
    }

    fn interpolate(&mut self, index: usize, op: &InterpolateOpIr) -> Lowered {
        let (mode, place, rounding) = match (&op.options.mode, op.options.align_corners) {
            (InterpolateModeIr::Nearest, _) => ("nearest", "asymmetric", "floor"),
            (InterpolateModeIr::NearestExact, _) => ("nearest", "half_pixel", "round_prefer_ceil"),
            (InterpolateModeIr::Bilinear, true) => ("linear", "align_corners", "floor"),
            (InterpolateModeIr::Bilinear, false) => ("linear", "half_pixel", "floor"),
            _ => return refuse("engines differ in this interpolation"),
        };
        let attributes = vec![
            Attribute::string("mode", mode),
            Attribute::string("coordinate_transformation_mode", place),
            Attribute::string("nearest_mode", rounding),
        ];
        let input = self.read(&op.x);
        let inputs = match self.scales(index, op)? {
            Some(scales) => vec![input, String::new(), self.floats(&scales)],
            None => {
                let sizes = self.pairs.sizes(op.out.id).to_vec();
                vec![input, String::new(), String::new(), self.shape(&sizes)?]
            }
        };
        self.emit("Resize", inputs, &op.out, attributes);
        Ok(())
    }

    /// Whole factors, where both traces have them: they hold for any size.
    fn scales(&self, index: usize, op: &InterpolateOpIr) -> Result<Option<[f32; 4]>, Refusal> {
        let sizes = self.pairs.sizes(op.x.id).iter().zip(self.pairs.sizes(op.out.id));
        let factors: Vec<[f32; 2]> =
            sizes.map(|(from, to)| [to[0] as f32 / from[0] as f32, to[1] as f32 / from[1] as f32]).collect();
        if let [one, two, [height, also_height], [width, also_width]] = factors[..]
            && [height, width] == [also_height, also_width]
            && [height, width].iter().all(|factor| factor.fract() == 0.0)
        {
            return Ok(Some([one[0], two[0], height, width]));
        }
        match self.pairs.operations[index].1 {
            OperationIr::Module(ModuleOperationIr::Interpolate(two)) if two.output_size == op.output_size => Ok(None),
            _ => refuse("a factor that is no whole number, of a dynamic axis"),
        }
    }
}
