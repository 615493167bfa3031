//! The dashboard, the alerts and the configuration of Prometheus in `examples/monitoring`: they can be read, and name metrics that
//! there are. `docs/status.md` has their names, and a test holds it against a server.

use std::collections::BTreeSet;
use std::fs;

use harness::{regex, repository};
use yaml_rust2::{Yaml, YamlLoader};

fn text(name: &str) -> String {
    fs::read_to_string(repository().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn names(text: &str) -> BTreeSet<String> {
    regex("mod_wsgi_[a-z_]+").find_iter(text).map(|found| found.as_str().to_owned()).collect()
}

/// What can be asked for: a histogram has three names.
fn exported() -> BTreeSet<String> {
    let docs = text("docs/status.md");
    let table = docs
        .split("| metric |")
        .nth(1)
        .and_then(|rest| rest.split("\n\n").next())
        .expect("the table of metrics");
    let mut all = BTreeSet::new();
    for line in table.lines() {
        let Some(cell) = line.split('|').nth(1) else { continue };
        for name in names(cell) {
            let parts = if line.contains("histograms") { &["_bucket", "_sum", "_count"][..] } else { &[""] };
            all.extend(parts.iter().map(|part| format!("{name}{part}")));
        }
    }
    assert!(all.len() > 20, "{all:?}");
    all
}

#[track_caller]
fn assert_exported(name: &str, expressions: &[String]) {
    let used: BTreeSet<String> = expressions.iter().flat_map(|expression| names(expression)).collect();
    assert!(used.len() > 5, "{name}: {used:?}");
    let unknown: Vec<_> = used.difference(&exported()).cloned().collect();
    assert_eq!(unknown, [""; 0], "{name} asks for what there is not");
}

fn yaml(name: &str) -> Yaml {
    let mut all = YamlLoader::load_from_str(&text(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(all.len(), 1, "{name}");
    all.remove(0)
}

#[test]
fn the_dashboard_asks_for_metrics_that_there_are() {
    let name = "examples/monitoring/grafana.json";
    let dashboard: serde_json::Value = serde_json::from_str(&text(name)).expect(name);
    let panels = dashboard["panels"].as_array().expect("panels");
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let mut asked: Vec<String> =
        targets.map(|target| target["expr"].as_str().expect("a query").to_owned()).collect();
    assert!(asked.len() > 10, "{asked:?}");
    let variables = dashboard["templating"]["list"].as_array().expect("variables");
    asked.extend(variables.iter().filter_map(|one| one["query"]["query"].as_str().map(str::to_owned)));
    assert_exported(name, &asked);
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64().expect("an id")).collect();
    assert_eq!(ids.len(), panels.len(), "each panel has an id of its own");
}

#[test]
fn alerts_ask_for_metrics_that_there_are() {
    let name = "examples/monitoring/alerts.yml";
    let alerts = yaml(name);
    let rules = alerts["groups"][0]["rules"].as_vec().expect("rules");
    let mut asked = Vec::new();
    for rule in rules {
        let alert = rule["alert"].as_str().expect("a name");
        asked.push(rule["expr"].as_str().expect("an expression").to_owned());
        assert!(matches!(rule["labels"]["severity"].as_str(), Some("page" | "warn")), "{alert}");
        for part in ["summary", "description"] {
            assert!(
                rule["annotations"][part].as_str().is_some_and(|text| text.len() > 10),
                "{alert}: {part}"
            );
        }
        assert!(text("docs/slow-or-stuck.md").contains(alert), "{alert} is not in docs/slow-or-stuck.md");
    }
    assert_exported(name, &asked);
}

#[test]
fn prometheus_asks_the_status_page() {
    let config = yaml("examples/monitoring/prometheus.yml");
    let scrape = &config["scrape_configs"][0];
    assert_eq!(scrape["metrics_path"].as_str(), Some("/wsgi-status"));
    assert_eq!(scrape["params"]["openmetrics"][0].as_str(), Some(""));
    assert_eq!(config["rule_files"][0].as_str(), Some("alerts.yml"));
    assert!(text("examples/monitoring/apache.conf").contains("<Location /wsgi-status>"));
}
