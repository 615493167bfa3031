//! How Python is started, whichever way: options of its command line, and variables.

use crate::config::{HashSeed, ServerConfig};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

/// Options for Python's command line.
pub fn arguments(config: &ServerConfig) -> Vec<Vec<u8>> {
    let python = &config.python;
    let mut arguments = vec![b"-P".to_vec()];
    if python.dont_write_bytecode == Some(true) {
        arguments.push(b"-B".to_vec());
    }
    arguments.extend((0..python.optimize).map(|_| b"-O".to_vec()));
    for filter in &python.warnings {
        arguments.extend([b"-W".to_vec(), filter.clone()]);
    }
    arguments
}

/// Variables for its start. The engine takes PYTHONHASHSEED out of os.environ.
pub fn variables(config: &ServerConfig) -> Vec<(&'static str, OsString)> {
    let seed = hash_seed(config).map(|seed| ("PYTHONHASHSEED", seed.into()));
    let eggs =
        config.python.eggs.clone().map(|directory| ("PYTHON_EGG_CACHE", OsString::from_vec(directory)));
    seed.into_iter().chain(eggs).collect()
}

/// PYTHONHASHSEED for its start.
pub fn hash_seed(config: &ServerConfig) -> Option<String> {
    config.python.hash_seed.map(|seed| match seed {
        HashSeed::Random => "random".to_owned(),
        HashSeed::Fixed(number) => number.to_string(),
    })
}
