//! What the documents lack, as an OpenAPI Overlay (1.0.0): applied to a document, it adds the shadows.

use std::fmt::Write;

use super::compare::{Entry, Standing};

/// The overlay, in YAML. Each addition says what is known of it, and asks for the rest.
pub(super) fn of(entries: &[Entry]) -> String {
    let mut text =
        String::from("overlay: 1.0.0\ninfo: { title: Operations that are used but not documented, version: \"1\" }\n");
    let shadows: Vec<&Entry> = entries.iter().filter(|entry| entry.standing == Standing::Shadow).collect();
    if shadows.is_empty() {
        text.push_str("actions: []\n");
        return text;
    }
    text.push_str("actions:\n");
    for entry in shadows {
        // Writing to a string cannot fail.
        let _ = write_action(&mut text, entry);
    }
    text
}

fn write_action(text: &mut String, entry: &Entry) -> std::fmt::Result {
    let (template, names) = named(&entry.template);
    writeln!(text, "  # API {}: answered {} times.", entry.api, entry.answered)?;
    writeln!(text, "  - target: $.paths\n    update:\n      {}:", quoted(&template))?;
    writeln!(text, "        {}:", entry.method.to_ascii_lowercase())?;
    if !names.is_empty() {
        writeln!(text, "          parameters:")?;
    }
    for name in names {
        writeln!(
            text,
            "            - {{ name: {name}, in: path, required: true, schema: {{ type: string, maxLength: 64 }} }}"
        )?;
    }
    writeln!(text, "          responses: {{ \"200\": {{ description: To be described. }} }}")
}

/// The template with a name for each parameter.
fn named(template: &str) -> (String, Vec<String>) {
    let mut names = Vec::new();
    let segments: Vec<String> = template
        .split('/')
        .map(|segment| {
            let Some(name) = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
                return segment.to_owned();
            };
            let name = if name.is_empty() { format!("id{}", names.len() + 1) } else { name.to_owned() };
            names.push(name.clone());
            format!("{{{name}}}")
        })
        .collect();
    (segments.join("/"), names)
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
