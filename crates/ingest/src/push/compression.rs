//! Unpacks bodies, never to more than a limit.

use std::io::Read;

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

use super::PushError;

/// How a body is packed, as `Content-Encoding` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Not at all.
    Identity,
    /// Snappy's block format, as remote write has it.
    Snappy,
    /// Zstandard frames.
    Zstd,
    /// gzip members.
    Gzip,
    /// Deflate, with zlib's head as RFC 9110 has it, or without as some senders have it.
    Deflate,
}

impl Encoding {
    /// The encoding of a header's value; `None` where it is not known.
    pub fn parse(header: &str) -> Option<Self> {
        match header.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Some(Self::Identity),
            "snappy" => Some(Self::Snappy),
            "zstd" => Some(Self::Zstd),
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "deflate" => Some(Self::Deflate),
            _ => None,
        }
    }

    /// Unpacks `body` into `out`, which is cleared first. A body that becomes larger than `bytes_max` is refused.
    pub fn unpack(self, body: &[u8], bytes_max: usize, out: &mut Vec<u8>) -> Result<(), PushError> {
        out.clear();
        match self {
            Self::Identity => {
                check_size(body.len(), bytes_max)?;
                out.extend_from_slice(body);
                Ok(())
            }
            Self::Snappy => unpack_snappy(body, bytes_max, out),
            Self::Zstd => {
                let decoder = zstd::stream::read::Decoder::with_buffer(body)
                    .map_err(|error| unreadable("zstd", &error))?;
                read_bounded("zstd", decoder, bytes_max, out)
            }
            Self::Gzip => read_bounded("gzip", MultiGzDecoder::new(body), bytes_max, out),
            Self::Deflate if has_zlib_head(body) => {
                read_bounded("deflate", ZlibDecoder::new(body), bytes_max, out)
            }
            Self::Deflate => read_bounded("deflate", DeflateDecoder::new(body), bytes_max, out),
        }
    }
}

/// RFC 1950, section 2.2: method 8, a window of at most 32 KiB, and a check that makes both bytes a multiple of 31.
fn has_zlib_head(body: &[u8]) -> bool {
    matches!(*body, [method, flags, ..]
        if method & 0x8f == 8 && u16::from_be_bytes([method, flags]).is_multiple_of(31))
}

fn unpack_snappy(body: &[u8], bytes_max: usize, out: &mut Vec<u8>) -> Result<(), PushError> {
    let length = snap::raw::decompress_len(body).map_err(|error| unreadable("snappy", &error))?;
    check_size(length, bytes_max)?;
    // Not only grown: what a buffer held before needs no zeroing.
    if out.capacity() < length {
        *out = Vec::with_capacity(length);
    }
    out.resize(length, 0);
    let written = snap::raw::Decoder::new()
        .decompress(body, out)
        .map_err(|error| unreadable("snappy", &error))?;
    out.truncate(written);
    Ok(())
}

fn read_bounded(
    name: &'static str,
    reader: impl Read,
    bytes_max: usize,
    out: &mut Vec<u8>,
) -> Result<(), PushError> {
    reader
        .take(bytes_max as u64 + 1)
        .read_to_end(out)
        .map_err(|error| unreadable(name, &error))?;
    check_size(out.len(), bytes_max)
}

fn check_size(bytes: usize, bytes_max: usize) -> Result<(), PushError> {
    if bytes > bytes_max {
        return Err(PushError::TooLarge { bytes_max });
    }
    Ok(())
}

fn unreadable(encoding: &'static str, error: &dyn std::fmt::Display) -> PushError {
    PushError::Encoding {
        encoding,
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn packed(encoding: Encoding, text: &[u8]) -> Vec<u8> {
        match encoding {
            Encoding::Identity => text.to_vec(),
            Encoding::Snappy => snap::raw::Encoder::new().compress_vec(text).unwrap(),
            Encoding::Zstd => zstd::stream::encode_all(text, 1).unwrap(),
            Encoding::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(text).unwrap();
                encoder.finish().unwrap()
            }
            Encoding::Deflate => {
                let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(text).unwrap();
                encoder.finish().unwrap()
            }
        }
    }

    #[test]
    fn bodies_are_unpacked_up_to_the_limit() {
        let text = b"a long text that repeats, a long text that repeats".repeat(100);
        for encoding in [
            Encoding::Identity,
            Encoding::Snappy,
            Encoding::Zstd,
            Encoding::Gzip,
            Encoding::Deflate,
        ] {
            let body = packed(encoding, &text);
            let mut out = vec![1, 2, 3];
            encoding.unpack(&body, text.len(), &mut out).unwrap();
            assert_eq!(out, text);
            let refused = encoding.unpack(&body, text.len() - 1, &mut out);
            assert!(matches!(refused, Err(PushError::TooLarge { .. })), "{encoding:?}");
            if encoding != Encoding::Identity {
                let broken = encoding.unpack(&body[..body.len() / 2], text.len(), &mut out);
                assert!(matches!(broken, Err(PushError::Encoding { .. })), "{encoding:?}");
            }
        }
        let mut bare = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        bare.write_all(&text).unwrap();
        let mut out = Vec::new();
        let body = bare.finish().unwrap();
        Encoding::Deflate.unpack(&body, text.len(), &mut out).unwrap();
        assert_eq!(out, text);
        assert_eq!(Encoding::parse("ZSTD"), Some(Encoding::Zstd));
        assert_eq!(Encoding::parse("br"), None);
    }
}
