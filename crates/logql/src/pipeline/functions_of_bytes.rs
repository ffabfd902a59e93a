//! Texts as other alphabets write them: base64 and URLs.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub(super) fn base64(text: &str) -> String {
    let mut out = String::with_capacity(text.len().div_ceil(3) * 4);
    for chunk in text.as_bytes().chunks(3) {
        let byte = |index: usize| u32::from(chunk.get(index).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let sign = ALPHABET.get((bits >> (18 - 6 * place) & 63) as usize);
            let is_there = place <= chunk.len();
            out.push(sign.filter(|_| is_there).map_or('=', |sign| char::from(*sign)));
        }
    }
    out
}

pub(super) fn from_base64(text: &str) -> Result<String, String> {
    let fault = |at: usize| format!("illegal base64 data at input byte {at}");
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0);
    let signs = text.trim_end_matches('=');
    for (at, sign) in signs.bytes().enumerate() {
        let value = ALPHABET
            .iter()
            .position(|known| *known == sign)
            .ok_or_else(|| fault(at))?;
        bits = bits << 6 | value as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xff) as u8);
        }
    }
    if count >= 6 || !text.len().is_multiple_of(4) {
        return Err(fault(signs.len()));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Go's `url.QueryUnescape`.
pub(super) fn unescape(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, tail)) = rest.split_first() {
        rest = tail;
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits = tail.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
                let value = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
                bytes.push(value.ok_or_else(|| format!("invalid URL escape in {text:?}"))?);
                rest = tail.get(2..).unwrap_or_default();
            }
            _ => bytes.push(*byte),
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use gotemplate::query_escape as escape;

    use super::*;

    proptest::proptest! {
        #[test]
        fn what_is_written_reads_back(text in ".{0,20}") {
            proptest::prop_assert_eq!(from_base64(&base64(&text)), Ok(text.clone()));
            proptest::prop_assert_eq!(unescape(&escape(&text)), Ok(text));
        }
    }

    #[test]
    fn known_texts() {
        assert_eq!(base64("so it is"), "c28gaXQgaXM=");
        assert_eq!(escape("a b&c=ä"), "a+b%26c%3D%C3%A4");
        assert!(from_base64("a*").is_err());
    }
}
