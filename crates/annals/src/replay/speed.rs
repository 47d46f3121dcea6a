//! How fast a replay is.

/// The speed of a replay: a factor of the original one, or as fast as it can be read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Speed(Option<f64>);

impl Speed {
    /// As it was: a second is a second.
    pub const ORIGINAL: Speed = Speed(Some(1.0));
    /// As fast as it can be read: no waits.
    pub const FASTEST: Speed = Speed(None);

    /// So many times the original speed: 60 makes a minute a second, 0.5 a second two. `None` unless the factor is a
    /// finite number above 0.
    ///
    /// ```
    /// use annals::Speed;
    /// assert_eq!(Speed::times(1.0), Some(Speed::ORIGINAL));
    /// assert_eq!(Speed::times(60.0).and_then(Speed::factor), Some(60.0));
    /// assert_eq!(Speed::FASTEST.factor(), None);
    /// assert!(Speed::times(0.0).is_none() && Speed::times(-1.0).is_none() && Speed::times(f64::NAN).is_none());
    /// ```
    #[must_use]
    pub fn times(factor: f64) -> Option<Speed> {
        (factor.is_finite() && factor > 0.0).then_some(Speed(Some(factor)))
    }

    /// The factor; `None` if there are no waits.
    #[must_use]
    pub fn factor(self) -> Option<f64> {
        self.0
    }
}

impl Default for Speed {
    fn default() -> Self {
        Speed::ORIGINAL
    }
}
