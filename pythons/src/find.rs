//! Finds the python that is meant.

use crate::home::Home;
use crate::probe::{self, Python};
use crate::problem::{Kind, Problem};
use crate::user::User;
use crate::{access, system};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where to look for a python, and for whom.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Search<'a> {
    /// A virtual environment, an installation, its `bin`, or the python itself; `None`: the python of the system.
    pub home: Option<&'a Path>,
    /// The directive or option that names `home`, with what stands between the two: `WSGIPythonHome `, `python-home=`.
    pub said_by: &'a str,
    /// Who will run the python.
    pub user: &'a User,
    /// How long the python may take to say what it is.
    pub deadline: Duration,
}

impl Search<'_> {
    /// How long a python may take to say what it is. A cold start from a slow disk takes a second or two.
    pub const DEADLINE: Duration = Duration::from_secs(10);

    /// A python that can be loaded into another program: it has a shared library.
    pub fn embeddable(&self) -> Result<Python, Problem> {
        let (python, library) = self.look()?;
        Ok(Python { library: Some(library?), ..python })
    }

    /// A python that runs as a process of its own.
    pub fn executable(&self) -> Result<Python, Problem> {
        self.look().map(|(python, _)| python)
    }

    /// The python, and its shared library or why it has none.
    fn look(&self) -> Result<probe::Answer, Problem> {
        let Some(path) = self.home else { return self.look_at_default() };
        let home = Home { said_by: self.said_by, path };
        let executable = home.executable(self.user)?;
        let in_the_way = |place: &Path| {
            let obstacle = access::obstacle(place, self.user)?;
            let text = format!("{home}: {}", obstacle.or(&home.remedy(&executable)));
            Some(Problem::new(Kind::Unreachable, text))
        };
        if let Some(why) = in_the_way(&executable) {
            return Err(why);
        }
        // One that runs and fails may be a copy that does not reach its standard library.
        probe::run(&executable, self.user, self.deadline)
            .map_err(|why| base_of(&executable, self.user).and_then(|base| in_the_way(&base)).unwrap_or(why))
    }

    fn look_at_default(&self) -> Result<probe::Answer, Problem> {
        const UNSAID: &str = "no WSGIPythonHome is set";
        let executable = system::default_python().ok_or_else(|| {
            let text = format!(
                "{UNSAID}, and there is no {}; install it (apt install python3), or set WSGIPythonHome to a virtual \
                 environment",
                system::DEFAULTS.join(" or ")
            );
            Problem::new(Kind::Missing, text)
        })?;
        if let Some(obstacle) = access::obstacle(&executable, self.user) {
            let text = obstacle.or("set WSGIPythonHome to an environment elsewhere");
            return Err(Problem::new(Kind::Unreachable, text).behind(UNSAID));
        }
        let (python, library) =
            probe::run(&executable, self.user, self.deadline).map_err(|why| why.behind(UNSAID))?;
        Ok((python, library.map_err(|why| why.behind(UNSAID))))
    }
}

/// Where the python of a virtual environment has its standard library from: it may be a copy, not a link.
fn base_of(executable: &Path, user: &User) -> Option<PathBuf> {
    let root = executable.parent()?.parent()?;
    let text = access::read(&root.join("pyvenv.cfg"), user)?;
    let mut settings = text.lines().filter_map(|line| line.split_once('='));
    let (_, bin) = settings.find(|(name, _)| name.trim() == "home")?;
    Some(Path::new(bin.trim()).join("python3"))
}
