//! temp
use super::*;
pub(crate) fn fuse(g: &mut Graph) {
    loop {
        let users = |v: ValueId| g.nodes.iter().filter(|n| n.inputs.contains(&v)).count() + g.outputs.iter().filter(|o| **o == v).count();
        let mut hit = None;
        for (i, n) in g.nodes.iter().enumerate() {
            for v in &n.inputs { if users(*v) != 1 { continue } if let Some(c) = g.nodes.iter().position(|m| m.output == *v) { if let Operation::Convolution(cv) = &g.nodes[c].operation { match &n.operation { Operation::Activation(_) if cv.residual.is_none() && cv.activation == Activation::Linear => hit = Some((i, c)), Operation::Binary(Binary::Add) if cv.residual.is_none() => { let o = n.inputs.iter().find(|x| *x != v); if let Some(o) = o { let before = g.nodes.iter().position(|m| m.output == *o); if before.is_none_or(|b| b < c) { hit = Some((i, c)) } } } _ => {} } } } if hit.is_some() { break } }
            if hit.is_some() { break }
        }
        let Some((i, c)) = hit else { break };
        let n = g.nodes[i].clone(); let out = g.nodes[c].output;
        g.nodes[c].output = n.output;
        let other = n.inputs.iter().find(|x| **x != out).copied();
        if let Operation::Convolution(cv) = &mut g.nodes[c].operation { match n.operation { Operation::Activation(a) => cv.activation = a, _ => cv.residual = Some(Activation::Linear) } }
        if let Some(o) = other { if let Operation::Convolution(_) = &g.nodes[c].operation { g.nodes[c].inputs.push(o) } }
        g.nodes.remove(i);
    }
}
