//! Sections whose keys stand beside keys that they share with other sections: written once, read flat, kept as parts.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// What a section says against itself. It is asked while the section is read, so that the fault carries its line.
pub(super) trait Checked {
    /// One text per fault: the key, what is wrong, the mend.
    fn faults(&self) -> Vec<String>;
}

/// Gives the section back where it has no fault.
pub(super) fn checked<T: Checked, E: serde::de::Error>(section: T) -> Result<T, E> {
    let faults = section.faults();
    if faults.is_empty() {
        Ok(section)
    } else {
        Err(E::custom(faults.join("; ")))
    }
}

/// Reads a list in which an entry with nothing behind its dash is refused, as Prometheus does, instead of being taken
/// for an entry without keys.
pub fn sections<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let entries = Option::<Vec<Option<T>>>::deserialize(deserializer)?.unwrap_or_default();
    let whole: Option<Vec<T>> = entries.into_iter().collect();
    whole
        .ok_or_else(|| D::Error::custom("the list has an empty or null entry; fill it in or remove its dash"))
}

/// Declares a section that refuses unknown keys and checks itself. The keys of each `flattened` part are written among
/// the section's own and end up in a field of their own (serde's `flatten` cannot refuse unknown keys).
macro_rules! section {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $( $(#[doc = $doc:literal])* $(#[serde($($serde:tt)*)])? pub $field:ident: $type:ty, )*
        }
        $( flattened $part:ident: $part_type:ident { $($key:ident: $key_type:ty,)* } )*
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name {
            $( $(#[doc = $doc])* pub $field: $type, )*
            $( /// The keys that it shares with other sections.
               pub $part: $part_type, )*
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                #[derive(Default, serde::Deserialize)]
                #[serde(deny_unknown_fields, default)]
                struct Written {
                    $( $(#[serde($($serde)*)])? $field: $type, )*
                    $( $( $key: $key_type, )* )*
                }
                let written = Written::deserialize(deserializer)?;
                $crate::config::section::checked(Self {
                    $( $field: written.$field, )*
                    $( $part: $part_type { $( $key: written.$key, )* }, )*
                })
            }
        }
    };
}

/// A section with the keys of an HTTP client, which end up in its field `http`.
macro_rules! http_section {
    ($($section:tt)*) => {
        $crate::config::section::section! {
            $($section)*
            flattened http: HttpConfig {
                basic_auth: Option<$crate::config::BasicAuth>,
                authorization: Option<$crate::config::Authorization>,
                bearer_token: Option<$crate::config::Secret>,
                bearer_token_file: Option<String>,
                oauth2: Option<$crate::config::OAuth2>,
                tls_config: $crate::config::TlsConfig,
                follow_redirects: Option<bool>,
                enable_http2: Option<bool>,
                http_headers: std::collections::BTreeMap<String, $crate::config::HttpHeader>,
                proxy_url: Option<String>,
                no_proxy: Option<String>,
                proxy_from_environment: bool,
                proxy_connect_header: std::collections::BTreeMap<String, Vec<$crate::config::Secret>>,
            }
        }
    };
}

pub(super) use {http_section, section};
