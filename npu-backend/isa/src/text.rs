//! Numbers, strings and tokens of the text form.

/// A number: decimal, or 0x hexadecimal, with an optional minus.
pub(crate) fn parse_int(text: &str) -> Option<i128> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    if digits.is_empty() || digits.starts_with(['+', '-']) || digits.len() > 36 {
        return None;
    }
    let value = match digits.strip_prefix("0x") {
        Some(hex) => i128::from_str_radix(hex, 16).ok().filter(|_| !hex.starts_with(['+', '-']))?,
        None => digits.parse().ok()?,
    };
    Some(if negative { -value } else { value })
}

/// Bits of a binary32 as text: a hex float, or `f32:0x…` for NaN and infinities.
pub(crate) fn float_text(bits: u32) -> String {
    let value = f32::from_bits(bits);
    if !value.is_finite() {
        return format!("f32:{bits:#010x}");
    }
    let sign = if bits >> 31 != 0 { "-" } else { "" };
    let (field, fraction) = (bits >> 23 & 0xFF, (bits & 0x7F_FFFF) << 1);
    let lead = u32::from(field != 0);
    let exponent = if field != 0 { field.cast_signed() - 127 } else { -126 };
    if field == 0 && fraction == 0 {
        return format!("{sign}0x0p+0");
    }
    let digits = format!("{fraction:06x}");
    let digits = digits.trim_end_matches('0');
    let point = if digits.is_empty() { "" } else { "." };
    format!("{sign}0x{lead}{point}{digits}p{exponent:+}")
}

/// Bits of a hex float or of `f32:0x…`; `None` if it is neither or not exactly a binary32.
pub(crate) fn parse_float(text: &str) -> Option<u32> {
    if let Some(raw) = text.strip_prefix("f32:") {
        return u32::try_from(parse_int(raw)?).ok();
    }
    let (sign, body) = match text.strip_prefix('-') {
        Some(rest) => (1u32 << 31, rest),
        None => (0, text),
    };
    let (mantissa, exponent) = body.strip_prefix("0x")?.split_once('p')?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.len() > 1 || fraction.len() > 12 || exponent.len() > 5 {
        return None;
    }
    let m = u64::from_str_radix(&format!("{whole}{fraction}"), 16).ok()?;
    let exponent = exponent.strip_prefix('+').unwrap_or(exponent).parse::<i32>().ok()? - 4 * fraction.len() as i32;
    if m == 0 {
        return Some(sign);
    }
    if !(-900..=900).contains(&exponent) {
        return None;
    }
    // m < 2^52, so the product is exact in binary64
    let value = m as f64 * f64::from_bits(((exponent + 1023) as u64) << 52);
    let narrow = value as f32;
    (f64::from(narrow) == value).then(|| narrow.to_bits() | sign)
}

/// A string in quotes.
pub(crate) fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() => out.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// The text of a quoted string.
pub(crate) fn unquote(text: &str) -> Option<String> {
    let body = text.strip_prefix('"')?.strip_suffix('"')?;
    let mut out = String::new();
    let mut chars = body.chars();
    while let Some(c) = chars.next() {
        if c == '"' {
            return None;
        }
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next()? {
            'u' => {
                let rest = chars.as_str().strip_prefix('{')?;
                let (hex, tail) = rest.split_once('}')?;
                out.push(char::from_u32(u32::from_str_radix(hex, 16).ok()?)?);
                chars = tail.chars();
            }
            c @ ('"' | '\\') => out.push(c),
            _ => return None,
        }
    }
    Some(out)
}

/// A word of a line with its column (from 1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Word<'a> {
    pub text: &'a str,
    pub col: usize,
}

/// Splits a line at blanks outside quotes and brackets; `;` is a word; `#` starts a comment.
pub(crate) fn words(line: &str) -> Vec<Word<'_>> {
    let mut out = Vec::new();
    let mut start = None;
    let (mut quoted, mut escaped, mut depth) = (false, false, 0usize);
    let mut end = line.len();
    for (at, c) in line.char_indices() {
        if quoted {
            quoted = c != '"' || escaped;
            escaped = c == '\\' && !escaped;
            continue;
        }
        match c {
            '"' => quoted = true,
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        let comment = c == '#';
        if (c.is_whitespace() && depth == 0) || comment || (c == ';' && depth == 0) {
            if let Some(from) = start.take() {
                out.push(word(line, from, at));
            }
            if c == ';' {
                out.push(word(line, at, at + 1));
            }
            if comment {
                end = at;
                break;
            }
        } else if start.is_none() {
            start = Some(at);
        }
    }
    if let Some(from) = start {
        out.push(word(line, from, end));
    }
    out
}

fn word(line: &str, from: usize, to: usize) -> Word<'_> {
    Word { text: &line[from..to], col: line[..from].chars().count() + 1 }
}

/// The items of `[a, b, c]`, or the text itself as one item. Quotes protect commas.
pub(crate) fn items(text: &str) -> Vec<&str> {
    let Some(body) = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')) else { return vec![text] };
    if body.trim().is_empty() {
        return Vec::new();
    }
    let mut out = Vec::new();
    let (mut from, mut quoted, mut escaped) = (0, false, false);
    for (at, c) in body.char_indices() {
        if quoted {
            quoted = c != '"' || escaped;
            escaped = c == '\\' && !escaped;
        } else if c == '"' {
            quoted = true;
        } else if c == ',' {
            out.push(body[from..at].trim());
            from = at + 1;
        }
    }
    out.push(body[from..].trim());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_round_trip_and_known_values_print_as_expected() {
        for (bits, text) in [
            (0x3F80_0000, "0x1p+0"),
            (0xC048_0000, "-0x1.9p+1"),
            (0x8000_0000, "-0x0p+0"),
            (0x0000_0001, "0x0.000002p-126"),
            (0x7FC0_0001, "f32:0x7fc00001"),
            (0x3DCC_CCCD, "0x1.99999ap-4"),
        ] {
            assert_eq!(float_text(bits), text);
        }
        let mut rng = crate::rng::SplitMix64::new(7);
        for _ in 0..20_000 {
            let bits = rng.next_u64() as u32;
            assert_eq!(parse_float(&float_text(bits)), Some(bits), "{bits:#x}");
        }
        for bad in ["0x1.0000001p+0", "0x1p+200", "1.5", "0xp+0", "f32:0x100000000", "0x1p"] {
            assert_eq!(parse_float(bad), None, "{bad}");
        }
    }

    #[test]
    fn words_and_strings() {
        let line = r#"  .io "a # b" [1, 2] ; x=[3,4] # end"#;
        let found: Vec<_> = words(line).iter().map(|w| (w.text, w.col)).collect();
        assert_eq!(found, [(".io", 3), ("\"a # b\"", 7), ("[1, 2]", 15), (";", 22), ("x=[3,4]", 24)]);
        for text in ["", "a\"b\\c\n\u{7f}\u{1F600}", "\\u{41}"] {
            assert_eq!(unquote(&quote(text)).as_deref(), Some(text));
        }
        assert_eq!(items("[\"a,b\", 2]"), ["\"a,b\"", "2"]);
        assert_eq!((parse_int("-0x10"), parse_int("--1"), parse_int("0x+1")), (Some(-16), None, None));
    }
}
