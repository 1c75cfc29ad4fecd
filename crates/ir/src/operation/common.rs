//! What several operations of one workspace have in common: a factorisation that more than one of them solves with.
use std::any::Any;
use std::sync::Arc;

/// The common parts of the states of one workspace, while these are made. Each part belongs to a value that the operations share, such as an equation.
///
/// ```
/// use hypertape_ir::operation::Common;
/// use std::sync::{Arc, Mutex};
/// let (equation, mut parts) = (Arc::new("x = cos x"), Common::default());
/// let mut part = || parts.part(&equation, || Mutex::new(0));
/// let (first, second) = (part(), part());
/// assert!(Arc::ptr_eq(&first, &second));
/// ```
#[derive(Default)]
pub struct Common(Vec<[Arc<dyn Any + Send + Sync>; 2]>);

impl Common {
    /// The part of type `T` that belongs to `of`, made when it is first asked for.
    pub fn part<K: Any + Send + Sync, T: Any + Send + Sync>(&mut self, of: &Arc<K>, make: impl FnOnce() -> T) -> Arc<T> {
        let address = Arc::as_ptr(of).cast::<()>();
        let found = self.0.iter().filter(|[k, _]| Arc::as_ptr(k).cast::<()>() == address);
        if let Some(part) = found.filter_map(|[_, part]| part.clone().downcast::<T>().ok()).next() {
            return part;
        }
        let part = Arc::new(make());
        // The key stays alive, so that no other one comes to have its address.
        self.0.push([of.clone(), part.clone()]);
        part
    }
}

impl std::fmt::Debug for Common {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Common({} parts)", self.0.len())
    }
}
