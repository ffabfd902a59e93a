//! Addresses within texts: `ip("10.0.0.0/8")`.

use std::net::IpAddr;

/// One address, a range of them or all of a prefix.
#[derive(Debug, Clone, Copy)]
pub(super) struct IpPattern {
    first: IpAddr,
    last: IpAddr,
}

impl IpPattern {
    pub(super) fn new(pattern: &str) -> Result<Self, String> {
        let read = single(pattern)
            .or_else(|| prefix(pattern))
            .or_else(|| range(pattern));
        read.ok_or_else(|| format!("ip: invalid pattern: {pattern:?}"))
    }

    /// Whether one of the addresses that stand in `text` fits.
    pub(super) fn is_in(&self, text: &str) -> bool {
        let bytes = text.as_bytes();
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let belongs: fn(&u8) -> bool = if begins_v4(rest) {
                |byte| byte.is_ascii_digit() || *byte == b'.'
            } else if begins_v6(rest) {
                |byte| byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':')
            } else {
                at += 1;
                continue;
            };
            let length = rest.iter().take_while(|byte| belongs(byte)).count();
            let address = text
                .get(at..at + length)
                .and_then(|text| text.parse::<IpAddr>().ok());
            if address.is_some_and(|address| self.holds(address)) {
                return true;
            }
            at += length + 1;
        }
        false
    }

    fn holds(&self, address: IpAddr) -> bool {
        address.is_ipv4() == self.first.is_ipv4() && self.first <= address && address <= self.last
    }
}

fn single(pattern: &str) -> Option<IpPattern> {
    let address = pattern.parse().ok()?;
    Some(IpPattern {
        first: address,
        last: address,
    })
}

fn range(pattern: &str) -> Option<IpPattern> {
    let (first, last) = pattern.split_once('-')?;
    let (first, last): (IpAddr, IpAddr) = (first.parse().ok()?, last.parse().ok()?);
    (first.is_ipv4() == last.is_ipv4() && first <= last).then_some(IpPattern { first, last })
}

fn prefix(pattern: &str) -> Option<IpPattern> {
    let (address, length) = pattern.split_once('/')?;
    let length: u32 = length.parse().ok()?;
    match address.parse().ok()? {
        IpAddr::V4(address) => {
            let host = u32::MAX.checked_shr(length).unwrap_or_default();
            let bits = u32::from(address);
            (length <= 32).then(|| IpPattern {
                first: IpAddr::V4((bits & !host).into()),
                last: IpAddr::V4((bits | host).into()),
            })
        }
        IpAddr::V6(address) => {
            let host = u128::MAX.checked_shr(length).unwrap_or_default();
            let bits = u128::from(address);
            (length <= 128).then(|| IpPattern {
                first: IpAddr::V6((bits & !host).into()),
                last: IpAddr::V6((bits | host).into()),
            })
        }
    }
}

fn begins_v4(rest: &[u8]) -> bool {
    let digits = rest
        .iter()
        .take(3)
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    digits > 0 && rest.len() > 3 && rest.get(digits) == Some(&b'.')
}

fn begins_v6(rest: &[u8]) -> bool {
    let digits = rest
        .iter()
        .take(4)
        .take_while(|byte| byte.is_ascii_hexdigit())
        .count();
    let colon_first = rest.starts_with(b"::") && rest.get(2).is_some_and(u8::is_ascii_hexdigit);
    rest.len() > 4 && (colon_first || (digits > 0 && rest.get(digits) == Some(&b':')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_where_they_stand() {
        for (pattern, text, expected) in [
            ("192.168.1.0/24", "src 192.168.1.10 ok", true),
            ("192.168.1.0/24", "src 10.0.0.9 ok", false),
            ("10.0.0.0/8", "client 10.0.0.7:80", true),
            ("192.168.1.5", "192.168.1.5", true),
            ("192.168.1.5-192.168.1.9", "x=192.168.1.7", true),
            ("2001:db8::/32", "2001:db8::1", true),
            ("::1", "from ::1234 no", false),
            ("0.0.0.0/0", "none here", false),
            ("0.0.0.0/0", "version 1.2.3", false),
        ] {
            let read = IpPattern::new(pattern).unwrap();
            assert_eq!(read.is_in(text), expected, "{pattern} in {text}");
        }
        for pattern in ["", "notanip", "1.2.3.4/33", "2.0.0.0-1.0.0.0"] {
            assert!(IpPattern::new(pattern).is_err(), "{pattern}");
        }
    }
}
