//! `geo`: where an address is, or whose network it is in, from a database in MaxMind's form that the user brings.

use std::net::IpAddr;
use std::path::Path;

use maxminddb::{Reader, geoip2};
use serde::Deserialize;

use super::{Entry, Flow, Stage};
use crate::limits::PIPELINE_GEO_BYTES_MAX;

/// The keys of `geo`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GeoConfig {
    /// The name of what holds the address.
    pub source: String,
    /// The database: a file with places (City, Country) or networks (ASN).
    pub database: String,
    /// What stands in front of the names of the metadata.
    #[serde(default = "prefix")]
    pub prefix: String,
}

fn prefix() -> String {
    "geoip_".to_owned()
}

#[derive(Debug)]
pub(super) struct Geo {
    config: GeoConfig,
    database: Reader<Vec<u8>>,
    has_networks: bool,
}

impl Geo {
    pub(super) fn open(config: &GeoConfig) -> Result<Self, String> {
        let path = Path::new(&config.database);
        let size = std::fs::metadata(path).map_err(|error| {
            format!(
                "geo.database: cannot read {}: {error}; correct the path, or leave the stage out",
                path.display()
            )
        })?;
        if size.len() > PIPELINE_GEO_BYTES_MAX {
            return Err(format!(
                "geo.database: {} has {} bytes, at most {PIPELINE_GEO_BYTES_MAX} are read",
                path.display(),
                size.len()
            ));
        }
        let database = Reader::open_readfile(path).map_err(|error| {
            format!(
                "geo.database: {} is no database in MaxMind's form: {error}",
                path.display()
            )
        })?;
        let has_networks = database.metadata().database_type.contains("ASN");
        Ok(Self {
            config: config.clone(),
            database,
            has_networks,
        })
    }

    /// What is known of an address; `None` where the database is broken there.
    fn known(&self, address: IpAddr) -> Option<Vec<(&'static str, String)>> {
        let found = self.database.lookup(address).ok()?;
        if self.has_networks {
            let network = found.decode::<geoip2::Asn<'_>>().ok()?;
            return Some(network.map(|network| of_network(&network)).unwrap_or_default());
        }
        let place = found.decode::<geoip2::City<'_>>().ok()?.unwrap_or_default();
        Some(of_place(&place))
    }
}

fn of_network(network: &geoip2::Asn<'_>) -> Vec<(&'static str, String)> {
    let number = network
        .autonomous_system_number
        .map(|number| ("asn", number.to_string()));
    let owner = network
        .autonomous_system_organization
        .map(|owner| ("as_organization", owner.to_owned()));
    number.into_iter().chain(owner).collect()
}

fn of_place(place: &geoip2::City<'_>) -> Vec<(&'static str, String)> {
    let subdivision = place.subdivisions.first();
    let texts = [
        ("continent_code", place.continent.code),
        ("country_code", place.country.iso_code),
        ("country_name", place.country.names.english),
        ("subdivision_code", subdivision.and_then(|part| part.iso_code)),
        (
            "subdivision_name",
            subdivision.and_then(|part| part.names.english),
        ),
        ("city_name", place.city.names.english),
        ("postal_code", place.postal.code),
        ("timezone", place.location.time_zone),
    ];
    let numbers = [
        ("latitude", place.location.latitude),
        ("longitude", place.location.longitude),
    ];
    let texts = texts
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?.to_owned())));
    let numbers = numbers
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?.to_string())));
    texts.chain(numbers).collect()
}

impl Stage for Geo {
    fn apply(&self, entry: &mut Entry<'_>, _now_ns: i64) -> Flow {
        let Some(text) = entry.value(&self.config.source) else {
            return Flow::Missed("no source");
        };
        let text = text.trim().trim_start_matches('[').trim_end_matches(']');
        let Ok(address) = text.parse::<IpAddr>() else {
            return Flow::Missed("no address");
        };
        let Some(known) = self.known(address) else {
            return Flow::Missed("bad database");
        };
        if known.is_empty() {
            return Flow::Missed("unknown address");
        }
        for (name, value) in known {
            entry.set_metadata(&format!("{}{name}", self.config.prefix), value);
        }
        Flow::On
    }
}

#[cfg(test)]
mod tests;
