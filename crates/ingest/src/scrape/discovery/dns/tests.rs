//! Names asked of a DNS server that speaks the wire format (RFC 1035) on a port of its own.

use std::net::SocketAddr;
use std::sync::OnceLock;

use hickory_resolver::config::NameServerConfig;
use tokio::net::UdpSocket;

use super::*;
use crate::scrape::discovery::News;

const A: u16 = 1;
const NS: u16 = 2;
const CNAME: u16 = 5;
const MX: u16 = 15;
const AAAA: u16 = 28;
const SRV: u16 = 33;

static SERVER: OnceLock<SocketAddr> = OnceLock::new();

/// A name as labels with their lengths.
fn wire(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes
}

/// The name and type asked for, and where the question ends.
fn question(query: &[u8]) -> (String, u16, usize) {
    let mut place = 12;
    let mut name = String::new();
    while query[place] != 0 {
        let length = usize::from(query[place]);
        name.push_str(std::str::from_utf8(&query[place + 1..=place + length]).unwrap());
        name.push('.');
        place += length + 1;
    }
    let kind = u16::from_be_bytes([query[place + 1], query[place + 2]]);
    (name.to_lowercase(), kind, place + 5)
}

/// What the server knows: the code of the answer, and records of a type with their data.
fn records(name: &str, kind: u16) -> (u8, Vec<(u16, Vec<u8>)>) {
    let srv = |port: u16, host: &str| {
        let mut data = vec![0, 10, 0, 5];
        data.extend(port.to_be_bytes());
        data.extend(wire(host));
        (SRV, data)
    };
    match (name, kind) {
        ("_http._tcp.shop.test.", SRV) => (0, vec![srv(9100, "one.shop.test."), srv(9200, "two.shop.test.")]),
        ("hosts.test.", A) => (0, vec![(A, vec![192, 0, 2, 1]), (A, vec![192, 0, 2, 2])]),
        ("alias.test.", A) => {
            // The alias and what it stands for come in one answer.
            (0, vec![(CNAME, wire("alias.test.")), (A, vec![192, 0, 2, 3])])
        }
        ("hosts.test.", AAAA) => {
            let mut address = vec![0x20, 0x01, 0x0d, 0xb8];
            address.extend([0; 11]);
            address.push(7);
            (0, vec![(AAAA, address)])
        }
        ("mail.test.", MX) => {
            let mut data = vec![0, 10];
            data.extend(wire("mx1.mail.test."));
            (0, vec![(MX, data)])
        }
        ("zone.test.", NS) => (0, vec![(NS, wire("ns1.zone.test."))]),
        ("broken.test.", _) => (2, Vec::new()),
        ("empty.test.", _) => (0, Vec::new()),
        _ => (3, Vec::new()),
    }
}

fn answer(query: &[u8]) -> Vec<u8> {
    let (name, kind, end) = question(query);
    let (code, records) = records(&name, kind);
    let mut bytes = query[..2].to_vec();
    bytes.extend([0x81, 0x80 | code, 0, 1]);
    bytes.extend(u16::try_from(records.len()).unwrap().to_be_bytes());
    bytes.extend([0; 4]);
    bytes.extend(&query[12..end]);
    for (kind, data) in records {
        bytes.extend([0xc0, 12]);
        bytes.extend(kind.to_be_bytes());
        bytes.extend([0, 1, 0, 0, 0, 60]);
        bytes.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        bytes.extend(data);
    }
    bytes
}

/// Starts the server, on a thread of its own that all tests share.
fn server() -> SocketAddr {
    *SERVER.get_or_init(|| {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let address = socket.local_addr().unwrap();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async move {
                let socket = UdpSocket::from_std(socket).unwrap();
                let mut buffer = [0; 4096];
                while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                    socket.send_to(&answer(&buffer[..length]), from).await.unwrap();
                }
            });
        });
        address
    })
}

#[expect(clippy::unnecessary_wraps, reason = "the machine's own can fail")]
fn servers() -> Result<(ResolverConfig, ResolverOpts), NetError> {
    let mut server_config = NameServerConfig::udp(server().ip());
    for connection in &mut server_config.connections {
        connection.port = server().port();
    }
    let mut options = ResolverOpts::default();
    options.attempts = 0;
    Ok((
        ResolverConfig::from_parts(None, Vec::new(), vec![server_config]),
        options,
    ))
}

async fn ask(yaml: &str) -> (Result<BTreeMap<String, Group>, IngestError>, Findings) {
    let source = DnsSource {
        config: serde_saphyr::from_str(yaml).unwrap(),
        servers,
    };
    let findings = Findings::new("job", "dns", News::default());
    (source.ask(&findings).await, findings)
}

/// Every label of every target, sorted.
async fn check(yaml: &str, expected: &[&str]) {
    let groups = ask(yaml).await.0.unwrap();
    let mut got: Vec<String> = groups
        .values()
        .flat_map(|group| {
            group.targets.iter().map(|target| {
                let labels = group.labels.iter().chain(target);
                labels
                    .map(|(name, value)| format!("{}={value}", name.trim_start_matches("__")))
                    .collect::<Vec<_>>()
                    .join(" ")
            })
        })
        .collect();
    got.sort();
    assert_eq!(got, expected, "{yaml}");
}

#[tokio::test]
async fn every_kind_of_record_names_targets() {
    check(
        "{names: [_http._tcp.shop.test]}",
        &[
            "meta_dns_name=_http._tcp.shop.test address__=one.shop.test:9100 meta_dns_srv_record_port=9100 \
             meta_dns_srv_record_target=one.shop.test.",
            "meta_dns_name=_http._tcp.shop.test address__=two.shop.test:9200 meta_dns_srv_record_port=9200 \
             meta_dns_srv_record_target=two.shop.test.",
        ],
    )
    .await;
    check(
        "{names: [hosts.test, alias.test], type: A, port: 80}",
        &[
            "meta_dns_name=alias.test address__=192.0.2.3:80",
            "meta_dns_name=hosts.test address__=192.0.2.1:80",
            "meta_dns_name=hosts.test address__=192.0.2.2:80",
        ],
    )
    .await;
    check(
        "{names: [hosts.test], type: aaaa, port: 80}",
        &["meta_dns_name=hosts.test address__=[2001:db8::7]:80"],
    )
    .await;
    check(
        "{names: [mail.test], type: MX, port: 25}",
        &["meta_dns_name=mail.test address__=mx1.mail.test:25 meta_dns_mx_record_target=mx1.mail.test."],
    )
    .await;
    check(
        "{names: [zone.test], type: NS, port: 53}",
        &["meta_dns_name=zone.test address__=ns1.zone.test:53 meta_dns_ns_record_target=ns1.zone.test."],
    )
    .await;
}

#[tokio::test]
async fn names_without_records_have_no_targets_and_servers_that_fail_leave_it_open() {
    check("{names: [nowhere.test, empty.test], type: A, port: 80}", &[]).await;
    let (result, findings) = ask("{names: [broken.test, hosts.test], type: A, port: 80}").await;
    let error = result.unwrap_err().to_string();
    assert!(error.contains("broken.test"), "{error}");
    let found: usize = findings.groups().iter().map(|group| group.targets.len()).sum();
    assert_eq!(found, 2, "the name that answers is taken in");
}
