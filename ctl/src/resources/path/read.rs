// SPDX-License-Identifier: MPL-2.0
//! Reading a template.
//!
//! Owns: the grammar, and why something is none.
//! Never: looks at a value.

use std::str::Chars;

use serde_json::{Number, Value};

use super::{Comparison, Condition, Expression, Part, Step};

/// How many ranges may stand in each other: nobody writes more by hand, and each is a call of its own.
const RANGES_MAX: usize = 16;

type Read<T> = Result<T, String>;

/// Reads a whole template. One without braces is a path.
pub(super) fn template(text: &str) -> Read<Vec<Part>> {
    if !text.contains('{') {
        return Ok(vec![Part::Found(whole(text)?)]);
    }
    let mut open: Vec<(Expression, Vec<Part>)> = Vec::new();
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, inside)) = rest.split_once('{') {
        if !before.is_empty() {
            parts.push(Part::Text(before.to_owned()));
        }
        let inside = inside.trim_start();
        let (action, after) = action(inside)?;
        rest = after
            .trim_start()
            .strip_prefix('}')
            .ok_or_else(|| unexpected(after, "`}`"))?;
        match action {
            Action::Show(expression) => parts.push(Part::Found(expression)),
            Action::Begin(expression) => {
                if open.len() == RANGES_MAX {
                    return Err(format!("more than {RANGES_MAX} ranges stand in each other"));
                }
                open.push((expression, std::mem::take(&mut parts)));
            }
            Action::End => {
                let (expression, outer) =
                    open.pop().ok_or("there is no {range …} before an {end}")?;
                let inner = std::mem::replace(&mut parts, outer);
                parts.push(Part::Each(expression, inner));
            }
        }
    }
    if !open.is_empty() {
        return Err("a {range …} has no {end}".to_owned());
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.to_owned()));
    }
    Ok(parts)
}

/// What stands between braces.
enum Action {
    Show(Expression),
    Begin(Expression),
    End,
}

fn action(text: &str) -> Read<(Action, &str)> {
    let word = |word: &str| {
        let rest = text.strip_prefix(word)?;
        (rest.is_empty() || rest.starts_with([' ', '}'])).then_some(rest)
    };
    if let Some(rest) = word("end") {
        return Ok((Action::End, rest));
    }
    if let Some(rest) = word("range") {
        let (expression, rest) = expression(rest.trim_start())?;
        return Ok((Action::Begin(expression), rest));
    }
    let (expression, rest) = expression(text)?;
    Ok((Action::Show(expression), rest))
}

/// An expression that nothing follows.
fn whole(text: &str) -> Read<Expression> {
    let (expression, rest) = expression(text.trim())?;
    if rest.trim_start().is_empty() {
        Ok(expression)
    } else {
        Err(unexpected(rest, "the end"))
    }
}

/// An expression at the beginning of `text`, and what follows it.
fn expression(text: &str) -> Read<(Expression, &str)> {
    if let Some(quoted) = text.strip_prefix('"') {
        return literal(quoted, '"');
    }
    if let Some(quoted) = text.strip_prefix('\'') {
        return literal(quoted, '\'');
    }
    if text.starts_with(|letter: char| letter.is_ascii_digit() || "+-".contains(letter)) {
        let end = text
            .find(|letter: char| letter.is_whitespace() || letter == '}')
            .unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        let number = number(word).ok_or_else(|| format!("{word:?} is no number"))?;
        return Ok((Expression::Literal(Value::Number(number)), rest));
    }
    for (word, truth) in [("true", true), ("false", false)] {
        if let Some(rest) = text.strip_prefix(word)
            && (rest.is_empty() || rest.starts_with([' ', '}']))
        {
            return Ok((Expression::Literal(Value::Bool(truth)), rest));
        }
    }
    path(text)
}

fn number(word: &str) -> Option<Number> {
    match word.parse::<i64>() {
        Ok(number) => Some(number.into()),
        Err(_) => Number::from_f64(word.parse().ok()?),
    }
}

fn literal(quoted: &str, quote: char) -> Read<(Expression, &str)> {
    let mut letters = quoted.chars();
    let mut text = String::new();
    loop {
        match letters.next() {
            None => return Err(format!("a {quote} is not closed")),
            Some('\\') => text.push(escape(&mut letters)?),
            Some(letter) if letter == quote => break,
            Some(letter) => text.push(letter),
        }
    }
    let literal = Expression::Literal(Value::String(text));
    Ok((literal, letters.as_str()))
}

/// The letter that an escape of Go stands for.
fn escape(letters: &mut Chars<'_>) -> Read<char> {
    let letter = letters.next().unwrap_or(' ');
    let width = match letter {
        'a' => return Ok('\u{7}'),
        'b' => return Ok('\u{8}'),
        'f' => return Ok('\u{c}'),
        'n' => return Ok('\n'),
        'r' => return Ok('\r'),
        't' => return Ok('\t'),
        'v' => return Ok('\u{b}'),
        '\\' | '\'' | '"' => return Ok(letter),
        'x' => 2,
        'u' => 4,
        'U' => 8,
        _ => return Err(format!("there is no escape \\{letter}")),
    };
    let digits: String = letters.by_ref().take(width).collect();
    let is_whole = digits.chars().all(|digit| digit.is_ascii_hexdigit());
    u32::from_str_radix(&digits, 16)
        .ok()
        .filter(|_| is_whole && digits.len() == width)
        .and_then(char::from_u32)
        .ok_or_else(|| format!("\\{letter}{digits} is no letter"))
}

fn path(text: &str) -> Read<(Expression, &str)> {
    let mut rest = text.strip_prefix(['@', '$']).unwrap_or(text);
    let mut steps = Vec::new();
    let is_from_here = rest.len() < text.len();
    // A key may come first without its dot, and a dot alone is the value itself.
    if !is_from_here {
        if let Some(after) = rest.strip_prefix('.')
            && (after.is_empty() || after.starts_with([' ', '}']))
        {
            return Ok((Expression::Path(steps), after));
        }
        if !rest.starts_with(['.', '[']) {
            let (name, after) = key(rest)?;
            steps.push(Step::Key(name));
            rest = after;
        }
    }
    loop {
        if let Some(after) = rest.strip_prefix("..") {
            if steps.last() == Some(&Step::Descend) {
                return Err("`..` stands behind `..`".to_owned());
            }
            steps.push(Step::Descend);
            rest = after;
            if rest.starts_with(|letter: char| letter == '*' || !ends_a_key(letter)) {
                rest = dotted(rest, &mut steps)?;
            }
        } else if let Some(after) = rest.strip_prefix('.') {
            rest = dotted(after, &mut steps)?;
        } else if let Some(after) = rest.strip_prefix("[?(") {
            rest = filter(after, &mut steps)?;
        } else if let Some(after) = rest.strip_prefix('[') {
            rest = bracket(after, &mut steps)?;
        } else {
            return Ok((Expression::Path(steps), rest));
        }
    }
}

/// What may stand behind a dot.
fn dotted<'t>(text: &'t str, steps: &mut Vec<Step>) -> Read<&'t str> {
    let (name, rest) = key(text)?;
    steps.push(if name == "*" {
        Step::All
    } else {
        Step::Key(name)
    });
    Ok(rest)
}

fn ends_a_key(letter: char) -> bool {
    letter.is_whitespace() || ".,[]$@{}".contains(letter)
}

/// A key at the beginning of a path, and what follows it. A backslash takes a dot for a letter.
fn key(text: &str) -> Read<(String, &str)> {
    let mut name = String::new();
    let mut letters = text.chars();
    let mut rest = text;
    while let Some(letter) = letters.next() {
        if letter == '\\' {
            name.extend(letters.next());
        } else if ends_a_key(letter) {
            break;
        } else {
            name.push(letter);
        }
        rest = letters.as_str();
    }
    if name.is_empty() {
        return Err(unexpected(text, "a key"));
    }
    Ok((name, rest))
}

/// Splits at the first of some letters that stands in no quotes.
fn split_outside_quotes(text: &str, is_end: impl Fn(char) -> bool) -> Option<(&str, &str)> {
    let mut quote = None;
    let mut is_escaped = false;
    for (at, letter) in text.char_indices() {
        match quote {
            None if is_end(letter) => return Some((text.get(..at)?, text.get(at..)?)),
            None if matches!(letter, '\'' | '"') => quote = Some(letter),
            Some(end) if letter == end && !is_escaped => quote = None,
            None | Some(_) => {}
        }
        is_escaped = letter == '\\' && !is_escaped;
    }
    None
}

/// What stands in a bracket that is open.
fn bracket<'t>(text: &'t str, steps: &mut Vec<Step>) -> Read<&'t str> {
    let (mut inside, rest) =
        split_outside_quotes(text, |letter| letter == ']').ok_or("a `[` is not closed")?;
    let rest = rest.strip_prefix(']').unwrap_or(rest);
    let mut union = Vec::new();
    while let Some((item, after)) = split_outside_quotes(inside, |letter| letter == ',') {
        union.push(place(item.trim())?);
        inside = after.strip_prefix(',').unwrap_or(after);
    }
    let last = place(inside.trim())?;
    steps.push(if union.is_empty() {
        last
    } else {
        union.push(last);
        Step::Union(union)
    });
    Ok(rest)
}

/// One of the places in a bracket: a key in quotes, a position, a slice.
fn place(text: &str) -> Read<Step> {
    if matches!(text, "*" | ":") {
        return Ok(Step::All);
    }
    for quote in ['\'', '"'] {
        let inner = text
            .strip_prefix(quote)
            .and_then(|text| text.strip_suffix(quote));
        if let Some(name) = inner {
            return named(name);
        }
    }
    let bad = || {
        format!(
            "[{text}]: a position, a slice such as 0:2, a key in quotes or a filter such as ?(@.a==1) is wanted"
        )
    };
    let numbers: Vec<Option<i64>> = text
        .split(':')
        .map(|word| match word.trim() {
            "" => Ok(None),
            word => word.parse().map(Some).map_err(|_| bad()),
        })
        .collect::<Read<_>>()?;
    let step = |step: Option<i64>| {
        let step = usize::try_from(step.unwrap_or(1)).ok();
        step.filter(|step| *step != 0).ok_or_else(bad)
    };
    match numbers[..] {
        [Some(at)] => Ok(Step::Position(at)),
        [from, to] => Ok(Step::Slice(from, to, 1)),
        [from, to, by] => Ok(Step::Slice(from, to, step(by)?)),
        _ => Err(bad()),
    }
}

/// A key in quotes. Dots that no backslash stands before may spell a path.
fn named(quoted: &str) -> Read<Step> {
    let mut keys = Vec::new();
    let mut rest = quoted;
    let mut name = String::new();
    loop {
        let end = rest.find(['.', '\\']).unwrap_or(rest.len());
        let (plain, after) = rest.split_at(end);
        name.push_str(plain);
        let mut letters = after.chars();
        match letters.next() {
            None => break,
            Some('.') => keys.push(std::mem::take(&mut name)),
            Some(_) => name.extend(letters.next()),
        }
        rest = letters.as_str();
    }
    if keys.is_empty() {
        return if name.is_empty() {
            Err("a key in quotes is empty".to_owned())
        } else {
            Ok(Step::Key(name))
        };
    }
    keys.push(name);
    Ok(Step::Named(quoted.replace('\\', ""), keys))
}

/// The operators, the longer ones first.
const COMPARISONS: &[(&str, Comparison)] = &[
    ("==", Comparison::Equal),
    ("!=", Comparison::NotEqual),
    ("<=", Comparison::LessOrEqual),
    (">=", Comparison::GreaterOrEqual),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
];

/// What stands in a filter that is open. There are no filters in filters, as in kubectl.
fn filter<'t>(text: &'t str, steps: &mut Vec<Step>) -> Read<&'t str> {
    let (inside, rest) =
        split_outside_quotes(text, |letter| letter == ')').ok_or("a `[?(` is not closed")?;
    let rest = rest
        .strip_prefix(")]")
        .ok_or_else(|| unexpected(rest, "`)]`"))?;
    let is_operator = |letter: char| "=!<>".contains(letter);
    let (left, condition) = match split_outside_quotes(inside, is_operator) {
        None => (inside, Condition::Exists),
        Some((left, compared)) => {
            let known = COMPARISONS
                .iter()
                .find_map(|(sign, comparison)| Some((comparison, compared.strip_prefix(sign)?)));
            let (comparison, right) = known
                .filter(|(_, right)| !right.starts_with(['=', '!', '<', '>', '~']))
                .ok_or_else(|| {
                    format!("{compared:?} begins with no comparison; there are == != < <= > >=")
                })?;
            (left, Condition::Compares(*comparison, operand(right)?))
        }
    };
    steps.push(Step::Filter(operand(left)?, condition));
    Ok(rest)
}

/// A side of a comparison. A path says where it begins; a word that is no path means nothing.
fn operand(text: &str) -> Read<Expression> {
    let text = text.trim();
    let operand = whole(text)?;
    match operand {
        Expression::Path(_) if !text.starts_with(['@', '$', '.', '[']) => {
            Err(unexpected(text, "@, or a text in quotes,"))
        }
        Expression::Path(_) | Expression::Literal(_) => Ok(operand),
    }
}

fn unexpected(rest: &str, wanted: &str) -> String {
    if rest.is_empty() {
        format!("{wanted} is wanted at the end")
    } else {
        format!("{wanted} is wanted before {rest:?}")
    }
}
