//! Imports go one way: between crates, and between the layers of `ike-proto` (ARCHITECTURE.md, "Layers").
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test of the workspace's own files stops at what it does not expect"
)]

mod source;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

/// The crates that a product crate may import, by folder. `tests`, `benches` and `fuzz` may import any of these;
/// nothing may import them or `xtask`.
const PRODUCT: [(&str, &[&str]); 5] = [
    ("crypto", &[]),
    ("xfrm", &[]),
    ("esp", &["crypto"]),
    ("ike-proto", &["crypto"]),
    ("ikev2d", &["crypto", "esp", "ike-proto", "xfrm"]),
];

/// The layers of `ike-proto`, the lowest first; a module imports from its own and from lower ones.
const LAYERS: [&[&str]; 7] = [
    &["ids", "time"],
    &["wire"],
    &["policy", "output", "event", "status", "message"],
    &["keys", "octets", "natd", "cookie", "seal"],
    &["exchange"],
    &["sa"],
    &["endpoint"],
];

#[test]
fn crates_import_only_what_they_may() {
    let read = |folder: &str| source::read(&Path::new(folder).join("Cargo.toml"));
    let workspace: Table = read("").parse().expect("the workspace's Cargo.toml");
    let members = workspace["workspace"]["members"].as_array().expect("members");
    let mut manifests: BTreeMap<String, String> = BTreeMap::from([("fuzz".to_owned(), read("fuzz"))]);
    manifests
        .extend(members.iter().filter_map(Value::as_str).map(|member| (member.to_owned(), read(member))));
    let wrong = wrong_crate_imports(&workspace, &manifests);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_wrong_crate_import_is_found_under_any_name() {
    let workspace: Table = "[workspace.dependencies]\nwire = { path = 'ike-proto' }".parse().expect("TOML");
    let manifest = |name: &str, rest: &str| (name.to_owned(), format!("package.name = '{name}'\n{rest}"));
    let manifests = BTreeMap::from([
        manifest("crypto", "dev-dependencies.x = { path = '../tests', package = 'tests' }"),
        manifest("ike-proto", "dependencies.crypto = { path = '../crypto' }"),
        manifest("tests", "dependencies.ike-proto.path = '../ike-proto'"),
        manifest("xfrm", "target.'cfg(unix)'.dependencies.wire.workspace = true"),
    ]);
    let wrong = wrong_crate_imports(&workspace, &manifests);
    assert_eq!(wrong, ["crypto must not import tests", "xfrm must not import ike-proto"]);
}

/// Which members import another one that they must not, by what their manifests say.
fn wrong_crate_imports(workspace: &Table, manifests: &BTreeMap<String, String>) -> Vec<String> {
    let mut wrong = Vec::new();
    for (member, text) in manifests {
        let manifest: Table = text.parse().unwrap_or_else(|error| panic!("{member}: {error}"));
        let product: Vec<&str> = PRODUCT.iter().map(|(name, _)| *name).collect();
        let may = PRODUCT.iter().find(|(name, _)| name == member).map_or(&product[..], |(_, may)| may);
        let may = if member == "xtask" { &[] } else { may };
        for folder in dependencies(&manifest).into_iter().filter_map(|(name, value)| {
            let inherited = value.get("workspace").is_some();
            let shared = || workspace.get("workspace")?.get("dependencies")?.get(&name);
            let value = if inherited { shared()? } else { &value };
            Some(Path::new(value.get("path")?.as_str()?).file_name()?.to_str()?.to_owned())
        }) {
            if !may.contains(&folder.as_str()) {
                wrong.push(format!("{member} must not import {folder}"));
            }
        }
    }
    wrong
}

/// Every dependency that a manifest has, of whatever kind and target.
fn dependencies(manifest: &Table) -> Vec<(String, Value)> {
    let targets = manifest.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values);
    std::iter::once(manifest)
        .chain(targets.filter_map(Value::as_table))
        .flat_map(|table| {
            ["dependencies", "dev-dependencies", "build-dependencies"].map(|kind| table.get(kind))
        })
        .filter_map(|kind| kind.and_then(Value::as_table))
        .flat_map(|kind| kind.iter().map(|(name, value)| (name.clone(), value.clone())))
        .collect()
}

const CORE: &str = "ike-proto/src";

#[test]
fn files_of_the_core_import_only_downwards() {
    let files = source::rust_files(CORE);
    assert!(files.len() > 30, "only {} files in {CORE}", files.len());
    let wrong: Vec<String> =
        files.iter().flat_map(|file| wrong_imports(&module_of(file), file, &source::read(file))).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_upward_import_is_found_however_it_is_written() {
    let text = "\
use crate::ids::IkeSpi; // and crate::endpoint in a comment
use crate::{message::{self, Spis}, time::Time,
    sa::Sa};
fn f() -> &'static str { let _ = crate::exchange::Refusal; \"crate::endpoint\" }
mod tests { use super::Inner; use super::super::super::endpoint::Endpoint; }
use super::super::natd;
";
    let module = ["message".to_owned(), "init".to_owned()];
    let wrong = wrong_imports(&module, Path::new("init.rs"), text);
    let found: Vec<&str> = wrong.iter().map(|line| line.split(' ').next_back().unwrap_or_default()).collect();
    assert_eq!(found, ["sa", "exchange", "endpoint", "natd"], "{wrong:#?}");
    let (lower, unknown) = (["ids".to_owned()], ["news".to_owned()]);
    assert_eq!(
        wrong_imports(&lower, Path::new("ids.rs"), "use super::time;\nuse crate::wire;"),
        ["ids.rs: ids (layer 0) imports wire"]
    );
    assert_eq!(wrong_imports(&unknown, Path::new("news.rs"), "").len(), 1);
}

/// `ike-proto/src/sa/mod.rs` is `[sa]`, `ike-proto/src/sa/window.rs` is `[sa, window]`, `lib.rs` is `[]`.
fn module_of(file: &Path) -> Vec<String> {
    let inside = file.strip_prefix(CORE).expect("a file of the core").with_extension("");
    let names = inside.iter().map(|name| name.to_string_lossy().into_owned());
    names.filter(|name| name != "mod" && name != "lib").collect()
}

fn layer_of(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// The imports of a file, given its module, that go upwards or to what is in no layer.
fn wrong_imports(module: &[String], file: &Path, text: &str) -> Vec<String> {
    let Some(own) = module.first() else { return Vec::new() };
    let Some(layer) = layer_of(own) else {
        return vec![format!("{}: {own} is in no layer: add it to LAYERS in this test", file.display())];
    };
    let allowed = |import: &String| layer_of(import).is_some_and(|imported| imported <= layer);
    let wrong = imports(module, text).into_iter().filter(|import| !allowed(import));
    wrong.map(|import| format!("{}: {own} (layer {layer}) imports {import}", file.display())).collect()
}

/// The top-level modules that the paths in a file lead to, whether in a `use` or in the middle of an expression.
fn imports(module: &[String], text: &str) -> Vec<String> {
    let code: Vec<String> = source::lines(text).into_iter().map(|line| line.code).collect();
    let words = words(&code.join("\n"));
    let mut imports = Vec::new();
    // Braces that are open, and which of them belong to inline modules: `super` means one step less there.
    let mut open: Vec<bool> = Vec::new();
    let mut at = 0;
    while at < words.len() {
        match words[at].as_str() {
            "{" => open.push(at >= 2 && words[at - 2] == "mod"),
            "}" => drop(open.pop()),
            "crate" | "super" if words.get(at + 1).is_some_and(|next| next == "::") => {
                let inline = open.iter().filter(|module| **module).count();
                let mut left = if words[at] == "crate" { 0 } else { module.len() + inline - 1 };
                at += 2;
                while words.get(at).is_some_and(|next| next == "super") {
                    left -= 1;
                    at += 2;
                }
                // In its own module a path stays in its layer.
                if left == 0 {
                    imports.extend(heads(&words[at..]));
                }
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    imports
}

/// `a::b` leads to `a`; `{a::b, c}` to `a` and `c`.
fn heads(words: &[String]) -> Vec<String> {
    if words.first().is_none_or(|first| first != "{") {
        return words.first().cloned().into_iter().collect();
    }
    let mut heads = Vec::new();
    let mut depth = 0;
    for pair in words.windows(2) {
        match pair[0].as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        match (depth, pair[0].as_str()) {
            (0, _) => break,
            (1, "{" | ",") if pair[1] != "}" => heads.push(pair[1].clone()),
            _ => {}
        }
    }
    heads
}

/// Names, `::`, and every other character by itself.
fn words(code: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut joined = false;
    for c in code.chars() {
        let in_name = c.is_alphanumeric() || c == '_';
        match words.last_mut() {
            Some(last) if joined && in_name && last.ends_with(|c: char| c.is_alphanumeric() || c == '_') => {
                last.push(c);
            }
            Some(last) if joined && c == ':' && last == ":" => last.push(c),
            _ if c.is_whitespace() => {}
            _ => words.push(c.to_string()),
        }
        joined = !c.is_whitespace();
    }
    words
}

#[test]
fn a_file_names_its_module() {
    let module = |file: &str| module_of(&PathBuf::from(file)).join("::");
    assert_eq!(
        ["lib", "ids", "sa/mod", "sa/window"].map(|name| module(&format!("{CORE}/{name}.rs"))),
        ["", "ids", "sa", "sa::window"]
    );
}
