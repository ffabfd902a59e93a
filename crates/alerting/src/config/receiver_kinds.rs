//! The table of channel kinds: Alertmanager's, with the keys and conditions of each, and this program's own `log`.

use crate::config::secret::Settings;
use crate::error::ConfigError;

/// A kind of channel.
#[derive(Debug)]
pub(crate) struct Kind {
    /// The name before `_configs`.
    pub(crate) name: &'static str,
    /// Whether this build delivers by it.
    pub(crate) delivered: bool,
    /// Whether resolved alerts are told about where nothing says so.
    pub(crate) sends_resolved: bool,
    /// The keys it knows beside `send_resolved` and `http_config`.
    pub(crate) keys: &'static [&'static str],
    /// Keys that must be there.
    pub(crate) required: &'static [&'static str],
    /// Keys of which at most one may be there.
    pub(crate) exclusive: &'static [&'static [&'static str]],
    /// What must be given here or under `global`.
    pub(crate) needs: &'static [Need],
    /// The keys of `global` that belong to it.
    pub(crate) globals: &'static [&'static str],
    /// Keys of `global` of which at most one may be there.
    pub(crate) global_exclusive: &'static [&'static [&'static str]],
    /// What else must hold.
    pub(crate) check: fn(&Settings, &str, &mut Vec<ConfigError>),
}

impl PartialEq for Kind {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// Something that must be given here or under `global`.
#[derive(Debug)]
pub(crate) struct Need {
    pub(crate) what: &'static str,
    pub(crate) own: &'static [&'static str],
    pub(crate) global: &'static [&'static str],
}

const fn need(what: &'static str, own: &'static [&'static str], global: &'static [&'static str]) -> Need {
    Need { what, own, global }
}

const PLAIN: Kind = Kind {
    name: "",
    delivered: false,
    sends_resolved: true,
    keys: &[],
    required: &[],
    exclusive: &[],
    needs: &[],
    globals: &[],
    global_exclusive: &[],
    check: |_, _, _| {},
};

/// All kinds.
pub(crate) fn all() -> &'static [Kind] {
    KINDS
}

static KINDS: &[Kind] = &[
    Kind {
        name: "log",
        delivered: true,
        ..PLAIN
    },
    Kind {
        name: "webhook",
        delivered: true,
        keys: &["url", "url_file", "max_alerts", "timeout"],
        exclusive: &[&["url", "url_file"]],
        check: |settings, place, errors| one_of(settings, &["url", "url_file"], place, errors),
        ..PLAIN
    },
    Kind {
        name: "email",
        sends_resolved: false,
        keys: &[
            "to",
            "from",
            "hello",
            "smarthost",
            "auth_username",
            "auth_password",
            "auth_password_file",
            "auth_secret",
            "auth_secret_file",
            "auth_identity",
            "headers",
            "html",
            "text",
            "require_tls",
            "force_implicit_tls",
            "tls_config",
            "threading",
        ],
        required: &["to"],
        exclusive: &[
            &["auth_password", "auth_password_file"],
            &["auth_secret", "auth_secret_file"],
        ],
        needs: &[
            need("SMTP smarthost", &["smarthost"], &["smtp_smarthost"]),
            need("SMTP from", &["from"], &["smtp_from"]),
        ],
        globals: &[
            "smtp_smarthost",
            "smtp_from",
            "smtp_hello",
            "smtp_auth_username",
            "smtp_auth_password",
            "smtp_auth_password_file",
            "smtp_auth_secret",
            "smtp_auth_secret_file",
            "smtp_auth_identity",
            "smtp_require_tls",
            "smtp_tls_config",
            "smtp_force_implicit_tls",
        ],
        global_exclusive: &[
            &["smtp_auth_password", "smtp_auth_password_file"],
            &["smtp_auth_secret", "smtp_auth_secret_file"],
        ],
        check: |settings, place, errors| unique_headers(settings, place, errors),
        ..PLAIN
    },
    Kind {
        name: "slack",
        sends_resolved: false,
        keys: &[
            "api_url",
            "api_url_file",
            "app_token",
            "app_token_file",
            "app_url",
            "channel",
            "username",
            "color",
            "title",
            "title_link",
            "pretext",
            "text",
            "fields",
            "short_fields",
            "footer",
            "fallback",
            "callback_id",
            "icon_emoji",
            "icon_url",
            "image_url",
            "thumb_url",
            "link_names",
            "mrkdwn_in",
            "actions",
            "message_text",
            "timeout",
            "update_message",
        ],
        exclusive: &[
            &["api_url", "api_url_file"],
            &["app_token", "app_token_file"],
            &["app_token", "api_url"],
        ],
        needs: &[need(
            "Slack API URL or app token",
            &["api_url", "api_url_file", "app_token", "app_token_file"],
            &[
                "slack_api_url",
                "slack_api_url_file",
                "slack_app_token",
                "slack_app_token_file",
            ],
        )],
        globals: &[
            "slack_api_url",
            "slack_api_url_file",
            "slack_app_token",
            "slack_app_token_file",
            "slack_app_url",
        ],
        global_exclusive: &[
            &["slack_api_url", "slack_api_url_file"],
            &["slack_app_token", "slack_app_token_file"],
            &["slack_app_token", "slack_api_url"],
        ],
        ..PLAIN
    },
    Kind {
        name: "pagerduty",
        keys: &[
            "service_key",
            "service_key_file",
            "routing_key",
            "routing_key_file",
            "url",
            "client",
            "client_url",
            "description",
            "details",
            "images",
            "links",
            "source",
            "severity",
            "class",
            "component",
            "group",
            "timeout",
        ],
        exclusive: &[
            &["routing_key", "routing_key_file"],
            &["service_key", "service_key_file"],
        ],
        globals: &["pagerduty_url"],
        check: |settings, place, errors| {
            let all = [
                "routing_key",
                "routing_key_file",
                "service_key",
                "service_key_file",
            ];
            at_least_one_of(settings, &all, place, errors);
        },
        ..PLAIN
    },
    Kind {
        name: "opsgenie",
        keys: &[
            "api_key",
            "api_key_file",
            "api_url",
            "message",
            "description",
            "source",
            "details",
            "responders",
            "tags",
            "note",
            "priority",
            "update_alerts",
            "entity",
            "actions",
        ],
        exclusive: &[&["api_key", "api_key_file"]],
        needs: &[need(
            "OpsGenie API key",
            &["api_key", "api_key_file"],
            &["opsgenie_api_key", "opsgenie_api_key_file"],
        )],
        globals: &["opsgenie_api_key", "opsgenie_api_key_file", "opsgenie_api_url"],
        global_exclusive: &[&["opsgenie_api_key", "opsgenie_api_key_file"]],
        check: opsgenie_responders,
        ..PLAIN
    },
    Kind {
        name: "victorops",
        keys: &[
            "api_key",
            "api_key_file",
            "api_url",
            "routing_key",
            "message_type",
            "state_message",
            "entity_display_name",
            "monitoring_tool",
            "custom_fields",
        ],
        required: &["routing_key"],
        exclusive: &[&["api_key", "api_key_file"]],
        needs: &[need(
            "VictorOps API key",
            &["api_key", "api_key_file"],
            &["victorops_api_key", "victorops_api_key_file"],
        )],
        globals: &["victorops_api_key", "victorops_api_key_file", "victorops_api_url"],
        global_exclusive: &[&["victorops_api_key", "victorops_api_key_file"]],
        check: |settings, place, errors| {
            const RESERVED: [&str; 7] = [
                "routing_key",
                "message_type",
                "state_message",
                "entity_display_name",
                "monitoring_tool",
                "entity_id",
                "entity_state",
            ];
            let fields = settings
                .get("custom_fields")
                .and_then(|fields| fields.as_object());
            for name in fields.into_iter().flat_map(|fields| fields.keys()) {
                if RESERVED.contains(&name.as_str()) {
                    let message =
                        format!("victorops config contains custom field {name} which cannot be used");
                    errors.push(ConfigError::new(place, message, "choose another name"));
                }
            }
        },
        ..PLAIN
    },
    Kind {
        name: "pushover",
        keys: &[
            "user_key",
            "user_key_file",
            "token",
            "token_file",
            "title",
            "message",
            "url",
            "url_title",
            "device",
            "sound",
            "priority",
            "retry",
            "expire",
            "ttl",
            "html",
            "monospace",
        ],
        exclusive: &[
            &["user_key", "user_key_file"],
            &["token", "token_file"],
            &["html", "monospace"],
        ],
        check: |settings, place, errors| {
            at_least_one_of(settings, &["user_key", "user_key_file"], place, errors);
            at_least_one_of(settings, &["token", "token_file"], place, errors);
        },
        ..PLAIN
    },
    Kind {
        name: "sns",
        keys: &[
            "api_url",
            "sigv4",
            "topic_arn",
            "phone_number",
            "target_arn",
            "subject",
            "message",
            "attributes",
        ],
        exclusive: &[&["topic_arn", "phone_number", "target_arn"]],
        check: |settings, place, errors| {
            at_least_one_of(
                settings,
                &["topic_arn", "phone_number", "target_arn"],
                place,
                errors,
            );
        },
        ..PLAIN
    },
    Kind {
        name: "telegram",
        keys: &[
            "api_url",
            "bot_token",
            "bot_token_file",
            "chat_id",
            "chat_id_file",
            "message_thread_id",
            "message",
            "disable_notifications",
            "parse_mode",
        ],
        exclusive: &[&["bot_token", "bot_token_file"], &["chat_id", "chat_id_file"]],
        needs: &[need(
            "Telegram bot token",
            &["bot_token", "bot_token_file"],
            &["telegram_bot_token", "telegram_bot_token_file"],
        )],
        globals: &[
            "telegram_api_url",
            "telegram_bot_token",
            "telegram_bot_token_file",
        ],
        global_exclusive: &[&["telegram_bot_token", "telegram_bot_token_file"]],
        check: |settings, place, errors| {
            at_least_one_of(settings, &["chat_id", "chat_id_file"], place, errors);
            let mode = settings.text("parse_mode").unwrap_or_default();
            if !matches!(mode, "" | "Markdown" | "MarkdownV2" | "HTML") {
                let message = "unknown parse_mode on telegram_config, must be Markdown, MarkdownV2, HTML or empty string";
                errors.push(ConfigError::new(place, message, "write one of these"));
            }
        },
        ..PLAIN
    },
    Kind {
        name: "wechat",
        sends_resolved: false,
        keys: &[
            "api_secret",
            "api_secret_file",
            "corp_id",
            "message",
            "api_url",
            "to_user",
            "to_party",
            "to_tag",
            "agent_id",
            "message_type",
        ],
        exclusive: &[&["api_secret", "api_secret_file"]],
        needs: &[
            need(
                "WeChat API secret",
                &["api_secret", "api_secret_file"],
                &["wechat_api_secret", "wechat_api_secret_file"],
            ),
            need("WeChat corp id", &["corp_id"], &["wechat_api_corp_id"]),
        ],
        globals: &[
            "wechat_api_url",
            "wechat_api_secret",
            "wechat_api_secret_file",
            "wechat_api_corp_id",
        ],
        global_exclusive: &[&["wechat_api_secret", "wechat_api_secret_file"]],
        check: |settings, place, errors| {
            if !matches!(
                settings.text("message_type").unwrap_or_default(),
                "" | "text" | "markdown"
            ) {
                let message = "weChat message type does not match valid options: text, markdown";
                errors.push(ConfigError::new(place, message, "write one of these"));
            }
        },
        ..PLAIN
    },
    Kind {
        name: "discord",
        keys: &[
            "webhook_url",
            "webhook_url_file",
            "content",
            "title",
            "message",
            "username",
            "avatar_url",
        ],
        exclusive: &[&["webhook_url", "webhook_url_file"]],
        check: |settings, place, errors| {
            at_least_one_of(settings, &["webhook_url", "webhook_url_file"], place, errors);
        },
        ..PLAIN
    },
    Kind {
        name: "webex",
        keys: &["api_url", "message", "room_id"],
        required: &["room_id"],
        globals: &["webex_api_url"],
        check: |settings, place, errors| {
            let authorized = settings
                .get("http_config")
                .is_some_and(|http| http.get("authorization").is_some());
            if !authorized {
                let message = "missing webex_configs.http_config.authorization";
                errors.push(ConfigError::new(
                    place,
                    message,
                    "add http_config: with authorization:",
                ));
            }
        },
        ..PLAIN
    },
    Kind {
        name: "msteams",
        keys: &["webhook_url", "webhook_url_file", "title", "summary", "text"],
        exclusive: &[&["webhook_url", "webhook_url_file"]],
        check: |settings, place, errors| {
            at_least_one_of(settings, &["webhook_url", "webhook_url_file"], place, errors);
        },
        ..PLAIN
    },
    Kind {
        name: "msteamsv2",
        keys: &["webhook_url", "webhook_url_file", "title", "text"],
        exclusive: &[&["webhook_url", "webhook_url_file"]],
        check: |settings, place, errors| {
            at_least_one_of(settings, &["webhook_url", "webhook_url_file"], place, errors);
        },
        ..PLAIN
    },
    Kind {
        name: "jira",
        keys: &[
            "api_url",
            "api_type",
            "project",
            "summary",
            "description",
            "labels",
            "priority",
            "issue_type",
            "reopen_transition",
            "resolve_transition",
            "wont_fix_resolution",
            "reopen_duration",
            "fields",
        ],
        required: &["project", "issue_type"],
        needs: &[need("Jira API URL", &["api_url"], &["jira_api_url"])],
        globals: &["jira_api_url"],
        ..PLAIN
    },
    Kind {
        name: "rocketchat",
        sends_resolved: false,
        keys: &[
            "api_url",
            "channel",
            "token",
            "token_file",
            "token_id",
            "token_id_file",
            "color",
            "title",
            "title_link",
            "text",
            "fields",
            "short_fields",
            "emoji",
            "icon_url",
            "image_url",
            "thumb_url",
            "link_names",
            "actions",
        ],
        exclusive: &[&["token", "token_file"], &["token_id", "token_id_file"]],
        needs: &[
            need(
                "Rocket.Chat token",
                &["token", "token_file"],
                &["rocketchat_token", "rocketchat_token_file"],
            ),
            need(
                "Rocket.Chat token id",
                &["token_id", "token_id_file"],
                &["rocketchat_token_id", "rocketchat_token_id_file"],
            ),
        ],
        globals: &[
            "rocketchat_api_url",
            "rocketchat_token",
            "rocketchat_token_file",
            "rocketchat_token_id",
            "rocketchat_token_id_file",
        ],
        global_exclusive: &[
            &["rocketchat_token", "rocketchat_token_file"],
            &["rocketchat_token_id", "rocketchat_token_id_file"],
        ],
        ..PLAIN
    },
    Kind {
        name: "incidentio",
        keys: &[
            "url",
            "url_file",
            "alert_source_token",
            "alert_source_token_file",
            "max_alerts",
            "timeout",
        ],
        exclusive: &[
            &["url", "url_file"],
            &["alert_source_token", "alert_source_token_file"],
        ],
        check: |settings, place, errors| {
            at_least_one_of(settings, &["url", "url_file"], place, errors);
        },
        ..PLAIN
    },
    Kind {
        name: "mattermost",
        keys: &[
            "webhook_url",
            "webhook_url_file",
            "channel",
            "username",
            "text",
            "fallback",
            "color",
            "pretext",
            "author_name",
            "author_link",
            "author_icon",
            "title",
            "title_link",
            "fields",
            "thumb_url",
            "footer",
            "footer_icon",
            "image_url",
            "icon_url",
            "icon_emoji",
            "attachments",
            "type",
            "props",
            "priority",
        ],
        exclusive: &[&["webhook_url", "webhook_url_file"]],
        needs: &[need(
            "Mattermost webhook URL",
            &["webhook_url", "webhook_url_file"],
            &["mattermost_webhook_url", "mattermost_webhook_url_file"],
        )],
        globals: &["mattermost_webhook_url", "mattermost_webhook_url_file"],
        global_exclusive: &[&["mattermost_webhook_url", "mattermost_webhook_url_file"]],
        ..PLAIN
    },
];

fn one_of(settings: &Settings, names: &[&str], place: &str, errors: &mut Vec<ConfigError>) {
    at_least_one_of(settings, names, place, errors);
}

fn at_least_one_of(settings: &Settings, names: &[&str], place: &str, errors: &mut Vec<ConfigError>) {
    if !names.iter().any(|name| settings.has(name)) {
        errors.push(ConfigError::new(
            place,
            format!("one of {} must be configured", names.join(" or ")),
            format!("add {}:", names.first().copied().unwrap_or_default()),
        ));
    }
}

fn unique_headers(settings: &Settings, place: &str, errors: &mut Vec<ConfigError>) {
    let headers = settings.get("headers").and_then(|headers| headers.as_object());
    let mut seen = std::collections::BTreeSet::new();
    for name in headers.into_iter().flat_map(|headers| headers.keys()) {
        if !seen.insert(name.to_ascii_lowercase()) {
            errors.push(ConfigError::new(
                place,
                format!("duplicate header {name:?} in email config"),
                "name each header once",
            ));
        }
    }
}

fn opsgenie_responders(settings: &Settings, place: &str, errors: &mut Vec<ConfigError>) {
    let list = settings.get("responders").and_then(|list| list.as_array());
    for responder in list.into_iter().flatten() {
        let text = |key: &str| {
            responder
                .get(key)
                .and_then(|value| value.as_str())
                .unwrap_or_default()
        };
        if text("id").is_empty() && text("name").is_empty() && text("username").is_empty() {
            let message =
                "opsGenieConfig responder has to have at least one of id, username or name specified";
            errors.push(ConfigError::new(place, message, "add a name"));
        }
        let kind = text("type");
        let known = ["team", "teams", "user", "escalation", "schedule"];
        if !kind.contains("{{") && !known.contains(&kind.to_ascii_lowercase().as_str()) {
            let message = format!("opsGenieConfig responder type {kind:?} does not match valid options");
            errors.push(ConfigError::new(
                place,
                message,
                format!("write one of {}", known.join(", ")),
            ));
        }
    }
}
