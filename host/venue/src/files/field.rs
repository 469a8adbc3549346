//! One value out of one field: times and decimals, on a path that is fast for the usual spelling.

use rust_decimal::Decimal;

use super::error::Problem;

/// Nanoseconds since 1970 UTC of an RFC 3339 time; a plain date is its midnight UTC.
pub(crate) fn time(text: &[u8]) -> Result<i64, Problem> {
    if let Some(at) = plain_time(text) {
        return Ok(at);
    }
    let text = std::str::from_utf8(text).map_err(|_| Problem::NotATime)?;
    let at: jiff::Timestamp = match text.parse() {
        Ok(at) => at,
        Err(_) => {
            let date: jiff::civil::Date = match text.len() {
                10 => text.parse().map_err(|_| Problem::NotATime)?,
                _ => return Err(Problem::NotATime),
            };
            let zoned = date.to_zoned(jiff::tz::TimeZone::UTC);
            zoned.map_err(|_| Problem::NotATime)?.timestamp()
        }
    };
    i64::try_from(at.as_nanosecond()).map_err(|_| Problem::NotATime)
}

/// `YYYY-MM-DDTHH:MM:SSZ` and nothing else; years 1970 to 2261, which 64-bit nanoseconds hold.
fn plain_time(text: &[u8]) -> Option<i64> {
    let text: &[u8; 20] = text.try_into().ok()?;
    let shaped = text[4] == b'-'
        && text[7] == b'-'
        && text[10] == b'T'
        && text[13] == b':'
        && text[16] == b':'
        && text[19] == b'Z';
    let two = |at: usize| -> Option<i64> {
        let (tens, ones) = (text[at].wrapping_sub(b'0'), text[at + 1].wrapping_sub(b'0'));
        (tens < 10 && ones < 10).then(|| i64::from(tens) * 10 + i64::from(ones))
    };
    let year = two(0)? * 100 + two(2)?;
    let (month, day) = (two(5)?, two(8)?);
    let (hour, minute, second) = (two(11)?, two(14)?, two(17)?);
    let known = shaped
        && (1970..=2261).contains(&year)
        && (1..=12).contains(&month)
        && (1..=days_of(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    if !known {
        return None;
    }
    // The year is counted from March, so that a leap day is its last.
    let (shifted_year, shifted_month) =
        if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * shifted_year + shifted_year / 4 - shifted_year / 100
        + shifted_year / 400
        + (153 * shifted_month + 2) / 5
        + day
        - 1
        - 719_468;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000_000_000)
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// A time as text, for messages.
pub(crate) fn time_text(at: i64) -> String {
    match jiff::Timestamp::from_nanosecond(i128::from(at)) {
        Ok(at) => at.to_string(),
        Err(_) => at.to_string(),
    }
}

/// An exact decimal: a sign, digits, at most one point. Refused where 28 digits can't hold it.
pub(crate) fn decimal(text: &[u8]) -> Result<Decimal, Problem> {
    let (negative, digits) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        _ => (false, text),
    };
    // Eighteen digits always fit an i64.
    if digits.len() > 18 {
        return long_decimal(negative, digits);
    }
    let (mut mantissa, mut places, mut point, mut some) = (0_i64, 0_u32, false, false);
    for byte in digits {
        match byte {
            b'0'..=b'9' => {
                mantissa = mantissa * 10 + i64::from(byte - b'0');
                places += u32::from(point);
                some = true;
            }
            b'.' if !point => point = true,
            _ => return Err(Problem::NotANumber),
        }
    }
    if !some {
        return Err(Problem::NotANumber);
    }
    Ok(Decimal::new(if negative { -mantissa } else { mantissa }, places))
}

fn long_decimal(negative: bool, digits: &[u8]) -> Result<Decimal, Problem> {
    let (mut mantissa, mut places, mut point, mut some) = (0_i128, 0_u32, false, false);
    let mut zeros = 0_u32;
    // The whole text is looked at before size is judged: "is no number" is the better message.
    let plain = digits.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.')
        && digits.iter().filter(|byte| **byte == b'.').count() <= 1;
    if !plain {
        return Err(Problem::NotANumber);
    }
    for byte in digits {
        if *byte == b'.' {
            point = true;
            continue;
        }
        some = true;
        // Zeros after the point count only once another digit follows them.
        if point && *byte == b'0' {
            zeros = zeros.saturating_add(1);
            continue;
        }
        if point {
            mantissa = shifted(mantissa, zeros)?;
            places = places.saturating_add(zeros).saturating_add(1);
            zeros = 0;
        }
        mantissa = shifted(mantissa, 1)? + i128::from(byte - b'0');
    }
    if !some {
        return Err(Problem::NotANumber);
    }
    if mantissa >= 10_i128.pow(28) {
        return Err(Problem::TooManyDigits);
    }
    let mantissa = if negative { -mantissa } else { mantissa };
    Decimal::try_from_i128_with_scale(mantissa, places).map_err(|_| Problem::TooManyDigits)
}

fn shifted(mantissa: i128, digits: u32) -> Result<i128, Problem> {
    let factor = 10_i128.checked_pow(digits);
    match factor.and_then(|factor| mantissa.checked_mul(factor)) {
        Some(larger) if larger < 10_i128.pow(29) => Ok(larger),
        // Zero stays zero however far it is shifted.
        _ if mantissa == 0 => Ok(0),
        _ => Err(Problem::TooManyDigits),
    }
}

/// A decimal that is only reckoned with, not booked: exponents are read, and digits beyond the
/// 28th are rounded away.
pub(crate) fn rough_decimal(text: &[u8]) -> Result<Decimal, Problem> {
    if let Ok(exact) = decimal(text) {
        return Ok(exact);
    }
    let text = std::str::from_utf8(text).map_err(|_| Problem::NotANumber)?;
    let split = text.split_once(['e', 'E']);
    let (digits, exponent) = match split {
        Some((digits, exponent)) => {
            (digits, exponent.parse::<i32>().map_err(|_| Problem::NotANumber)?)
        }
        None => (text, 0),
    };
    let mantissa: Decimal = digits.parse().map_err(|_| Problem::NotANumber)?;
    if exponent < -56 {
        return Ok(Decimal::ZERO);
    }
    let mut value = mantissa;
    let step = if exponent < 0 { Decimal::new(1, 1) } else { Decimal::TEN };
    for _ in 0..exponent.unsigned_abs().min(60) {
        value = value.checked_mul(step).ok_or(Problem::TooManyDigits)?;
    }
    Ok(value)
}

/// A price: above zero, within the core's places and size.
pub(crate) fn price(text: &[u8]) -> Result<Decimal, Problem> {
    let price = decimal(text)?;
    if price.is_zero() || price.is_sign_negative() {
        return Err(Problem::NotPositive);
    }
    bounded(price, stockade_core::limits::PRICE_SCALE_MAX, stockade_core::limits::PRICE_MAX)
}

/// A number that is not below zero: volumes and sizes, which are never multiplied.
pub(crate) fn volume(text: &[u8]) -> Result<Decimal, Problem> {
    let volume = decimal(text)?;
    if volume.is_sign_negative() && !volume.is_zero() {
        return Err(Problem::Negative);
    }
    Ok(volume)
}

/// At most `places` decimal places (trailing zeros don't count) and at most `size`.
pub(crate) fn bounded(value: Decimal, places: u32, size: u64) -> Result<Decimal, Problem> {
    let value = if value.scale() > places { value.normalize() } else { value };
    if value.scale() > places {
        return Err(Problem::TooManyPlaces { found: value.scale(), allowed: places });
    }
    let allowed = Decimal::from(size);
    if value.abs() > allowed {
        return Err(Problem::TooLarge { allowed });
    }
    Ok(value)
}
