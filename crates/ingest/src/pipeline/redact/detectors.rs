//! What is looked for: one line for each kind of secret, in the order in which they go before each other.

use super::checks;

/// What a detector is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// What lets somebody in. Looked for unless told otherwise.
    Secrets,
    /// What says something about a person. Looked for where the configuration says so.
    Personal,
}

/// What must stand in a text for a detector to be asked at all.
#[derive(Debug, Clone, Copy)]
pub(super) enum When {
    /// One of these texts.
    Has(&'static [&'static str]),
    /// An `@`.
    At,
    /// A `~`.
    Tilde,
    /// Digits in a row, with blanks or dashes between them, as many as a card has.
    DigitRun,
    /// Capital letters, digits and blanks in a row, as many as an account number has.
    CapitalRun,
}

/// A kind of secret.
#[derive(Debug, Clone, Copy)]
pub struct Detector {
    /// The kind, as it stands in replacements, counters and the configuration.
    pub name: &'static str,
    /// What it is about.
    pub group: Group,
    pub(super) when: When,
    /// Where there are named captures, the first that takes part is what is replaced.
    pub(super) expression: &'static str,
    /// How many bytes of what was found are a secret; none where it only looks like one.
    pub(super) check: fn(&str) -> Option<usize>,
}

impl Detector {
    /// Whether a name of the configuration means this one.
    pub fn is_called(&self, name: &str) -> bool {
        name == self.name
            || match self.group {
                Group::Secrets => name == "secrets",
                Group::Personal => name == "personal",
            }
    }
}

const fn secret(name: &'static str, has: &'static [&'static str], expression: &'static str) -> Detector {
    Detector {
        name,
        group: Group::Secrets,
        when: When::Has(has),
        expression,
        check: checks::always,
    }
}

const fn checked(detector: Detector, check: fn(&str) -> Option<usize>) -> Detector {
    Detector { check, ..detector }
}

const fn personal(
    name: &'static str,
    when: When,
    expression: &'static str,
    check: fn(&str) -> Option<usize>,
) -> Detector {
    Detector {
        name,
        group: Group::Personal,
        when,
        expression,
        check,
    }
}

/// Keys whose values are secrets, whatever stands in front of them: `DB_PASSWORD`, `clientSecret`.
pub(super) const SECRET_KEYS: &[&str] = &[
    "password",
    "Password",
    "PASSWORD",
    "passwd",
    "PASSWD",
    "passphrase",
    "Passphrase",
    "pwd",
    "PWD",
    "secret",
    "Secret",
    "SECRET",
    "token",
    "Token",
    "TOKEN",
    "api_key",
    "apikey",
    "apiKey",
    "ApiKey",
    "API_KEY",
    "APIKEY",
    "api-key",
    "Api-Key",
    "access_key",
    "accessKey",
    "AccessKey",
    "ACCESS_KEY",
    "private_key",
    "privateKey",
    "PRIVATE_KEY",
    "redential",
];

/// All detectors. Where two find the same, the first one counts.
pub fn all() -> &'static [Detector] {
    &DETECTORS
}

static DETECTORS: [Detector; 29] = [
    secret(
        "private_key",
        &["PRIVATE KEY"],
        r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----(?s:.*?)(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\z)",
    ),
    secret(
        "aws_access_key",
        &["AKIA", "ASIA", "ABIA", "ACCA"],
        r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b",
    ),
    secret("gcp_api_key", &["AIza"], r"\bAIza[0-9A-Za-z_-]{35}"),
    secret("gcp_oauth_token", &["ya29."], r"\bya29\.[0-9A-Za-z_-]{20,}"),
    secret(
        "azure_storage_key",
        &["AccountKey="],
        r"AccountKey=(?P<s>[A-Za-z0-9+/]{86}==)",
    ),
    secret(
        "azure_sas",
        &["sig="],
        r"[?&]sig=(?P<s>[A-Za-z0-9%/+]{40,}(?:%3[Dd]|=))",
    ),
    Detector {
        name: "azure_client_secret",
        group: Group::Secrets,
        when: When::Tilde,
        expression: r"\b[A-Za-z0-9_~.]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34}",
        check: checks::always,
    },
    secret(
        "github_token",
        &["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"],
        r"\b(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{60,255})\b",
    ),
    secret(
        "gitlab_token",
        &["glpat-", "gldt-", "glrt-"],
        r"\bgl(?:pat|dt|rt)-[A-Za-z0-9_-]{20,}",
    ),
    secret(
        "slack_token",
        &["xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xapp-"],
        r"\b(?:xox[abprs]|xapp)-[A-Za-z0-9-]{10,}",
    ),
    secret(
        "slack_webhook",
        &["hooks.slack.com"],
        r"hooks\.slack\.com/(?:services|workflows)/(?P<s>[A-Za-z0-9+/_-]{20,})",
    ),
    secret(
        "stripe_key",
        &["_live_", "_test_", "whsec_"],
        r"\b(?:(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,}|whsec_[A-Za-z0-9+/=]{24,})",
    ),
    secret(
        "openai_key",
        &["T3BlbkFJ"],
        r"\bsk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{20,}T3BlbkFJ[A-Za-z0-9_-]{20,}",
    ),
    secret("anthropic_key", &["sk-ant-"], r"\bsk-ant-[A-Za-z0-9_-]{20,}"),
    secret("npm_token", &["npm_"], r"\bnpm_[A-Za-z0-9]{36}\b"),
    secret("pypi_token", &["pypi-"], r"\bpypi-[A-Za-z0-9_-]{50,}"),
    secret(
        "sendgrid_key",
        &["SG."],
        r"\bSG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{32,64}",
    ),
    secret(
        "digitalocean_token",
        &["dop_v1_", "doo_v1_", "dor_v1_"],
        r"\bdo[por]_v1_[a-f0-9]{64}\b",
    ),
    secret(
        "shopify_token",
        &["shpat_", "shpca_", "shppa_", "shpss_"],
        r"\bshp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}\b",
    ),
    secret("vault_token", &["hvs.", "hvb."], r"\bhv[sb]\.[A-Za-z0-9_-]{24,}"),
    secret("huggingface_token", &["hf_"], r"\bhf_[A-Za-z0-9]{34,}\b"),
    secret(
        "jwt",
        &["eyJ"],
        r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",
    ),
    checked(
        secret(
            "bearer_token",
            &["earer ", "EARER "],
            r"(?i)\bbearer\s+(?P<s>[A-Za-z0-9._~+/=-]{8,})",
        ),
        checks::token,
    ),
    checked(
        secret(
            "basic_auth",
            &["asic ", "ASIC "],
            r"(?i)\bbasic\s+(?P<s>[A-Za-z0-9+/]{4,}={0,2})",
        ),
        checks::basic,
    ),
    Detector {
        name: "url_password",
        group: Group::Secrets,
        when: When::At,
        expression: r#"(?i)\b[a-z][a-z0-9+.-]{0,31}://[^\s:/@"'<>]*:(?P<s>[^\s/@"'<>]+)@"#,
        check: checks::value,
    },
    checked(
        secret(
            "key_value",
            SECRET_KEYS,
            r#"(?xi)
            (?:password|passwd|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?)
            (?:
                (?: \\?["'] )? \s* (?: : | => | = ) \s*
                (?: \\?" (?P<quoted> [^"\\]* (?: \\[^"] [^"\\]* )* ) | '(?P<single>[^']*)' )
              | = (?P<plain> [^\s"'&;,)}\]\\]+ )
            )"#,
        ),
        checks::value,
    ),
    personal(
        "card_number",
        When::DigitRun,
        r"(?:^|[^0-9A-Za-z.])(?P<s>[2-6][0-9](?:[ -]?[0-9]){11,17})(?:\b)",
        checks::card,
    ),
    personal(
        "iban",
        When::CapitalRun,
        r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]){11,30}",
        checks::iban,
    ),
    personal(
        "email",
        When::At,
        r"\b[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}\b",
        checks::always,
    ),
];
