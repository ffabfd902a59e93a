//! What is found, and what is left alone.

use model::Labels;

use super::*;

fn redact(detectors: &[&str]) -> Redact {
    let config = RedactConfig {
        detectors: detectors.iter().map(|name| (*name).to_owned()).collect(),
        ..RedactConfig::default()
    };
    Redact::new(&config, &PipelineTelemetry::default()).unwrap()
}

/// Texts with a secret between `«` and `»`, one for each kind at least. They are put together here so that no scanner of repositories
/// takes them for real ones.
fn samples() -> Vec<(&'static str, String)> {
    let mut all = samples_of_clouds();
    all.extend(samples_of_services());
    all
}

fn samples_of_clouds() -> Vec<(&'static str, String)> {
    let (upper, alnum) = ("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", "a1B2c3D4e5F6g7H8i9J0");
    let long = alnum.repeat(5);
    vec![
        (
            "private_key",
            "«-----BEGIN RSA PRIVATE KEY-----\\nMIIE\\n-----END RSA PRIVATE KEY-----» end".to_owned(),
        ),
        (
            "private_key",
            "key «-----BEGIN OPENSSH PRIVATE KEY-----»."
                .to_owned()
                .replace("».", " b3Bl»"),
        ),
        ("aws_access_key", format!("id=«AKIA{}» x", &upper[..16])),
        ("gcp_api_key", format!("?key=«AIza{}»", &long[..35])),
        ("gcp_oauth_token", format!("got «ya29.{}»", &long[..40])),
        (
            "azure_storage_key",
            format!("AccountName=a;AccountKey=«{}==»;", &long[..86]),
        ),
        (
            "azure_sas",
            format!(
                "https://a.blob.core.windows.net/c?sv=1&sig=«{}%3D»&se=2",
                &long[..43]
            ),
        ),
        ("azure_client_secret", format!("id «abc8Q~{}»", &long[..34])),
        ("github_token", format!("clone «ghp_{}»,", &long[..36])),
        ("github_token", format!("«github_pat_{}»", &long[..82])),
        ("gitlab_token", format!("«glpat-{}»", &alnum[..20])),
        ("slack_token", "«xoxb-1234567890-abcdefghij»".to_owned()),
        (
            "slack_webhook",
            "https://hooks.slack.com/services/«T00000000/B00000000/abcdefghijklmnop»".to_owned(),
        ),
    ]
}

fn samples_of_services() -> Vec<(&'static str, String)> {
    let (alnum, hex) = ("a1B2c3D4e5F6g7H8i9J0", "0123456789abcdef");
    let long = alnum.repeat(5);
    vec![
        ("stripe_key", format!("«sk_live_{}»", &long[..24])),
        ("stripe_key", format!("«whsec_{}»", &long[..32])),
        ("openai_key", format!("«sk-proj-{alnum}T3BlbkFJ{alnum}»")),
        ("anthropic_key", format!("«sk-ant-api03-{}»", &long[..40])),
        ("npm_token", format!("«npm_{}»", &long[..36])),
        ("pypi_token", format!("«pypi-{}»", &long[..60])),
        ("sendgrid_key", format!("«SG.{}.{}»", &long[..22], &long[..43])),
        ("digitalocean_token", format!("«dop_v1_{}»", hex.repeat(4))),
        ("shopify_token", format!("«shpat_{}»", hex.repeat(2))),
        ("vault_token", format!("«hvs.{}»", &long[..24])),
        ("huggingface_token", format!("«hf_{}»", &long[..34])),
        (
            "jwt",
            "cookie «eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc_DEF-1»;".to_owned(),
        ),
        ("bearer_token", "Authorization: Bearer «abc123def456»".to_owned()),
        ("basic_auth", "authorization: basic «dXNlcjpwYXNz»".to_owned()),
        (
            "url_password",
            "dial postgres://app:«hunter2!»@db:5432/shop".to_owned(),
        ),
        ("key_value", "DB_PASSWORD=«hunter2!» rest".to_owned()),
        (
            "key_value",
            r#"{"user":"a","clientSecret": "«s3cr\/et w»","b":1}"#.to_owned(),
        ),
        ("key_value", r#"msg="{\"password\":\"«hunter2»\"}""#.to_owned()),
        (
            "key_value",
            "https://x/y?a=b&access_token=«abcdef12»&c=d".to_owned(),
        ),
        ("key_value", "password: '«with blank»' ok".to_owned()),
        ("card_number", "paid with «4111 1111 1111 1111» today".to_owned()),
        ("card_number", "pan=«5500-0000-0000-0004»".to_owned()),
        ("card_number", "«378282246310005»".to_owned()),
        ("iban", "to «DE89 3704 0044 0532 0130 00» EUR 5".to_owned()),
        ("iban", "iban=«GB82WEST12345698765432».".to_owned()),
        ("email", "mail from «a.b+c@mail.example.org», ok".to_owned()),
    ]
}

#[test]
fn every_detector_finds_its_kind() {
    let redact = redact(&["secrets", "personal"]);
    let samples = samples();
    for detector in all() {
        assert!(
            samples.iter().any(|(kind, _)| *kind == detector.name),
            "{}",
            detector.name
        );
    }
    for (kind, sample) in samples {
        let text = sample.replace(['«', '»'], "");
        let (before, rest) = sample.split_once('«').unwrap();
        let (_, after) = rest.split_once('»').unwrap();
        let expected = format!("{before}[REDACTED:{kind}]{after}");
        assert_eq!(
            redact.redacted("", &text, true).as_deref(),
            Some(expected.as_str()),
            "{text}"
        );
        // Whatever stands around it, the kind is counted once, and nothing is found again in what took its place.
        assert_eq!(redact.redacted("", &expected, true), None, "{expected}");
    }
    let count = |kind: &str| {
        let kind = KindLabels {
            kind: kind.to_owned(),
        };
        redact.telemetry.redacted.get_or_create(&kind).get()
    };
    assert_eq!(
        (
            count("private_key"),
            count("key_value"),
            count("iban"),
            count("jwt")
        ),
        (2, 5, 2, 1)
    );
}

#[test]
fn what_is_no_secret_stays() {
    let redact = redact(&["secrets", "personal"]);
    for text in [
        "",
        "the token is missing, token=null password= secret=***",
        r#"{"password":"","token":null,"secret":"[REDACTED:key_value]","max_tokens":100}"#,
        "unexpected token: x; broken pipe; basic research; bearer of bad news",
        "GET https://example.org:8080/a?b=c HTTP/1.1",
        "order 4111111111111112 and 1234567890123456 at 2026-01-01 00:00:00 12345",
        "DE89 3704 0044 0532 0130 01, AB12 AND MORE CAPITAL LETTERS IN A ROW",
        "trace 4bf92f3577b34da6a3ce929d0e0e4736 took 1700000000000000000 ns",
        "user@host, @deprecated, a@b",
        "password=${DB_PASSWORD} token=<none>",
        "-----BEGIN CERTIFICATE----- MIIE",
        "authorization: Basic realm",
        "env PWD=/root/x token=/run/secrets/token",
    ] {
        assert_eq!(redact.redacted("", text, true), None, "{text}");
    }
}

#[test]
fn several_in_one_line_are_all_replaced() {
    let redact = redact(&["secrets", "email"]);
    let text = "password=hunter2 user=a@example.org token=hunter33 é password=hunter4";
    let expected = "password=[REDACTED:key_value] user=[REDACTED:email] token=[REDACTED:key_value] é password=[REDACTED:key_value]";
    assert_eq!(redact.redacted("", text, true).unwrap(), expected);
}

#[test]
fn a_value_of_look_alikes_is_hidden_rather_than_looked_at_without_end() {
    let redact = redact(&["secrets"]);
    let few = "pwd=/".repeat(40);
    assert_eq!(redact.redacted("", &few, true), None);
    let nested = format!("{few}pwd=hunter22");
    let expected = format!("{few}pwd=[REDACTED:key_value]");
    assert_eq!(redact.redacted("", &nested, true).unwrap(), expected);
    let many = format!("{} user=ann", "pwd=/".repeat(50_000));
    let expected = format!("{}pwd=[REDACTED:key_value] user=ann", "pwd=/".repeat(64));
    assert_eq!(redact.redacted("", &many, true).unwrap(), expected);
}

#[test]
fn hashes_are_keyed_and_equal_for_equal_texts() {
    let with_key = |key: &str| {
        let config = RedactConfig {
            detectors: vec!["email".to_owned()],
            replace: Replace::Hash,
            hash_key: Some(Secret::new(key)),
            ..RedactConfig::default()
        };
        Redact::new(&config, &PipelineTelemetry::default())
    };
    let one = with_key("0123456789abcdef").unwrap();
    let text = "a@example.org b@example.org a@example.org";
    let hashed = one.redacted("", text, true).unwrap();
    let parts: Vec<&str> = hashed.split(' ').collect();
    // RFC 2104 with SHA-256, as `openssl dgst -sha256 -hmac 0123456789abcdef` has it.
    assert_eq!(parts[0], "[HASH:email:5bf55eae377ba210]");
    assert_eq!(parts[0], parts[2]);
    assert_ne!(parts[0], parts[1]);
    let other = with_key("another key of some length").unwrap();
    assert_ne!(other.redacted("", text, true).unwrap(), hashed);
    assert!(with_key("short").unwrap_err().contains("16 characters"));
}

#[test]
fn values_of_pairs_with_secret_names_go_whole() {
    let stream = Labels::from_pairs([("app", "a"), ("api_token", "abc/def ghi")]);
    let mut entry = Entry::new(&stream, 0, "x", [("db_password", "with blanks"), ("user", "ann")]);
    redact(&["secrets"]).apply(&mut entry, 0);
    assert_eq!(entry.metadata("db_password"), Some("[REDACTED:key_value]"));
    assert_eq!(entry.metadata("user"), Some("ann"));
    assert_eq!(entry.label("api_token"), Some("[REDACTED:key_value]"));
    assert_eq!(entry.line, "x");
}

#[test]
fn faults_are_told() {
    let read = |text: &str| {
        let config: RedactConfig = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
        config.fault().map_or(Ok(()), Err)
    };
    assert_eq!(read("{}"), Ok(()));
    assert!(
        read("detectors: [jwtt]")
            .unwrap_err()
            .contains("no detector \"jwtt\"")
    );
    assert!(
        read("patterns: [{name: a, expression: 'x*'}]")
            .unwrap_err()
            .contains("nothing at all")
    );
    assert!(
        read("patterns: [{name: a, expression: '('}]")
            .unwrap_err()
            .contains("no regular expression")
    );
    assert!(read("replace: hash").unwrap_err().contains("hash_key"));
}

proptest::proptest! {
    #[test]
    fn the_prefilter_misses_nothing(
        before in "[ -~]{0,20}|\\PC{0,10}",
        place in 0_usize..39,
        after in "[ -~]{0,20}|\\PC{0,10}",
    ) {
        let redact = redact(&["secrets", "personal"]);
        let samples = samples();
        let (_, sample) = &samples[place % samples.len()];
        let text = format!("{before}{}{after}", sample.replace(['«', '»'], ""));
        let found = redact.scan.find("", &text);
        proptest::prop_assert!(found.is_empty() || redact.scan.may_find(&text));
        for pair in found.windows(2) {
            proptest::prop_assert!(pair[0].end <= pair[1].start);
        }
        redact.redacted("", &text, true);
    }

    #[test]
    fn cards_with_one_wrong_digit_are_none(digits in "4[0-9]{14}") {
        let right: Vec<usize> = (0..10)
            .filter(|check| checks::card(&format!("{digits}{check}")).is_some())
            .collect();
        proptest::prop_assert_eq!(right.len(), 1);
    }
}
