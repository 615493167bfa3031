//! Profiles in the format of <https://www.speedscope.app>: one profile of the type "sampled" for each process.

use super::flame::Profile;
use serde_json::{Value, json};

/// The file.
pub fn json(profiles: &[Profile]) -> Vec<u8> {
    let mut frames: Vec<Value> = Vec::new();
    let mut shown: Vec<Value> = Vec::new();
    for profile in profiles {
        let first = frames.len();
        frames.extend(profile.frames.iter().map(|frame| match frame.file.is_empty() {
            true => json!({"name": frame.function}),
            false => json!({"name": frame.function, "file": frame.file, "line": frame.line}),
        }));
        let weight = profile.seconds / profile.looks.max(1) as f64;
        let samples: Vec<Vec<usize>> =
            profile.stacks.iter().map(|(_, stack)| stack.iter().map(|at| first + at).collect()).collect();
        let weights: Vec<f64> = profile.stacks.iter().map(|(count, _)| *count as f64 * weight).collect();
        shown.push(json!({
            "type": "sampled",
            "name": format!("process {} of {}", profile.process.pid, profile.process.group),
            "unit": "seconds",
            "startValue": 0,
            "endValue": weights.iter().sum::<f64>(),
            "samples": samples,
            "weights": weights,
        }));
    }
    let file = json!({
        "$schema": "https://www.speedscope.app/file-format-schema.json",
        "exporter": concat!("mod-wsgi ", env!("CARGO_PKG_VERSION")),
        "activeProfileIndex": 0,
        "shared": {"frames": frames},
        "profiles": shown,
    });
    file.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::flame::tests::profile;

    #[test]
    fn samples_name_frames_by_their_index() {
        let file: Value = serde_json::from_slice(&json(&[profile(), profile()])).expect("JSON");
        let last = &file["profiles"][1];
        assert_eq!((&last["type"], &last["samples"]), (&json!("sampled"), &json!([[3, 4, 5], [3, 4]])));
        assert_eq!((&last["weights"], &last["endValue"]), (&json!([1.5, 0.5]), &json!(2.0)));
        assert_eq!(
            file["shared"]["frames"][4],
            json!({"name": "application", "file": "/srv/shop/app.wsgi", "line": 3})
        );
    }
}
