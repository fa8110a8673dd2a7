//! The tree is the architecture: imports point one way, every file says what it is for, the map names every module.

use std::fs;
use std::path::{Path, PathBuf};

/// Each module of the crate with the modules that it may use, as `ARCHITECTURE.md` says.
const LAYERS: [(&str, &[&str]); 11] = [
    ("model", &[]),
    ("xml", &["model"]),
    ("config", &["model"]),
    ("fault", &["model", "xml"]),
    ("http", &["model"]),
    ("auth", &["model", "config", "fault", "http", "xml"]),
    ("dialect", &["model", "config", "fault", "http", "xml"]),
    ("store", &["model", "config"]),
    (
        "service",
        &[
            "model", "config", "fault", "http", "xml", "auth", "dialect", "store",
        ],
    ),
    ("server", &["model", "config", "fault", "http", "service"]),
    (
        "cli",
        &["model", "config", "auth", "store", "service", "server"],
    ),
];

/// What the model may use of other crates (its tests may use more).
const MODEL_CRATES: [&str; 9] = [
    "std",
    "bytes",
    "chrono",
    "uuid",
    "thiserror",
    "serde_json",
    "unicode_normalization",
    "super",
    "self",
];

/// What only the store in SQLite may know.
const SQL: [&str; 2] = ["rusqlite::", "prepare_cached"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// All Rust files below a folder, as (path from there, text).
fn files(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path
                    .strip_prefix(folder)
                    .unwrap()
                    .to_string_lossy()
                    .into_owned();
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(!found.is_empty(), "{} has no Rust files", folder.display());
    found
}

fn sources() -> Vec<(String, String)> {
    files(&root().join("src"))
}

/// The module of the crate that a file belongs to.
fn module(file: &str) -> &str {
    file.split(['/', '.']).next().unwrap()
}

#[test]
fn imports_point_one_way() {
    for (file, text) in sources() {
        let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == module(&file)) else {
            assert!(
                matches!(module(&file), "lib" | "main"),
                "{file} is in no layer"
            );
            continue;
        };
        for (at, _) in text.match_indices("crate::") {
            let rest = &text[at + "crate::".len()..];
            let used = rest
                .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .next()
                .unwrap();
            // `pub(crate)` and paths of other crates such as `$crate::` do not match the pattern.
            assert!(
                used == module(&file) || allowed.contains(&used),
                "{file} uses crate::{used}, and {} may use only {allowed:?}",
                module(&file)
            );
        }
        assert!(
            !text.contains("crate::{"),
            "{file}: import each module of the crate by a line of its own"
        );
    }
}

#[test]
fn the_model_knows_little_of_the_world() {
    for (file, text) in sources()
        .into_iter()
        .filter(|(file, _)| module(file) == "model" && !file.contains("/tests"))
    {
        let code = text.split("mod tests {").next().unwrap();
        for line in code
            .lines()
            .filter_map(|line| line.trim_start().strip_prefix("use "))
        {
            let used = line.split("::").next().unwrap();
            assert!(MODEL_CRATES.contains(&used), "{file} uses {used}");
        }
        for word in [
            "async ",
            "SystemTime",
            "Instant::now",
            "Utc::now",
            "StatusCode",
            "new_v4",
        ] {
            assert!(!code.contains(word), "{file} has the word {word}");
        }
    }
}

#[test]
fn only_one_store_knows_sql() {
    for (file, text) in sources() {
        for word in SQL
            .into_iter()
            .filter(|_| !file.starts_with("store/sqlite/"))
        {
            assert!(!text.contains(word), "{file} has the word {word}");
        }
    }
}

#[test]
fn every_file_says_what_it_is_for() {
    let tests = files(&root().join("tests"));
    let examples = files(&root().join("examples"));
    let benches = files(&root().join("benches"));
    let all = sources().into_iter().chain(tests).chain(examples);
    for (file, text) in all.chain(benches) {
        // The docs of the crate are ARCHITECTURE.md.
        let documented = text.starts_with("//! ") || text.starts_with("#![doc = include_str!");
        assert!(documented, "{file} does not begin with //!");
    }
}

#[test]
fn the_map_names_every_module() {
    let map = fs::read_to_string(root().join("src/ARCHITECTURE.md")).unwrap();
    for (name, _) in LAYERS {
        assert!(
            map.contains(&format!("`{name}`")),
            "ARCHITECTURE.md does not name {name}"
        );
    }
    for (file, _) in sources() {
        let name = file.trim_end_matches(".rs").rsplit('/').next().unwrap();
        let belongs_to_a_named_folder = ["auth/", "xml/", "model/", "dialect/"];
        if belongs_to_a_named_folder
            .iter()
            .any(|folder| file.starts_with(folder))
            || matches!(name, "mod" | "lib" | "main" | "tests" | "contract")
        {
            continue;
        }
        let named = map.contains(&format!("`{name}`")) || map.contains(&format!("::{name}`"));
        assert!(named, "ARCHITECTURE.md does not name {file}");
    }
}

#[test]
fn no_lint_is_silenced_without_a_reason() {
    for (file, text) in sources() {
        for (number, line) in text.lines().enumerate() {
            assert!(
                !line.contains("#[allow("),
                "{file}:{}: use #[expect(…, reason = …)]",
                number + 1
            );
        }
    }
}
