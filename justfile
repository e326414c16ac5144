study := env("CARGO_TARGET_DIR", "target") / "release/study"
# The Python of the real frameworks, where `just oracles` has installed them.
python := if path_exists("backends/python/.venv/bin/python") == "true" { "backends/python/.venv/bin/python" } else { "python3" }
walk := "OMP_WAIT_POLICY=passive " + study + " lockstep --study harness/studies/trajectories.toml --floor --force"

# Lists the recipes.
[private]
default:
    @just --list --unsorted

# Set up, build, and train all six runs on a part of the corpus: the demonstration.
demo: build
    {{ study }} run harness/studies/demo.toml --jobs auto

# Run the full published study; the same command again goes on where it stopped.
study: build
    {{ study }} run harness/studies/grid.toml --jobs auto

# Write the tables and figures of the study in DIR anew, from its records.
report DIR: build
    {{ study }} report {{ DIR }}

# Say what the archived runs under reports/ make of each published claim, and whether the published table is possible; from archives, in seconds.
claims: build
    {{ study }} audit reports/published.toml > reports/audit.md
    {{ study }} claims reports/*.tar.zst > reports/claims.md

# Write the reports under reports/ anew, from their archives; a minute or two.
reports: build
    {{ study }} report reports/headline.tar.zst --out reports/headline --audit reports/published.toml --claims reports/claims.toml --beside reports/*.tar.zst
    {{ study }} report reports/real.tar.zst --out reports/real --audit reports/published.toml --claims reports/claims.toml --beside reports/*.tar.zst
    {{ study }} report reports/attribution.tar.zst --out reports/attribution
    {{ study }} report reports/escape.tar.zst --out reports/escape

# Make the runs that the claims are judged by, which takes many hours; the same command goes on where it stopped. Archives go to reports/.
claims-run *NAMES="headline escape attribution": build
    for name in {{ NAMES }}; do {{ study }} run harness/studies/$name.toml --jobs auto || [ $? = 3 ] || exit 1; {{ just_executable() }} pack $name; done

# Make the runs whose times are judged: one at a time, on a machine that does nothing else. Real Keras and PyTorch need `just oracles`.
claims-times *NAMES="times real": build
    for name in {{ NAMES }}; do {{ study }} run harness/studies/$name.toml --jobs 1 || [ $? = 3 ] || exit 1; {{ just_executable() }} pack $name; done

# Write the runs that runs/NAME has so far as the archive reports/NAME.tar.zst.
pack NAME:
    {{ study }} pack runs/{{ NAME }} reports/{{ NAME }}.tar.zst

# Fetch the native runtimes that are not there yet: `just setup`, or `just setup cuda` for libtorch on a GPU too (2.5 GB more).
setup flavour="cpu":
    @command -v python3 >/dev/null || { echo "setup failed: python3 is missing. Install the Debian packages python3 and python3-pip." >&2; exit 1; }
    @python3 backends/fetch_runtimes.py {{ flavour }}

# Build the harness and the backends.
build: setup
    @[ -e {{ study }} ] || echo "building everything from source, once: some six to eight minutes on two cores" >&2
    cargo build --release --workspace

# Run all tests.
test: setup
    python3 -m unittest discover --start-directory backends
    cargo test --release --workspace

# Try everything that can go wrong, for an hour: signals, failing system calls, changed replies, flipped bits, archives and studies made to hurt. Another SEED tries others, fewer PERCENT less.
torture seed="7" percent="100": build
    cargo build --release -p harness --example fake_worker
    STUDY_TORTURE_SEED={{ seed }} STUDY_TORTURE_PERCENT={{ percent }} cargo test --release -p harness --test process torture::table -- --ignored --nocapture

# Check format, lints and documentation; any warning is an error.
lint: setup
    cargo fmt --all --check
    cargo clippy --release --workspace --all-targets -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --release --workspace --no-deps

# Install the real Keras, PyTorch and scikit-learn, which the backends can be held against (2.7 GB to download).
oracles:
    python3 -m venv backends/python/.venv
    backends/python/.venv/bin/python -m pip install --disable-pip-version-check --no-deps --require-hashes --requirement backends/python/requirements.txt
    backends/python/.venv/bin/python backends/python/try_oracles.py

# Hold everything that has to do with the real frameworks against them, live; skipped where `just oracles` has not been run.
oracles-test: build
    {{ python }} -m unittest discover --verbose --start-directory backends/python
    {{ python }} -m unittest discover --verbose --start-directory harness/benches/peers

# Make the golden files of the real frameworks anew (needs `just oracles`).
golden *NAMES:
    python3 backends/python/golden.py {{ NAMES }}

# Kill a grid of the real backends at ten random moments, go on each time, and compare every byte with an undisturbed one. `--seed N` draws other moments.
kill-grid *OPTIONS: build
    python3 harness/tests/torture/kill_grid.py {{ study }} {{ OPTIONS }}

# Run a study on a real Slurm of two nodes on this machine (Debian's packages; needs root), with a node killed, tasks requeued and cancelled; skipped with a word where there is none.
slurm-test *OPTIONS: build
    cargo build --release -p harness --example fake_worker
    python3 harness/tests/slurm/two_nodes.py {{ study }} {{ OPTIONS }}

# Run the conformance suite on these backends, over the pipe, and write its tables to reports/conformance.
conform *NAMES="reference tensorflow libtorch keras pytorch": build
    for name in {{ NAMES }}; do {{ study }} conform $name --study-size > reports/conformance/$name.md || exit 1; done

# Measure the speed of the backends alone, about ten minutes; nothing else should run. Options of `study bench` may follow.
bench *OPTIONS: build
    cargo build --release --workspace --example matmul_peak
    {{ study }} bench --peak {{ parent_directory(study) }}/examples/matmul_peak --out reports/performance --force {{ OPTIONS }}

# Measure it beside plain scripts over real Keras and PyTorch (after `just oracles`), about ten minutes; `--grid DIR` adds a grid that was run; `--whole` runs every script from start to end, which takes hours.
bench-peers *OPTIONS: build
    {{ study }} bench-peers --out reports/performance --force {{ OPTIONS }}

# Walk each backend beside the real framework and beside its other kernel, STEPS steps at the published size; the same command goes on where it stopped.
trajectories steps="200" out="reports/trajectories": build
    {{ walk }} keras tensorflow --steps {{ steps }} --out {{ out }}/keras-tensorflow
    {{ walk }} keras tensorflow --set clip_norm=1 --steps {{ steps }} --out {{ out }}/keras-tensorflow-clipped
    {{ walk }} pytorch libtorch --steps {{ steps }} --out {{ out }}/pytorch-libtorch
    {{ walk }} libtorch tensorflow --steps {{ steps }} --out {{ out }}/libtorch-tensorflow
    {{ walk }} libtorch libtorch --set-a kernel=stock --set-b kernel=fused --steps {{ steps }} --out {{ out }}/libtorch-stock-fused
    {{ walk }} tensorflow tensorflow --set-a kernel=stock --set-b kernel=fused --steps {{ steps }} --out {{ out }}/tensorflow-stock-fused

# Put the program and the backends into DIR, where a shell finds them. The native runtimes stay here, so this folder has to stay, too.
install dir=(home_directory() / ".local/bin"): build
    mkdir -p {{ quote(dir) }}
    for name in study study-backend-libtorch study-backend-tensorflow study-backend-reference study-backend-reference-float32; do install -m 755 {{ parent_directory(study) }}/$name {{ quote(dir) }} || exit 1; done
    for name in keras pytorch; do ln -sf {{ quote(justfile_directory()) }}/backends/python/study-backend-$name {{ quote(dir) }} || exit 1; done
    @case ":$PATH:" in *:{{ quote(dir) }}:*) ;; *) echo "add {{ dir }} to PATH" >&2 ;; esac

# Format the code.
fmt:
    cargo fmt --all
