//! Databases in MaxMind's form, made here, byte by byte, and what is read of them.

use model::Labels;

use super::*;

/// A value of the data section.
enum Value<'v> {
    Text(&'v str),
    Double(f64),
    Short(u16),
    Number(u32),
    Long(u64),
    Map(Vec<(&'v str, Value<'v>)>),
    List(Vec<Value<'v>>),
}

/// Sizes of 29 and more take a byte of their own.
fn write(value: &Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Text(text) => {
            match text.len() as u8 {
                short @ 0..29 => out.push(0x40 | short),
                long => out.extend([0x40 | 0x1d, long - 29]),
            }
            out.extend_from_slice(text.as_bytes());
        }
        Value::Double(number) => {
            out.push(3 << 5 | 8);
            out.extend(number.to_be_bytes());
        }
        Value::Number(number) => {
            out.push(6 << 5 | 4);
            out.extend(number.to_be_bytes());
        }
        Value::Short(number) => {
            out.push(5 << 5 | 2);
            out.extend(number.to_be_bytes());
        }
        Value::Long(number) => {
            // An extended type: 9 - 7.
            out.extend([8, 2]);
            out.extend(number.to_be_bytes());
        }
        Value::Map(pairs) => {
            out.push(7 << 5 | pairs.len() as u8);
            for (name, value) in pairs {
                write(&Value::Text(name), out);
                write(value, out);
            }
        }
        Value::List(values) => {
            // An extended type: 11 - 7.
            out.extend([values.len() as u8, 4]);
            for value in values {
                write(value, out);
            }
        }
    }
}

/// A database in which `1.0.0.0/8` has a record, and no other address has one.
fn database(kind: &str, record: &Value<'_>) -> Vec<u8> {
    const NODES: u32 = 8;
    let mut out = Vec::new();
    for node in 0..NODES {
        // The first octet is 00000001: seven times to the left, then to the right.
        let found = NODES + 16;
        let next = if node + 1 < NODES { node + 1 } else { found };
        let (left, right) = if node + 1 < NODES {
            (next, NODES)
        } else {
            (NODES, found)
        };
        for side in [left, right] {
            out.extend_from_slice(&side.to_be_bytes()[1..]);
        }
    }
    out.extend([0; 16]);
    write(record, &mut out);
    out.extend_from_slice(b"\xab\xcd\xefMaxMind.com");
    let metadata = Value::Map(vec![
        ("binary_format_major_version", Value::Short(2)),
        ("binary_format_minor_version", Value::Short(0)),
        ("build_epoch", Value::Long(1)),
        ("database_type", Value::Text(kind)),
        ("description", Value::Map(vec![])),
        ("ip_version", Value::Short(4)),
        ("languages", Value::List(vec![])),
        ("node_count", Value::Number(NODES)),
        ("record_size", Value::Short(24)),
    ]);
    write(&metadata, &mut out);
    out
}

/// What a stage with the database finds for an address.
fn found(database: &[u8], address: &str) -> (Flow, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("places.mmdb");
    std::fs::write(&path, database).unwrap();
    let config = GeoConfig {
        source: "ip".to_owned(),
        database: path.to_string_lossy().into_owned(),
        prefix: prefix(),
    };
    let geo = Geo::open(&config).unwrap();
    let stream = Labels::empty();
    let mut entry = Entry::new(&stream, 0, "", [("ip", address)]);
    let flow = geo.apply(&mut entry, 0);
    let pairs = entry.metadata.iter().skip(1);
    (
        flow,
        pairs.map(|(name, value)| format!("{name}={value}")).collect(),
    )
}

fn names(english: &'static str) -> (&'static str, Value<'static>) {
    ("names", Value::Map(vec![("en", Value::Text(english))]))
}

#[test]
fn places_are_found() {
    let place = Value::Map(vec![
        ("city", Value::Map(vec![names("Bonn")])),
        ("continent", Value::Map(vec![("code", Value::Text("EU"))])),
        (
            "country",
            Value::Map(vec![("iso_code", Value::Text("DE")), names("Germany")]),
        ),
        (
            "location",
            Value::Map(vec![
                ("latitude", Value::Double(50.5)),
                ("time_zone", Value::Text("Europe/Berlin")),
            ]),
        ),
        (
            "subdivisions",
            Value::List(vec![Value::Map(vec![("iso_code", Value::Text("NW"))])]),
        ),
    ]);
    let database = database("Test-City", &place);
    let expected = [
        "geoip_continent_code=EU",
        "geoip_country_code=DE",
        "geoip_country_name=Germany",
        "geoip_subdivision_code=NW",
        "geoip_city_name=Bonn",
        "geoip_timezone=Europe/Berlin",
        "geoip_latitude=50.5",
    ];
    let (flow, pairs) = found(&database, "1.2.3.4");
    assert_eq!((flow, pairs), (Flow::On, expected.map(str::to_owned).to_vec()));
    assert_eq!(found(&database, "2.2.3.4").0, Flow::Missed("unknown address"));
    assert_eq!(found(&database, "somewhere").0, Flow::Missed("no address"));
    // An address of the newer kind has no place in a database of the older.
    assert!(matches!(found(&database, "[2001:db8::1]").0, Flow::Missed(_)));
}

#[test]
fn networks_are_found() {
    let network = Value::Map(vec![
        ("autonomous_system_number", Value::Number(64_500)),
        ("autonomous_system_organization", Value::Text("Example")),
    ]);
    let database = database("Test-ASN", &network);
    let expected = ["geoip_asn=64500", "geoip_as_organization=Example"];
    assert_eq!(found(&database, "1.2.3.4").1, expected);
}

#[test]
fn broken_databases_are_refused_or_known_to_be_broken() {
    let place = Value::Map(vec![("country", Value::Map(vec![names("Germany")]))]);
    let whole = database("Test-City", &place);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("broken.mmdb");
    for length in 0..whole.len() {
        std::fs::write(&path, &whole[..length]).unwrap();
        let config = GeoConfig {
            source: "ip".to_owned(),
            database: path.to_string_lossy().into_owned(),
            prefix: prefix(),
        };
        if let Ok(geo) = Geo::open(&config) {
            let stream = Labels::empty();
            geo.apply(&mut Entry::new(&stream, 0, "", [("ip", "1.2.3.4")]), 0);
        }
    }
}
