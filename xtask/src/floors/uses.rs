//! Finds the top-level modules that a source file uses, by path.
//!
//! A use is a path that starts with `crate`, `super` or `self` and leads out of the file's own
//! top-level module: in a `use`, in code, in a macro's tokens or in an attribute's.
//! Visibilities such as `pub(in crate::wait)` grant and don't use; doc comments are text.

use std::collections::BTreeSet;

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Attribute, Item, Meta, Token, UseTree};

/// What a path from outside its own top-level module names.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// A name in the crate root, which should be a module's.
    Module(String),
    /// The crate root itself, as in `use crate::*`.
    Root,
}

/// What [`find`] learns from a file.
#[derive(Debug)]
pub struct Findings {
    /// Lines and what they use, each pair once.
    pub uses: BTreeSet<(usize, Target)>,
    /// Paths of the modules declared here that only tests compile.
    pub tests: Vec<Vec<String>>,
}

/// Finds what `file`, which is the module at path `module`, uses.
pub fn find(module: &[String], file: &syn::File) -> Findings {
    let mut finder = Finder {
        module: module.to_vec(),
        findings: Findings {
            uses: BTreeSet::new(),
            tests: Vec::new(),
        },
    };
    finder.visit_file(file);
    finder.findings
}

struct Finder {
    /// The module that is being visited; inline modules add to it.
    module: Vec<String>,
    findings: Findings,
}

impl Finder {
    /// Takes the segments of a path as far as they are known.
    fn path(&mut self, segments: &[String], line: usize) {
        if !segments.first().is_some_and(|first| is_anchor(first)) {
            return;
        }
        let mut depth = self.module.len();
        let mut named = None;
        for segment in segments {
            match segment.as_str() {
                "crate" => depth = 0,
                "super" => depth = depth.saturating_sub(1),
                "self" => {}
                name => {
                    named = Some(name);
                    break;
                }
            }
        }
        if depth > 0 || named.is_some() && named == self.module.first().map(String::as_str) {
            return;
        }
        let target = match named {
            Some(name) => Target::Module(name.to_owned()),
            None => Target::Root,
        };
        self.findings.uses.insert((line, target));
    }

    fn use_tree(&mut self, prefix: &[String], tree: &UseTree) {
        let with = |ident: &Ident| [prefix, &[ident.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.use_tree(&with(&path.ident), &path.tree),
            UseTree::Name(name) => self.path(&with(&name.ident), line(name)),
            UseTree::Rename(rename) => self.path(&with(&rename.ident), line(rename)),
            UseTree::Glob(glob) => self.path(prefix, line(glob)),
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.use_tree(prefix, tree);
                }
            }
        }
    }

    /// Looks for paths in tokens that have no grammar yet.
    fn tokens(&mut self, tokens: &TokenStream) {
        let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
        let mut rest = tokens.as_slice();
        while let Some((token, after)) = rest.split_first() {
            rest = after;
            match token {
                TokenTree::Group(group) => self.tokens(&group.stream()),
                TokenTree::Ident(ident) if is_anchor(&ident.to_string()) => {
                    rest = self.path_in_tokens(ident, after);
                }
                _ => {}
            }
        }
    }

    /// Takes the path that starts with `anchor`, and returns the tokens behind it.
    fn path_in_tokens<'t>(&mut self, anchor: &Ident, mut rest: &'t [TokenTree]) -> &'t [TokenTree] {
        let mut segments = vec![anchor.to_string()];
        // A lone `crate` or `super` is a visibility, a lone `self` a value.
        let mut is_path = false;
        while let [TokenTree::Punct(a), TokenTree::Punct(b), after @ ..] = rest {
            if a.as_char() != ':' || b.as_char() != ':' {
                break;
            }
            is_path = true;
            rest = after;
            let Some((next, after)) = after.split_first() else {
                break;
            };
            if let TokenTree::Ident(ident) = next {
                segments.push(ident.to_string());
                rest = after;
            } else if let Ok(tree) = syn::parse2::<UseTree>(next.clone().into()) {
                self.use_tree(&segments, &tree);
                return after;
            }
        }
        if is_path {
            self.path(&segments, line(anchor));
        }
        rest
    }
}

impl<'ast> Visit<'ast> for Finder {
    fn visit_item(&mut self, item: &'ast Item) {
        if !attributes(item).iter().any(is_test) {
            visit::visit_item(self, item);
        } else if let Item::Mod(module) = item {
            let path = [&self.module[..], &[module.ident.to_string()]].concat();
            self.findings.tests.push(path);
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        if !function.attrs.iter().any(is_test) {
            visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        self.module.push(module.ident.to_string());
        visit::visit_item_mod(self, module);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if item.leading_colon.is_none() {
            self.use_tree(&[], &item.tree);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<_> = path.segments.iter().map(|s| s.ident.to_string()).collect();
        if path.leading_colon.is_none() {
            self.path(&segments, line(path));
        }
        visit::visit_path(self, path);
    }

    fn visit_vis_restricted(&mut self, _: &'ast syn::VisRestricted) {}

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.visit_path(&call.path);
        self.tokens(&call.tokens);
    }

    fn visit_meta_list(&mut self, meta: &'ast syn::MetaList) {
        self.tokens(&meta.tokens);
    }
}

fn line(of: &impl Spanned) -> usize {
    of.span().start().line
}

/// Whether a path that starts so is relative to the crate or to the module it stands in.
fn is_anchor(segment: &str) -> bool {
    matches!(segment, "crate" | "super" | "self")
}

/// Whether an attribute is a `cfg` that holds in tests only.
fn is_test(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg")
        && attribute
            .parse_args::<Meta>()
            .is_ok_and(|predicate| needs_test(&predicate))
}

fn needs_test(predicate: &Meta) -> bool {
    let Meta::List(list) = predicate else {
        return predicate.path().is_ident("test");
    };
    let Ok(inner) = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated) else {
        return false;
    };
    if list.path.is_ident("all") {
        inner.iter().any(needs_test)
    } else {
        list.path.is_ident("any") && !inner.is_empty() && inner.iter().all(needs_test)
    }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}
