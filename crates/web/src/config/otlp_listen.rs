//! Where OTLP is listened to beside the main address: at the standard port, at a named address, or nowhere.

use std::fmt;
use std::net::SocketAddr;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::parse_address;

/// Where a port for OTLP is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OtlpListen {
    /// The port that the specification names, on loopback; a warning where another program has it.
    #[default]
    Standard,
    /// This address; an error where another program has it.
    At(SocketAddr),
    /// Nowhere.
    Off,
}

impl OtlpListen {
    /// The address, where one is named.
    pub(super) fn named(self) -> Option<SocketAddr> {
        match self {
            Self::At(address) => Some(address),
            Self::Standard | Self::Off => None,
        }
    }
}

impl Serialize for OtlpListen {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Standard => serializer.serialize_none(),
            Self::At(address) => serializer.collect_str(address),
            Self::Off => serializer.serialize_str("off"),
        }
    }
}

impl<'de> Deserialize<'de> for OtlpListen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListenVisitor)
    }
}

struct ListenVisitor;

impl Visitor<'_> for ListenVisitor {
    type Value = OtlpListen;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an address to listen on, such as 127.0.0.1:4317, or off")
    }

    fn visit_bool<E: Error>(self, on: bool) -> Result<OtlpListen, E> {
        Ok(if on { OtlpListen::Standard } else { OtlpListen::Off })
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<OtlpListen, E> {
        if text == "off" {
            return Ok(OtlpListen::Off);
        }
        let address = parse_address(text).map_err(|error: E| E::custom(format!("{error}; or off")))?;
        Ok(OtlpListen::At(address))
    }

    fn visit_none<E: Error>(self) -> Result<OtlpListen, E> {
        Ok(OtlpListen::Standard)
    }

    fn visit_unit<E: Error>(self) -> Result<OtlpListen, E> {
        Ok(OtlpListen::Standard)
    }
}
