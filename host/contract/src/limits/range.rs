//! Numbers with a range.

/// A number from `MIN` to `MAX`, both included. What is out of the range cannot be made, so whoever takes one need not
/// check it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InRange<const MIN: u64, const MAX: u64>(u64);

/// A number is out of its range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{value} is out of range; it takes {min} to {max}")]
pub struct OutOfRange {
    /// The number.
    pub value: u64,
    /// The least that is allowed.
    pub min: u64,
    /// The most that is allowed.
    pub max: u64,
}

impl<const MIN: u64, const MAX: u64> InRange<MIN, MAX> {
    /// The least that is allowed.
    pub const MIN: u64 = MIN;
    /// The most that is allowed.
    pub const MAX: u64 = MAX;

    /// The number, if it is in the range.
    pub const fn new(value: u64) -> Result<Self, OutOfRange> {
        if value >= MIN && value <= MAX { Ok(Self(value)) } else { Err(OutOfRange { value, min: MIN, max: MAX }) }
    }

    /// The number, for constants: in `const { … }` the compiler refuses one that is out of the range. Panics on it
    /// elsewhere; see [`InRange::new`].
    pub const fn of(value: u64) -> Self {
        assert!(value >= MIN && value <= MAX, "the number is out of its range");
        Self(value)
    }

    /// The number that is in the range and next to this one.
    pub const fn nearest(value: u64) -> Self {
        Self(if value < MIN {
            MIN
        } else if value > MAX {
            MAX
        } else {
            value
        })
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The number. Does not compile for a range that is larger.
    pub const fn as_u32(self) -> u32 {
        const { assert!(MAX <= u32::MAX as u64) };
        self.0 as u32
    }

    /// The number, or the largest of this type, where a machine has less memory than the number says.
    pub const fn as_usize(self) -> usize {
        if self.0 > usize::MAX as u64 { usize::MAX } else { self.0 as usize }
    }
}

impl<const MIN: u64, const MAX: u64> std::fmt::Debug for InRange<MIN, MAX> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl<const MIN: u64, const MAX: u64> std::fmt::Display for InRange<MIN, MAX> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Digit = InRange<1, 9>;

    #[test]
    fn a_number_out_of_its_range_cannot_be_made() {
        for (value, nearest) in [(0, 1), (10, 9), (u64::MAX, 9)] {
            let refused = Digit::new(value).expect_err("it is out of range");
            assert_eq!(refused, OutOfRange { value, min: 1, max: 9 });
            assert_eq!(refused.to_string(), format!("{value} is out of range; it takes 1 to 9"));
            assert_eq!(Digit::nearest(value).get(), nearest);
        }
        for value in [1, 5, 9] {
            let made = Digit::new(value).expect("it is in range");
            assert_eq!((made.get(), made.as_u32(), made.as_usize()), (value, value as u32, value as usize));
            assert_eq!(made, Digit::nearest(value));
        }
    }
}
