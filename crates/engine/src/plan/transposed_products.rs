//! Transposed products: (a·b)ᵀ = bᵀ·aᵀ. If only a transposition reads a product, the product is computed transposed, and nothing is copied.
use super::machine::{Expanded, retain};
use hypertape_ir::error::Result;
use hypertape_ir::operation::{Contraction, Lowering, View};
use hypertape_ir::program::Values;

/// Finds each permutation that exchanges the free axes of a product's two operands, and replaces it by the product with its operands exchanged. There
/// must be no dead equations, because they would count as readers.
pub(crate) fn exchange_operands(x: &mut Expanded) -> Result<()> {
    let Expanded { program: p, asked, .. } = x;
    let mut reads = vec![0u32; p.types.len()];
    p.equations.iter().flat_map(|e| &e.inputs).chain(&p.outputs).for_each(|v| reads[v.index()] += 1);
    // For each value, the equation that makes it as a product.
    let mut products = vec![None; p.types.len()];
    let mut kept = vec![true; asked.len()];
    for i in 0..asked.len() {
        let exchanged = match &asked[i].lowering {
            Lowering::Contract(_) => {
                products[p.equations[i].outputs[0].index()] = Some(i);
                None
            }
            Lowering::View(View::Permute(axes)) => {
                let x = p.equations[i].inputs[0];
                products[x.index()].filter(|_| reads[x.index()] == 1).and_then(|k| {
                    let Lowering::Contract(c) = &asked[k].lowering else { return None };
                    let operands = &p.equations[k].inputs;
                    let batch = c.batch.len();
                    let free = p.type_of(operands[0]).shape.len() - batch - c.sum.len();
                    let order = (0..batch).chain(batch + free..axes.len()).chain(batch..batch + free);
                    axes.iter().copied().eq(order).then(|| (k, exchange(c), operands.iter().rev().copied().collect::<Values>()))
                })
            }
            _ => None,
        };
        if let Some((k, c, operands)) = exchanged {
            kept[k] = false;
            p.equations[i].op = p.equations[k].op.clone();
            asked[i].lowering = Lowering::Contract(c);
            p.equations[i].inputs = operands;
        }
    }
    retain(&mut p.equations, &kept);
    retain(asked, &kept);
    Ok(())
}

/// The product with its operands exchanged.
fn exchange(c: &Contraction) -> Contraction {
    let pairs = |p: &[(usize, usize)]| p.iter().map(|(a, b)| (*b, *a)).collect();
    Contraction { batch: pairs(&c.batch), sum: pairs(&c.sum) }
}
