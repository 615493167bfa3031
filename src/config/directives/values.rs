//! Values that many directives have.

pub use super::super::dir::flag;

/// A time in seconds, with decimals.
pub fn seconds(name: &str, value: &[u8], zero: bool) -> Result<f64, String> {
    let text = std::str::from_utf8(value).unwrap_or_default();
    let most = 86_400.0;
    let valid = |seconds: &f64| (*seconds > 0.0 || (zero && *seconds == 0.0)) && *seconds <= most;
    let from = if zero { "from 0" } else { "above 0" };
    text.parse::<f64>()
        .ok()
        .filter(valid)
        .ok_or_else(|| format!("{name} must be a number of seconds {from} and up to {most}."))
}

/// The value of a flag.
pub fn wanted(name: &str, value: &[u8]) -> Result<bool, String> {
    flag(value).ok_or_else(|| format!("{name} must be one of: Off | On"))
}

/// Sets a flag of a server's settings.
pub fn set(field: &mut bool, name: &str, value: &[u8]) -> Result<(), String> {
    *field = wanted(name, value)?;
    Ok(())
}

/// Sets a flag that may be unset.
pub fn set_flag(name: &str, value: &[u8], field: &mut Option<bool>) -> Result<(), String> {
    *field = Some(wanted(name, value)?);
    Ok(())
}

/// A number in decimal digits.
pub fn number<T: std::str::FromStr>(value: &[u8]) -> Option<T> {
    std::str::from_utf8(value).ok()?.parse().ok()
}
