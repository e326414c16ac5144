//! `report.html`, in a real browser.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use harness::contract::CellKind;
use harness::record::Outcome;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::browser::Browser;
use super::{Report, fixture, mixed};

/// The published grid with eight seeds: 48 runs.
fn grid() -> &'static Report {
    static GRID: OnceLock<Report> = OnceLock::new();
    GRID.get_or_init(|| {
        let records = TempDir::new().unwrap();
        let plan = fixture::arms_plan(&CellKind::ALL, &["base"]);
        Report::written(&fixture::delayed(fixture::study(plan, 4_000, records.path())))
    })
}

fn page_of(report: &Report) -> PathBuf {
    report.directory.path().join("report.html")
}

/// A browser on the page of the 48 runs.
fn opened() -> Option<Browser> {
    let mut browser = Browser::start()?;
    browser.open(&page_of(grid()));
    Some(browser)
}

/// A script that has the table of a section as `table`, with its visible rows as lists of texts in `rows()`.
fn with_table(section: &str, script: &str) -> String {
    format!(
        "(() => {{ const table = document.querySelector('#{section} table'); \
           const rows = () => [...table.tBodies[0].rows].filter((row) => !row.hidden).map((row) => [...row.cells].map((cell) => cell.textContent)); \
           const sort = (name) => [...table.tHead.rows[0].cells].find((cell) => cell.textContent === name).querySelector('button').click(); \
           {script} }})()"
    )
}

#[test]
fn a_page_of_48_runs_is_one_small_file_that_names_no_other() {
    let text = fs::read_to_string(page_of(grid())).unwrap();
    assert!(text.len() < 2_000_000, "{} bytes", text.len());
    for sign in ["src=", "href=\"http", "url(", "@import", "<link"] {
        assert!(!text.contains(sign), "{sign}");
    }
}

#[test]
fn the_page_says_what_the_markdown_says() {
    for report in [mixed(), grid()] {
        let (page, markdown) = (fs::read_to_string(page_of(report)).unwrap(), report.text("report.md"));
        let headings = |text: &str, open: &str, close: &str| -> Vec<String> {
            text.split(open).skip(1).map(|rest| rest.split_once(close).unwrap().0.to_owned()).collect()
        };
        assert_eq!(headings(&page, "<h2>", "</h2>"), headings(&markdown, "\n## ", "\n"));
        assert_eq!(headings(&page, "<h3>", "</h3>"), headings(&markdown, "\n### ", "\n"));
        let rows = markdown
            .lines()
            .filter(|line| line.starts_with("| ") && !line.contains("---") && !line.contains("!["))
            .count();
        let blank = markdown.lines().filter(|line| line.starts_with("|   |")).count();
        assert_eq!(page.matches("<tr>").count(), rows - blank);
        for name in headings(&markdown, "](", ")").iter().filter_map(|target| target.strip_suffix(".png")) {
            assert!(page.contains(&format!("id=\"figure-{name}\"")), "{name}");
        }
    }
}

#[test]
fn ids_are_unique_and_every_link_has_its_place() {
    for report in [mixed(), grid()] {
        let page = fs::read_to_string(page_of(report)).unwrap();
        let all = |key: &str| -> Vec<String> {
            page.split(key).skip(1).map(|rest| rest.split_once('"').unwrap().0.to_owned()).collect()
        };
        let ids = all(" id=\"");
        let known: BTreeSet<_> = ids.iter().collect();
        assert_eq!(known.len(), ids.len(), "{ids:?}");
        for place in all(" href=\"#").iter().chain(&all(" aria-labelledby=\"")) {
            assert!(known.contains(place), "{place}");
        }
    }
}

#[test]
fn it_opens_without_a_complaint_at_every_width_and_nothing_runs_out_of_it() {
    let Some(mut browser) = opened() else { return };
    for (width, dark) in [(390, false), (820, true), (1440, false)] {
        browser.look(width, dark);
        let wide = browser.eval("document.documentElement.scrollWidth");
        assert!(wide.as_u64().unwrap() <= u64::from(width), "{wide} pixels of {width}");
    }
    let expected = json!(["light dark", "48 runs"]);
    let found = "[getComputedStyle(document.documentElement).colorScheme, document.querySelector('#question').textContent.match(/\\d+ runs/)[0]]";
    assert_eq!(browser.eval(found), expected);
    assert!(browser.complaints.is_empty(), "{:?}", browser.complaints);
}

#[test]
fn tables_sort_by_number_both_ways_and_back() {
    let Some(mut browser) = opened() else { return };
    let script = with_table(
        "every-run",
        "const column = [...table.tHead.rows[0].cells].findIndex((cell) => cell.textContent === 'AUC'); \
         const values = () => rows().map((row) => Number(row[column])); const first = values(); \
         sort('AUC'); const up = values(); const said = table.querySelector('[aria-sort]').ariaSort; sort('AUC'); const down = values(); sort('AUC'); \
         return { first, up, down, said, back: values(), none: table.querySelector('[aria-sort]') === null }",
    );
    let found = browser.eval(&script);
    let numbers =
        |key: &str| -> Vec<f64> { found[key].as_array().unwrap().iter().map(|own| own.as_f64().unwrap()).collect() };
    let mut sorted = numbers("first");
    assert_eq!(sorted.len(), 48);
    sorted.sort_by(f64::total_cmp);
    assert_ne!(numbers("first"), sorted);
    assert_eq!(numbers("up"), sorted);
    sorted.reverse();
    assert_eq!(numbers("down"), sorted);
    assert_eq!(
        (numbers("back"), &found["said"], &found["none"]),
        (numbers("first"), &json!("ascending"), &json!(true))
    );
}

#[test]
fn rows_that_go_on_with_the_row_above_stay_below_it() {
    let Some(mut browser) = opened() else { return };
    let script =
        with_table("against-the-published-figures", "sort('AUC'); return rows().map((row) => [row[0], row[3]])");
    let rows = browser.eval(&script);
    let rows: Vec<(String, String)> = serde_json::from_value(rows).unwrap();
    assert!(rows.len() > 12);
    for (place, (name, what)) in rows.iter().enumerate() {
        assert_eq!(name.is_empty(), what != "published", "{place}: {name} {what}");
    }
}

#[test]
fn tables_filter_by_every_word_and_say_how_many_rows_are_left() {
    let Some(mut browser) = opened() else { return };
    let script = with_table(
        "every-run",
        "const filter = table.closest('.table').previousElementSibling; const input = filter.querySelector('input'); \
         const type = (text) => { input.value = text; input.dispatchEvent(new Event('input')); return [rows().length, filter.querySelector('output').textContent] }; \
         return { some: type('LIBTORCH gru'), none: type('no such'), all: type(' ') }",
    );
    assert_eq!(
        browser.eval(&script),
        json!({ "some": [8, "8 of 48 rows"], "none": [0, "0 of 48 rows"], "all": [48, ""] })
    );
}

/// A script that has a figure's plot as `plot`, and how many lines of an arm and run are visible in `lines()`.
fn with_figure(name: &str, script: &str) -> String {
    format!(
        "(() => {{ const plot = document.querySelector('#figure-{name} .plot'); const switches = plot.parentElement.querySelector('.switches'); \
           const lines = (group, member) => [...plot.querySelectorAll('.series')].filter((own) => own.dataset.group === group && \
             (!member || own.dataset.member === member) && getComputedStyle(own).display !== 'none').length; \
           const box = (text) => [...switches.querySelectorAll('label')].filter((own) => own.textContent === text).map((own) => own.querySelector('input')); \
           {script} }})()"
    )
}

#[test]
fn arms_and_runs_are_switched_off_and_on_in_roc_and_learning_curves() {
    let Some(mut browser) = opened() else { return };
    for figure in ["roc-panel", "roc-gru", "learning-curves"] {
        let script = with_figure(
            figure,
            "const [arm, other] = ['libtorch GRU', 'tensorflow GRU']; const [mine] = box(arm); const seed = () => box('seed 3')[[...switches.querySelectorAll('fieldset > div')].findIndex((own) => own.contains(mine))]; \
             const all = [lines(arm), lines(other), lines(arm, 'seed 3')]; mine.click(); const off = [lines(arm), lines(other)]; mine.click(); \
             const again = lines(arm) === all[0]; seed().click(); \
             return { all, off, again, run: lines(arm, 'seed 3'), rest: lines(arm, 'seed 4'), half: mine.indeterminate, summary: switches.querySelector('summary').textContent }",
        );
        let found = browser.eval(&script);
        let number = |value: &Value| value.as_u64().unwrap();
        assert!(number(&found["all"][0]) >= 8 && number(&found["all"][2]) >= 1, "{figure}: {found}");
        assert_eq!(found["off"], json!([0, found["all"][1]]), "{figure}");
        assert_eq!(
            (&found["again"], &found["run"], &found["half"]),
            (&json!(true), &json!(0), &json!(true)),
            "{figure}"
        );
        assert!(number(&found["rest"]) >= 1, "{figure}");
        let expected =
            if figure == "roc-gru" { "Show or hide: 2 arms, 16 runs" } else { "Show or hide: 6 arms, 48 runs" };
        assert_eq!(found["summary"], expected);
    }
}

#[test]
fn the_value_under_the_pointer_is_the_one_in_the_record() {
    let records = TempDir::new().unwrap();
    let results = fixture::study(fixture::completed_plan(), 2_000, records.path());
    let report = Report::written(&results);
    let Some(mut browser) = Browser::start() else { return };
    browser.open(&page_of(&report));
    let gru = results
        .runs
        .iter()
        .find(|run| (run.planned.key.backend.as_str(), run.planned.key.cell) == ("libtorch", CellKind::Gru));
    let loss = gru.unwrap().record.as_ref().unwrap().epochs[3].validation.log_loss;
    let spot = browser.eval(&with_figure(
        "learning-curves",
        "const own = [...plot.querySelectorAll('.series')].find((own) => own.dataset.group === 'libtorch GRU' && own.dataset.y === 'validation loss'); \
         plot.scrollIntoView({ block: 'center' }); const [x, y] = own.dataset.at.split(' ')[3].split(',').map(Number); \
         const at = new DOMPoint(x, y).matrixTransform(plot.querySelector('svg').getScreenCTM()); return [at.x, at.y]",
    ));
    browser.point(spot[0].as_f64().unwrap(), spot[1].as_f64().unwrap());
    let said = "document.querySelector('#figure-learning-curves .reading').innerText";
    let text = browser.eval(said).as_str().unwrap().to_owned();
    let value: f64 = text.rsplit(' ').next().unwrap().parse().unwrap();
    assert!(text.starts_with("libtorch GRU, seed 1\nepoch 4, validation loss "), "{text}");
    assert!((value - loss).abs() < 1e-3 * loss, "{text}: {loss}");
    browser.point(1.0, 1.0);
    assert_eq!(browser.eval(said), "");
}

#[test]
fn values_are_read_and_switches_set_with_the_keyboard_alone() {
    let Some(mut browser) = opened() else { return };
    browser.eval("document.querySelector('#figure-learning-curves .plot').focus()");
    for key in ["ArrowRight", "ArrowRight", "ArrowDown"] {
        browser.press(key);
    }
    let reading = "document.querySelector('#figure-learning-curves .reading').innerText";
    let text = browser.eval(reading).as_str().unwrap().to_owned();
    assert!(text.contains(", seed 2\nepoch 2, training loss "), "{text}");
    browser.press("Escape");
    assert_eq!(browser.eval(reading), "");
    let reachable = "[...document.querySelectorAll('th button, .switches summary, .filter input, .plot[tabindex]')].every((own) => own.tabIndex === 0)";
    assert_eq!(browser.eval(reachable), true);
    let named = "[...document.querySelectorAll('input, svg[role=img], .table, nav')].every((own) => own.labels?.length || own.getAttribute('aria-label') || document.getElementById(own.getAttribute('aria-labelledby')))";
    assert_eq!(browser.eval(named), true);
}

#[test]
fn a_link_to_what_is_folded_opens_it_and_print_shows_everything() {
    let Some(mut browser) = opened() else { return };
    assert_eq!(browser.eval("document.querySelector('#protocol').open"), false);
    browser.eval("new Promise((done) => { addEventListener('hashchange', () => setTimeout(done)); location.hash = '#protocol' })");
    assert_eq!(browser.eval("document.querySelector('#protocol').open"), true);
    browser.look(1440, true);
    let pdf = browser.print();
    assert!(pdf.starts_with(b"%PDF") && pdf.len() > 50_000, "{} bytes", pdf.len());
    assert_eq!(browser.eval("document.querySelector('#environment').open"), false, "it is folded again");
}

#[test]
fn nothing_in_a_record_becomes_html_or_a_script() {
    const HOSTILE: &str =
        "<script>window.hit = 1</script><img src=x onerror='window.hit = 2'>\"'><b>|` [x](javascript:window.hit=3)";
    let records = TempDir::new().unwrap();
    let mut results = fixture::study(fixture::mixed_plan(), 400, records.path());
    results.study.title = HOSTILE.into();
    results.study.variant_titles.insert("base".into(), HOSTILE.into());
    for run in &mut results.runs {
        run.planned.key.variant = HOSTILE.into();
        if let Some(record) = &mut run.record {
            record.key.variant = HOSTILE.into();
            record.environment.cpu = HOSTILE.into();
            record.backend.libraries[0].name = HOSTILE.into();
            record.origins.insert("epochs".into(), HOSTILE.into());
            if let Outcome::Failed { reason, last_words } = &mut record.outcome {
                (*reason, *last_words) = (HOSTILE.into(), format!("\n{HOSTILE}\n</code></pre>{HOSTILE}"));
            }
        }
    }
    let report = Report::written(&results);
    let text = fs::read_to_string(page_of(&report)).unwrap();
    assert_eq!(text.matches("<script").count(), 1, "the page's own");
    assert!(!text.contains("<img") && !text.contains("href=\"javascript"));
    let Some(mut browser) = Browser::start() else { return };
    browser.open(&page_of(&report));
    assert_eq!(browser.eval("[window.hit === undefined, document.title]"), json!([true, HOSTILE]));
    assert_eq!(browser.eval("document.querySelectorAll('main b, main img').length"), 0);
    assert!(browser.complaints.is_empty(), "{:?}", browser.complaints);
}

/// Pictures of a page to look at, at three widths in light and dark, and its PDF:
/// `PAGE=report.html PICTURES=dir cargo test -p harness --test report pictures`.
#[test]
fn pictures() {
    let (Some(page), Some(to)) = (std::env::var_os("PAGE"), std::env::var_os("PICTURES")) else { return };
    let to = PathBuf::from(to);
    fs::create_dir_all(&to).unwrap();
    let mut browser = Browser::start().unwrap();
    for width in [390, 820, 1440] {
        for dark in [false, true] {
            browser.look(width, dark);
            browser.open(&fs::canonicalize(&page).unwrap());
            let name = format!("{width}-{}.png", if dark { "dark" } else { "light" });
            fs::write(to.join(name), browser.picture()).unwrap();
        }
    }
    fs::write(to.join("page.pdf"), browser.print()).unwrap();
}
