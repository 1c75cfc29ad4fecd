//! Arrays whose element type is known at run time only: what binary files hold.
use crate::error::{Error, Result};
use ndarray::{Array, ArrayD, Dimension, IxDyn, ShapeBuilder};

/// The types of elements that are read, each with the array that holds them.
macro_rules! elements {
    ($($(#[$doc:meta])* $variant:ident $type:ty, $name:literal;)*) => {
        /// An array of one of the element types that files hold.
        ///
        /// ```
        /// use hypertape_data::{Idx, Load};
        /// let bytes = [0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6];
        /// let array = Idx.load_bytes(&bytes)?;
        /// assert_eq!((array.shape(), array.elements()), (&[2, 3][..], "u8"));
        /// let numbers: ndarray::Array2<u8> = array.into_array()?;
        /// assert_eq!(numbers[[1, 2]], 6);
        /// # Ok::<(), hypertape_data::Error>(())
        /// ```
        #[derive(Debug, Clone, PartialEq)]
        #[non_exhaustive]
        pub enum AnyArray {
            $($(#[$doc])* $variant(ArrayD<$type>),)*
        }

        impl AnyArray {
            /// The length of each axis.
            #[must_use]
            pub fn shape(&self) -> &[usize] {
                match self { $(AnyArray::$variant(a) => a.shape(),)* }
            }
            /// The name of the element type, as Rust spells it.
            #[must_use]
            pub fn elements(&self) -> &'static str {
                match self { $(AnyArray::$variant(_) => $name,)* }
            }
            /// The array as f64, each element exactly; true is 1.
            ///
            /// # Errors
            /// [`Error::NotExact`] for a whole number beyond 2⁵³ that no f64 is equal to.
            pub fn to_f64(&self) -> Result<ArrayD<f64>> {
                match self { $(AnyArray::$variant(a) => exact(a),)* }
            }
        }

        $(
            impl Element for $type {
                const NAME: &'static str = $name;
                fn of(array: AnyArray) -> std::result::Result<ArrayD<Self>, AnyArray> {
                    match array {
                        AnyArray::$variant(a) => Ok(a),
                        other => Err(other),
                    }
                }
            }
            impl From<ArrayD<$type>> for AnyArray {
                fn from(array: ArrayD<$type>) -> Self {
                    AnyArray::$variant(array)
                }
            }
        )*
    };
}

elements! {
    /// True and false.
    Bool bool, "bool";
    /// Bytes.
    U8 u8, "u8";
    /// Bytes with a sign.
    I8 i8, "i8";
    /// 16 bits.
    U16 u16, "u16";
    /// 16 bits with a sign.
    I16 i16, "i16";
    /// 32 bits.
    U32 u32, "u32";
    /// 32 bits with a sign.
    I32 i32, "i32";
    /// 64 bits.
    U64 u64, "u64";
    /// 64 bits with a sign.
    I64 i64, "i64";
    /// Single precision.
    F32 f32, "f32";
    /// Double precision.
    F64 f64, "f64";
}

mod private {
    //! Nobody else adds element types.

    /// How an element becomes f64.
    pub trait Sealed: Copy {
        /// The same number as f64, or the whole number that has none.
        fn exactly(self) -> Result<f64, i128>;
    }
}

macro_rules! always {
    ($($type:ty)*) => {$(
        impl private::Sealed for $type {
            fn exactly(self) -> std::result::Result<f64, i128> {
                Ok(f64::from(self))
            }
        }
    )*};
}
always!(bool u8 i8 u16 i16 u32 i32 f32 f64);

macro_rules! where_possible {
    ($($type:ty)*) => {$(
        impl private::Sealed for $type {
            fn exactly(self) -> std::result::Result<f64, i128> {
                let near = self as f64;
                if near as i128 == i128::from(self) { Ok(near) } else { Err(i128::from(self)) }
            }
        }
    )*};
}
where_possible!(u64 i64);

/// An element type of files.
pub trait Element: private::Sealed {
    /// Its name.
    const NAME: &'static str;
    /// The array, where its elements are of this type; the array as it was otherwise.
    ///
    /// # Errors
    /// The array as it was.
    fn of(array: AnyArray) -> std::result::Result<ArrayD<Self>, AnyArray>;
}

impl AnyArray {
    /// The array of a known element type and rank, without a copy.
    ///
    /// # Errors
    /// [`Error::Elements`], [`Error::Rank`].
    pub fn into_array<T: Element, D: Dimension>(self) -> Result<Array<T, D>> {
        let array = T::of(self).map_err(|other| Error::Elements { found: other.elements(), wanted: T::NAME })?;
        ranked(array)
    }
    /// The array as f64 of a known rank.
    ///
    /// # Errors
    /// [`Error::NotExact`], [`Error::Rank`].
    pub fn into_f64<D: Dimension>(self) -> Result<Array<f64, D>> {
        match self {
            AnyArray::F64(a) => ranked(a),
            other => ranked(other.to_f64()?),
        }
    }
}

fn ranked<T, D: Dimension>(array: ArrayD<T>) -> Result<Array<T, D>> {
    let shape = array.shape().to_vec();
    array.into_dimensionality().map_err(|_| Error::Rank { shape, wanted: D::NDIM.unwrap_or(0) })
}

fn exact<T: Element>(array: &ArrayD<T>) -> Result<ArrayD<f64>> {
    for (index, x) in array.indexed_iter() {
        if let Err(value) = x.exactly() {
            return Err(Error::NotExact { index: ndarray::Dimension::slice(&index).to_vec(), value });
        }
    }
    Ok(array.mapv(|x| x.exactly().unwrap_or(f64::NAN)))
}

/// The elements of so many bytes each, in the order of the file, as an array; nothing where the shape fits no memory.
pub(crate) fn assemble<T, const N: usize>(shape: &[usize], fortran: bool, bytes: &[u8], read: impl Fn([u8; N]) -> T) -> Option<AnyArray>
where
    AnyArray: From<ArrayD<T>>,
{
    let (chunks, _) = bytes.as_chunks::<N>();
    let elements: Vec<T> = chunks.iter().map(|c| read(*c)).collect();
    ArrayD::from_shape_vec(IxDyn(shape).set_f(fortran), elements).ok().map(AnyArray::from)
}

/// The number of bytes of an array, which may be more than there is memory.
pub(crate) fn bytes_of(shape: &[usize], size: usize) -> Option<u128> {
    shape.iter().try_fold(size as u128, |bytes, axis| bytes.checked_mul(*axis as u128))
}
