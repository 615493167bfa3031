//! Profiles, and their flame graph.

use super::server::Process;
use super::table::{clean, list, number, seconds, text};
use crate::failure::Failure;
use inferno::flamegraph::{self, Options};
use serde_json::Value;
use std::collections::BTreeMap;

/// Places in code that a process tells apart, frames of a stack, and frames of all stacks.
const MOST: (usize, usize, usize) = (100_000, 201, 2_000_000);
/// The name of a function and of its file are cut there in a flame graph, characters.
const LONGEST: usize = 100;
/// All stacks of a flame graph in inferno's lines, bytes.
const LARGEST: usize = 256 << 20;

/// A place in code.
pub struct Frame {
    /// The qualified name of the function.
    pub function: String,
    /// Its file; empty: none.
    pub file: String,
    /// Where it begins there.
    pub line: u64,
}

/// The profile of one process.
pub struct Profile {
    /// Which process.
    pub process: Process,
    /// How long it was looked at.
    pub seconds: f64,
    /// How often.
    pub looks: u64,
    /// How many were not counted, for there was no room for their stacks.
    pub left_out: u64,
    /// The places in code that were seen.
    pub frames: Vec<Frame>,
    /// How often each stack was seen, and its frames, the outermost first.
    pub stacks: Vec<(u64, Vec<usize>)>,
}

impl Profile {
    /// What a process has answered; it may be anything.
    pub fn of(process: &Process, answer: &Value) -> Result<Self, Failure> {
        let frames: Vec<Frame> = list(answer, "places")
            .iter()
            .take(MOST.0)
            .map(|place| Frame {
                function: clean(text(place, "function")),
                file: clean(text(place, "file")),
                line: number(place, "line"),
            })
            .collect();
        let mut room = MOST.2;
        let stack = |stack: &Value| {
            let at = |at: &Value| {
                at.as_u64().and_then(|at| usize::try_from(at).ok()).filter(|at| *at < frames.len())
            };
            let places = stack.get(1)?.as_array().filter(|places| places.len() <= MOST.1)?;
            room = room.checked_sub(places.len())?;
            let places = places.iter().map(at).collect::<Option<Vec<_>>>()?;
            // More would not fit into what is computed of them.
            Some((stack.get(0)?.as_u64().filter(|count| *count < 1 << 32)?, places))
        };
        let stacks: Option<Vec<_>> = list(answer, "stacks").iter().map(stack).collect();
        let stacks = stacks.ok_or_else(|| {
            Failure::new(format!("process {} answers nonsense; its code has damaged it", process.pid))
        })?;
        Ok(Self {
            process: process.clone(),
            seconds: seconds(answer, "seconds"),
            looks: number(answer, "looks"),
            left_out: number(answer, "left_out"),
            frames,
            stacks,
        })
    }

    /// How often a thread was seen.
    pub fn samples(&self) -> u64 {
        self.stacks.iter().map(|(count, _)| count).sum()
    }
}

impl Frame {
    /// In a line of inferno's, where `;` stands between frames.
    fn name(&self) -> String {
        let cut = |text: &str| text.chars().take(LONGEST).collect::<String>();
        let parts: Vec<&str> = self.file.rsplitn(3, '/').take(2).collect();
        let function = cut(&self.function);
        let name = match self.file.is_empty() {
            true => function,
            false => {
                let file = cut(&parts.into_iter().rev().collect::<Vec<_>>().join("/"));
                format!("{function} ({file}:{})", self.line)
            }
        };
        name.replace(';', ":")
    }
}

/// The flame graph of processes, as one.
pub fn svg(profiles: &[Profile], target: &str) -> Result<Vec<u8>, Failure> {
    let mut folded: BTreeMap<String, u64> = BTreeMap::new();
    let mut size = 0;
    for profile in profiles {
        let names: Vec<String> = profile.frames.iter().map(Frame::name).collect();
        for (count, stack) in &profile.stacks {
            let names: Vec<&str> = stack.iter().map(|at| names[*at].as_str()).collect();
            let line = names.join(";");
            size += line.len();
            if size > LARGEST {
                return Err(Failure::new(
                    "there are too many different stacks for a flame graph; ask for a .json file, or take a shorter profile",
                ));
            }
            *folded.entry(line).or_default() += count;
        }
    }
    let lines: Vec<String> = folded.into_iter().map(|(stack, count)| format!("{stack} {count}")).collect();
    let mut options = Options::default();
    options.title = format!("mod-wsgi profile {}", clean(target));
    let longest = profiles.iter().map(|profile| profile.seconds).fold(0.0, f64::max);
    let looks = profiles.iter().map(|profile| profile.looks).max().unwrap_or(0);
    options.subtitle = Some(format!("{} process(es), {looks} looks in {longest:.1} s", profiles.len()));
    let mut bytes = Vec::new();
    flamegraph::from_lines(&mut options, lines.iter().map(String::as_str), &mut bytes).map_err(|error| {
        Failure::new(format!("the flame graph cannot be drawn: {error}; ask for a .json file"))
    })?;
    Ok(bytes)
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// What a process may answer.
    pub fn profile() -> Profile {
        let answer = serde_json::json!({
            "seconds": 2.0, "looks": 20,
            "places": [
                {"function": "main interpreter", "file": "", "line": 0},
                {"function": "application", "file": "/srv/shop/app.wsgi", "line": 3},
                {"function": "<listcomp>;x", "file": "/srv/shop/app.wsgi", "line": 7},
            ],
            "stacks": [[15, [0, 1, 2]], [5, [0, 1]]],
        });
        Profile::of(&Process { pid: 7, group: "shop".into() }, &answer).expect("a profile")
    }

    #[test]
    fn a_flame_graph_has_the_functions() {
        let svg = String::from_utf8(svg(&[profile(), profile()], "shop").expect("drawn")).expect("text");
        assert!(svg.contains("application (shop/app.wsgi:3) (40 samples, 100.00%)"), "{svg}");
        assert!(svg.contains("&lt;listcomp&gt;:x (shop/app.wsgi:7) (30 samples, 75.00%)"), "{svg}");
    }

    #[test]
    fn nonsense_is_no_profile() {
        for stacks in ["[[1, [3]]]", "[[1]]", "[[-1, [0]]]", "[5]", "[[1, \"x\"]]"] {
            let text = format!("{{\"places\": [{{}}], \"stacks\": {stacks}}}");
            let answer: Value = serde_json::from_str(&text).expect("JSON");
            assert!(Profile::of(&Process { pid: 7, group: "shop".into() }, &answer).is_err(), "{stacks}");
        }
        let long = serde_json::json!({"places": [{}], "stacks": [[1, vec![0; MOST.1 + 1]]]});
        assert!(Profile::of(&Process { pid: 7, group: "shop".into() }, &long).is_err());
    }
}
