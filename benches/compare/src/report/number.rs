//! Figures for people.

/// A figure with about three digits.
pub(super) fn number(figure: f64) -> String {
    match figure {
        _ if !figure.is_finite() => "–".to_owned(),
        _ if figure >= 1e6 => format!("{:.2}M", figure / 1e6),
        _ if figure >= 1e5 => format!("{:.0}k", figure / 1e3),
        _ if figure >= 1e3 => format!("{:.1}k", figure / 1e3),
        _ if figure >= 100.0 => format!("{figure:.0}"),
        _ if figure >= 10.0 => format!("{figure:.1}"),
        _ => format!("{figure:.2}"),
    }
}

/// A ratio with two digits, or more where it is small.
pub(super) fn ratio(figure: f64) -> String {
    match figure {
        _ if figure >= 10.0 => format!("{figure:.0}"),
        _ if figure >= 0.01 => format!("{figure:.2}"),
        _ => format!("{figure:.4}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_about_three_digits() {
        let shown = [0.5, 12.34, 123.4, 1234.0, 123_456.0, 1_234_567.0, f64::NAN].map(number);
        assert_eq!(shown, ["0.50", "12.3", "123", "1.2k", "123k", "1.23M", "–"]);
        assert_eq!([0.001, 0.5, 12.0].map(ratio), ["0.0010", "0.50", "12"]);
    }
}
