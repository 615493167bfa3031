//! Settings of processes, in all their fields: drawn by the kinds that they have, whatever they are called.

use super::{Random, for_all};
use crate::codec::{Reader, Writer};
use crate::plan::{Django, StartPlan, WarmUp};
use crate::settings::{self, Interpreter, Process};
use crate::worker::{Plan, Settings, Worker};

/// Bytes of a structure that has these fields, by their names and kinds.
fn draw(random: &mut Random, shape: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut w = Writer(&mut bytes);
    for field in shape.split_terminator(';') {
        let kind = field.split(':').nth(1).unwrap();
        match kind {
            "text" | "path" => w.text(&random.bytes(30)),
            "paths" => w.texts(&(0..random.below(4)).map(|_| random.bytes(30)).collect::<Vec<_>>()),
            "flag" => w.flag(random.flag()),
            "version" => w.u32(random.edge() as u32).u32(random.edge() as u32).u32(random.edge() as u32),
            "u8" => w.u8(random.edge() as u8),
            "i32" => w.i32(random.edge() as i32),
            "u32" => w.u32(random.edge() as u32),
            "i64" => w.i64(random.edge() as i64),
            "u64" => w.u64(random.edge()),
            "f64" => w.f64(random.edge() as f64 / 1000.0),
            other => panic!("a kind that this test does not know: {other}"),
        };
    }
    bytes
}

fn common(random: &mut Random) -> settings::Settings {
    let process = draw(random, Process::SHAPE);
    let interpreter = |random: &mut Random| {
        let drawn = draw(random, Interpreter::SHAPE);
        Interpreter::get(&mut Reader::new(&drawn, "interpreter")).unwrap()
    };
    settings::Settings {
        process: Process::get(&mut Reader::new(&process, "process")).unwrap(),
        interpreter: interpreter(random),
        named: (0..random.below(3)).map(|_| (random.bytes(20), interpreter(random))).collect(),
    }
}

fn plan(random: &mut Random) -> StartPlan {
    let django = random.flag().then(|| Django {
        project: random.bytes(20),
        url: random.bytes(20),
        settings: random.bytes(20),
        checks: random.bytes(5),
        finders: random.flag(),
    });
    let warm_up = |random: &mut Random| WarmUp {
        path: random.bytes(20),
        environ: random.pairs(5),
        https: random.flag(),
    };
    StartPlan { django, warm_ups: (0..random.below(3)).map(|_| warm_up(random)).collect() }
}

fn of_worker(random: &mut Random) -> Settings {
    let worker = draw(random, Worker::SHAPE);
    let application = |random: &mut Random| Plan {
        key: random.edge(),
        preload: random.flag(),
        script: random.bytes(40),
        group: random.bytes(20),
        callable: random.bytes(20),
        start: plan(random),
    };
    Settings {
        common: common(random),
        worker: Worker::get(&mut Reader::new(&worker, "worker")).unwrap(),
        plans: (0..random.below(4)).map(|_| application(random)).collect(),
    }
}

#[test]
fn what_is_written_is_read() {
    for_all(500, |random| {
        let settings = of_worker(random);
        assert_eq!(settings::Settings::parse(&settings.common.bytes()).as_ref(), Ok(&settings.common));
        assert_eq!(Settings::parse(&settings.bytes()), Ok(settings));
        let plan = plan(random);
        assert_eq!(StartPlan::parse(&plan.bytes()), Ok(plan));
    });
}

#[test]
fn every_byte_counts() {
    for_all(10, |random| {
        let mut bytes = of_worker(random).bytes();
        for end in 0..bytes.len() {
            assert!(Settings::parse(&bytes[..end]).is_err(), "cut at {end}");
        }
        bytes.push(0);
        assert!(Settings::parse(&bytes).is_err());
    });
}

#[test]
fn bytes_of_any_kind_harm_nobody() {
    for_all(1000, |random| {
        let mut bytes = of_worker(random).bytes();
        for _ in 0..1 + random.below(5) {
            let at = random.below(bytes.len());
            bytes[at] = random.edge() as u8;
        }
        if let Ok(settings) = Settings::parse(&bytes) {
            // Nothing was made of what is not there.
            assert!(settings.bytes().len() <= bytes.len());
        }
        let _ = (settings::Settings::parse(&bytes), StartPlan::parse(&bytes[random.below(bytes.len())..]));
    });
}
