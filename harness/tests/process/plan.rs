//! Study files: what is wrong with them, and what they resolve to.

use std::path::Path;

use harness::plan::Study;

use crate::support::{Bench, small_study};

fn refusal(text: &str) -> String {
    Study::parse(text, Path::new("study.toml")).unwrap_err().to_string()
}

/// What `study run --dry-run` says of a study that can't be.
fn refused_plan(study: &str, arguments: &[&str]) -> String {
    let bench = Bench::new(study);
    let output = bench.run(&["fake", "slow"], &[&["--dry-run"], arguments].concat()).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn an_unknown_key_is_told_with_its_line_and_what_is_allowed() {
    let study = small_study(&["fake"], &["rnn"]).replace("epochs = 2", "epoch = 2");
    insta::assert_snapshot!(refusal(&study));
}

#[test]
fn a_wrong_type_is_told_with_its_line() {
    let study = small_study(&["fake"], &["rnn"]).replace("epochs = 2", "epochs = \"two\"");
    insta::assert_snapshot!(refusal(&study));
}

#[test]
fn an_unknown_word_is_told_with_what_is_allowed() {
    let study = format!("{}padding = \"left\"\n", small_study(&["fake"], &["rnn"]));
    insta::assert_snapshot!(refusal(&study));
}

#[test]
fn an_axis_that_is_empty_or_repeats_itself_is_refused() {
    insta::assert_snapshot!(refusal(&small_study(&[], &["rnn"])));
    insta::assert_snapshot!(refusal(&small_study(&["fake", "fake"], &["rnn"])));
}

#[test]
fn settings_for_a_backend_that_is_not_in_the_grid_are_refused() {
    let study = format!("{}\n[backend.libtorch]\nclip_norm = 5.0\n", small_study(&["fake"], &["rnn"]));
    insta::assert_snapshot!(refusal(&study));
}

#[test]
fn a_value_that_can_not_be_is_told_with_its_line() {
    let study = small_study(&["fake"], &["rnn"]).replace("hidden_size = 2", "hidden_size = 0");
    insta::assert_snapshot!(refused_plan(&study, &[]));
    insta::assert_snapshot!(refused_plan(&small_study(&["fake"], &["rnn"]), &["--set", "dropout.rate=1.5"]));
}

#[test]
fn a_matched_study_whose_backends_differ_says_in_what() {
    let study = small_study(&["fake", "slow"], &["rnn"]).replace("native", "matched");
    let study = format!("{study}\n[backend.slow]\nclip_norm = 5.0\nadam = {{ epsilon = 1e-8 }}\n");
    insta::assert_snapshot!(refused_plan(&study, &[]));
}

#[test]
fn a_part_of_no_run_s_name_is_told_with_the_names_there_are() {
    insta::assert_snapshot!(refused_plan(&small_study(&["fake"], &["rnn"]), &["--only", "transformer"]));
}

#[test]
fn a_dry_run_shows_every_setting_with_where_it_came_from() {
    let study = format!(
        "{}\n[backend.slow]\nclip_norm = 5.0\n\n[[variant]]\nname = \"front\"\n[variant.protocol]\npadding = \"front\"\n\n[[variant]]\nname = \"end\"\nbackends = [\"fake\"]\n",
        small_study(&["fake", "slow"], &["rnn"])
    );
    let bench = Bench::new(&study);
    let output = bench.run(&["fake", "slow"], &["--dry-run", "--set", "learning_rate=0.01"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!bench.path("runs").exists());
    // Without the defaults of the program, which a later setting would add to.
    let plan = String::from_utf8(output.stdout).unwrap();
    // Nor what this machine has.
    let given = |line: &&str| !line.ends_with("default of this program") && !line.starts_with("memory  ");
    insta::assert_snapshot!(plan.lines().filter(given).collect::<Vec<_>>().join("\n"));
}

#[test]
fn the_shipped_studies_can_be_read() {
    let studies = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/studies")).unwrap();
    let mut read = 0;
    let studies = studies.flatten().map(|entry| entry.path());
    for path in studies.filter(|path| path.extension().is_some_and(|extension| extension == "toml")) {
        Study::read(&path).unwrap_or_else(|error| panic!("{error}"));
        read += 1;
    }
    assert!(read >= 2);
}

#[test]
fn a_number_that_is_none_or_out_of_its_range_is_refused_wherever_it_stands() {
    let study = small_study(&["fake"], &["rnn"]);
    for (set, range) in [
        ("scheduler={kind=\"plateau\",threshold=nan}", "scheduler.threshold: must be a number in [0, 1000], not nan"),
        ("scheduler.factor=nan", "scheduler.factor: must be a number in (0, 1), not nan"),
        ("scheduler.min_learning_rate=inf", "scheduler.min_learning_rate: must be a number in [0, 1000], not inf"),
        ("hidden_size=200000", "hidden_size: must be a whole number from 1 to 16384, not 200000"),
        ("max_length=1000000000", "max_length: must be a whole number from 1 to 65536, not 1000000000"),
        ("epochs=4294967295", "epochs: must be a whole number from 1 to 100000, not 4294967295"),
        ("padding.side=front", "padding: must be `front` or `end`"),
        ("epoch=3", "there is no knob `epoch`; `epochs` is the nearest"),
    ] {
        let refused = refused_plan(&study, &["--set", set]);
        assert!(refused.contains(&format!("--set: {range}")), "{set}: {refused}");
    }
}

#[test]
fn models_and_batches_that_are_too_large_together_are_refused_with_their_size() {
    let study = small_study(&["fake"], &["lstm"]);
    let large = refused_plan(&study, &["--set", "hidden_size=16384", "--set", "layers=4"]);
    assert!(large.contains("parameters: ") && large.contains("is over the bound of 134217728"), "{large}");
    let long = refused_plan(&study, &["--set", "max_length=65536", "--set", "batch_size=65536"]);
    assert!(long.contains("tokens: 4294967296 is over the bound of 67108864"), "{long}");
    let evaluated = refused_plan(&study, &["--set", "max_length=65536", "--set", "evaluation_batch_size=2048"]);
    assert!(evaluated.contains("evaluation_batch_size: 134217728 tokens"), "{evaluated}");
    let bench = Bench::new(&study);
    let jobs = bench.run(&["fake"], &["--jobs", "200000"]).output().unwrap();
    assert!(String::from_utf8(jobs.stderr).unwrap().contains("a number from 1 to 1024"));
}

#[test]
fn a_plan_that_no_machine_holds_is_refused_with_what_it_needs() {
    let study = small_study(&["fake"], &["lstm"]);
    let set = ["--set", "batch_size=4096", "--set", "max_length=16384", "--set", "hidden_size=4096"];
    let refused = refused_plan(&study, &set);
    assert!(
        refused.contains("failed to find the memory for it: at least ")
            && refused.contains(" for fake-lstm-base-s1, and this machine"),
        "{refused}"
    );
    assert!(refused.contains("choose a smaller batch_size"), "{refused}");
    let bench = Bench::new(&study);
    let output = bench.run(&["fake"], &set).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "the run refuses it, too");
    assert!(!bench.path("runs").exists() && !bench.path("data").exists());
    let plan = bench.run(&["fake"], &["--dry-run"]).output().unwrap();
    let plan = String::from_utf8(plan.stdout).unwrap();
    let line = plan.lines().last().unwrap();
    assert!(
        line.starts_with("memory  at least ") && line.contains(" for fake-lstm-base-s1; this machine has "),
        "{line}"
    );
}

#[test]
fn data_that_can_not_be_had_is_refused_by_the_plan() {
    let study = small_study(&["fake"], &["rnn"]);
    for (set, why) in [
        ("data.train=0", "--set data: the train split can't have 0 reviews"),
        ("data.train=7", "--set data: the train split can't have 7 reviews"),
        ("data.train=18446744073709551615", "the train split can't have 18446744073709551615 reviews"),
        ("data.train=60000", "need 30030 of each class, and the corpus has 60 negative ones"),
        ("data.vocabulary_size=2", "--set data: a vocabulary size of 2 is not possible"),
        ("data.sed=1", "unknown field `sed`, expected one of `corpus`, `train`"),
    ] {
        let refused = refused_plan(&study, &["--set", set]);
        assert!(refused.contains(why), "{set}: {refused}");
    }
}

#[test]
fn every_seed_of_64_bits_is_accepted_for_data_and_runs() {
    let most = u64::MAX.to_string();
    let study = small_study(&["fake"], &["rnn"]).replace("seed = 1\n", &format!("seed = {most}\n"));
    let study = study.replace("seeds = [1]", &format!("seeds = [{most}]"));
    let bench = Bench::new(&study);
    for set in [vec![], vec!["--set", "data.train=40"], vec!["--set", "data.seed=18446744073709551614"]] {
        let output = bench.run(&["fake"], &[&["--dry-run"], set.as_slice()].concat()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        let plan = String::from_utf8(output.stdout).unwrap();
        assert!(plan.contains(&format!("fake-rnn-base-s{most}")), "{plan}");
    }
}

#[test]
fn a_variant_that_is_for_nothing_of_the_study_is_refused() {
    let study = small_study(&["fake"], &["gru"]);
    for (own, why) in [
        ("cells = [\"lstm\"]", "variant `one` names `lstm`, which is not in `cells` (gru)"),
        ("cells = []", "`cells` is empty; name at least one"),
        ("backends = []", "`backends` is empty; name at least one"),
        ("backends = [\"slow\"]", "variant `one` names `slow`, which is not in `backends` (fake)"),
        ("seeds = []", "`seeds` is empty; name at least one"),
        ("seeds = [1, 2, 1]", "`1` stands twice in `seeds`"),
        ("title = \"two\\nlines\"", "a title is one line"),
        ("against = \"two\"", "variant `one` is held against `two`, which is no other variant of this study"),
        ("against = \"one\"", "variant `one` is held against `one`, which is no other variant of this study"),
    ] {
        let refused = refusal(&format!("{study}\n[[variant]]\nname = \"one\"\n{own}\n"));
        assert!(refused.contains(why), "{own}: {refused}");
    }
}

#[test]
fn names_make_names_of_files_and_titles_one_line() {
    let study = small_study(&["fake"], &["rnn"]);
    let long = "x".repeat(65);
    for name in ["", "../../esc", "a\\nb", "a|b", "A", ".hidden", "-dash", "ä", &long] {
        for (place, written) in [
            ("name = \"small\"", format!("name = \"{name}\"")),
            ("backends = [\"fake\"]", format!("backends = [\"{name}\"]")),
            ("epochs = 2", format!("epochs = 2\n[[variant]]\nname = \"{name}\"\n[variant.protocol]")),
        ] {
            let refused = refusal(&study.replace(place, &written));
            assert!(
                refused.contains("is no name") && refused.contains("a letter or digit first"),
                "{written}: {refused}"
            );
        }
    }
    Study::parse(&study.replace("\"small\"", "\"v2.1_front-all\""), Path::new("study.toml")).unwrap();
    for title in ["", "  ", "one\\ntwo", &"x".repeat(301)] {
        let refused = refusal(&study.replace("A small study", title));
        assert!(refused.contains("a title is one line of 1 to 300 bytes"), "{refused}");
    }
    let bench = Bench::new(&study);
    let output = bench.run(&["fake"], &["--backend", "../esc=fake"]).output().unwrap();
    assert!(String::from_utf8(output.stderr).unwrap().contains("is no name of a backend"));
}

#[test]
fn too_many_runs_are_refused_before_they_take_memory() {
    let seeds: Vec<u64> = (0..200_000).collect();
    let study = small_study(&["fake"], &["rnn"]).replace("seeds = [1]", &format!("seeds = {seeds:?}"));
    assert!(refused_plan(&study, &[]).contains("line 6: the study has more than 100000 runs"));
}

#[test]
fn data_settings_of_one_side_of_a_lockstep_and_a_variant_where_there_is_none_are_refused() {
    let bench = Bench::new(&small_study(&["fake"], &["rnn"]));
    for (arguments, why) in [
        (
            ["--set-a", "data.train=10"],
            "data.train is a setting of the data, which both sides share; give it with --set",
        ),
        (["--variant", "x"], "the study has no variants; leave out --variant"),
    ] {
        let mut command = bench.study(&["fake"]);
        command.args(["lockstep", "fake", "fake", "--study", "study.toml", "--from", "reviews.json"]).args(arguments);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let refused = String::from_utf8(output.stderr).unwrap();
        assert!(refused.contains(why), "{refused}");
    }
}

#[test]
fn a_variant_may_have_seeds_of_its_own() {
    let study = small_study(&["fake"], &["rnn"]).replace("seeds = [1]", "seeds = [1, 2]");
    let study = format!("{study}\n[[variant]]\nname = \"two\"\n\n[[variant]]\nname = \"three\"\nseeds = [1, 2, 3]\n");
    let output = Bench::new(&study).run(&["fake"], &["--dry-run"]).output().unwrap();
    let plan = String::from_utf8(output.stdout).unwrap();
    let runs: Vec<_> = plan.lines().filter_map(|line| line.strip_prefix("run  ")).collect();
    let names = ["two-s1", "two-s2", "three-s1", "three-s2", "three-s3"].map(|name| format!("fake-rnn-{name}"));
    assert_eq!(runs, names);
}

#[test]
fn seeds_that_are_added_to_a_study_later_only_add_runs() {
    let study = small_study(&["fake"], &["rnn"]);
    let bench = Bench::new(&study);
    let run = |expected: &[&str]| {
        let output = bench.run(&["fake"], &[]).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        let runs: Vec<_> = bench.results().runs.iter().map(|run| run.planned.key.to_string()).collect();
        assert_eq!(runs, expected);
        bench.record("fake-rnn-base-s1")
    };
    let first = run(&["fake-rnn-base-s1"]);
    std::fs::write(bench.path("study.toml"), study.replace("seeds = [1]", "seeds = [1, 2, 3]")).unwrap();
    let all = ["fake-rnn-base-s1", "fake-rnn-base-s2", "fake-rnn-base-s3"];
    assert_eq!(run(&all), first, "the record has its times, so another run would show");
    let own = study.replace("seeds = [1]", "seeds = [2]") + "\n[[variant]]\nname = \"base\"\nseeds = [1, 2, 3]\n";
    std::fs::write(bench.path("study.toml"), own).unwrap();
    assert_eq!(run(&all), first);
}

#[test]
fn data_settings_where_they_have_no_effect_are_refused() {
    let bench = Bench::new(&small_study(&["fake"], &["rnn"]));
    for (arguments, why) in [
        (["data", "--set", "epochs=2"], "epochs is no setting of the data"),
        (["bench", "--set", "data.train=10"], "data.train changes nothing"),
    ] {
        let output = bench.study(&["fake"]).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let refused = String::from_utf8(output.stderr).unwrap();
        assert!(refused.contains(why), "{refused}");
    }
}

#[test]
fn the_knobs_are_shown_with_what_a_backend_can_and_does_by_default() {
    let bench = Bench::new(&small_study(&["fake"], &["rnn"]));
    let output = bench.study(&["fake"]).args(["knobs", "fake", "--json"]).output().unwrap();
    let pages: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let page = |name: &str| pages.as_array().unwrap().iter().find(|page| page["name"] == name).unwrap().clone();
    assert_eq!(page("adam.epsilon")["backends"]["fake"]["default"], "1e-7");
    assert_eq!(page("gru_form")["matters"], "for a GRU");
    assert_eq!(page("threads")["identity"], false);
    let output = bench.study(&["fake"]).args(["knobs", "fake"]).output().unwrap();
    let page = String::from_utf8(output.stdout).unwrap();
    let row = page.lines().find(|line| line.starts_with("| `gru_form`")).unwrap();
    assert!(row.contains("Matters only for a GRU.") && row.contains("| none; reset-after by default"), "{row}");
}
