//! What the supervisor said, in the words of the startup engine.

use crate::runtime::{ExitRule, Settings, seconds};
use crate::startup::{Django, StartPlan, WarmUp};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use wire::worker as told;

/// The settings of every interpreter.
pub fn of(from: &told::Settings) -> Settings {
    let hidden = |name: &[u8]| from.hide_hash_seed && name == b"PYTHONHASHSEED";
    let environ = std::env::vars_os().map(|(name, value)| (name.into_vec(), value.into_vec()));
    let version = from.apache_version;
    let rules = from.rules();
    Settings {
        python_path: from.python_path.clone(),
        process_group: from.group.clone(),
        home: from.home.clone(),
        restrict_stdin: from.restrict_stdin,
        restrict_stdout: from.restrict_stdout,
        restrict_signal: from.restrict_signal && from.threads > 0,
        keep_stdout: false,
        case_sensitive: from.case_sensitive,
        multithread: from.threads != 1,
        multiprocess: from.multiprocess,
        run_once: from.run_once,
        switch_interval: from.switch_interval,
        environ: environ.filter(|(name, _)| !hidden(name)).collect(),
        apache_version: [(version >> 32) as i32, (version >> 16) as u16 as i32, version as u16 as i32],
        description: from.description.clone(),
        build_date: from.build_date.clone(),
        mpm: from.mpm.clone(),
        processes: from.processes as i32,
        threads: from.threads as i32,
        mpm_numbers: [from.mpm_processes as i32, from.mpm_threads as i32],
        restrict_exit: ExitRule::of(from.restrict_exit),
        daemon: true,
        beside: from.beside,
        died: (from.died != 0).then(|| (from.died, String::from_utf8_lossy(&from.died_by).into_owned())),
        registry: Some(told::descriptor::BOARD),
        permits: from.slots,
        generation: from.generation,
        begun: from.begun,
        startup_timeout: seconds(from.startup_timeout),
        startup_requests: from.startup_requests,
        import_timeout: seconds(from.import_timeout),
        scripts: (rules.user, rules.group, rules.root.map(Path::to_path_buf)),
    }
}

/// How an application starts.
pub fn plan(from: &told::Plan) -> StartPlan {
    StartPlan {
        django: from.django.as_ref().map(|django| Django {
            project: django.project.clone(),
            url: django.url.clone(),
            settings: django.settings.clone(),
            checks: django.checks.clone(),
            finders: django.finders,
        }),
        callable: from.callable.clone(),
        warm_ups: from
            .warm_ups
            .iter()
            .map(|request| WarmUp {
                path: String::from_utf8_lossy(&request.path).into_owned(),
                environ: request.environ.clone(),
                https: request.https,
            })
            .collect(),
    }
}
