//! A real browser without a window, where the machine has one: Chromium.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::Directory;
use crate::os::{kill_group, own_session};

/// The program, if it is installed.
pub fn chromium() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    std::env::split_paths(&path).flat_map(|dir| names.map(|name| dir.join(name))).find(|file| file.is_file())
}

/// A browser that looks at a page until this is dropped. What its console says goes to stderr, which is kept.
pub struct Browser {
    child: Child,
    profile: Directory,
}

impl Browser {
    /// One that opens a page.
    pub fn open(url: &str) -> Self {
        Self::start(&["--remote-debugging-port=0", url])
    }

    /// The page as it is drawn, as PNG, and what the console has said; dark or light, so many pixels wide.
    pub fn picture(url: &str, width: u32, dark: bool) -> (Vec<u8>, String) {
        let window = format!("--window-size={width},1000");
        let scheme = if dark { "--force-dark-mode" } else { "--disable-features=DarkMode" };
        let mut browser = Self::start(&[scheme, &window, "--screenshot=page.png", url]);
        assert!(browser.child.wait().expect("wait").success(), "{}", browser.said());
        let picture = std::fs::read(browser.profile.join("page.png")).expect("a picture");
        (picture, browser.console())
    }

    /// Its temporary files are in the profile too: a browser that is killed leaves its sockets where they are.
    fn start(arguments: &[&str]) -> Self {
        let profile = Directory::named("browser");
        let mut command = Command::new(chromium().expect("chromium"));
        command
            .args([
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--no-first-run",
            ])
            .args(["--disable-background-networking", "--disable-component-update", "--hide-scrollbars"])
            .args(["--enable-logging=stderr", "--v=0", "--user-data-dir=profile"])
            .args(arguments)
            .current_dir(&*profile)
            .env("HOME", &*profile)
            .env("TMPDIR", &*profile)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(profile.join("stderr")).expect("a file"));
        own_session(&mut command);
        Self { child: command.spawn().expect("chromium starts"), profile }
    }

    fn said(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.profile.join("stderr")).unwrap_or_default()).into_owned()
    }

    /// Lines of the console: errors of scripts, and what the page's policy has refused.
    pub fn console(&self) -> String {
        self.said().lines().filter(|line| line.contains(":CONSOLE")).collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        kill_group(self.child.id());
        let _ = self.child.wait();
    }
}
