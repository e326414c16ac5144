#!/bin/sh
# Submits {{ tasks }} of the study `{{ study }}` to Slurm as an array, of which {{ at_once }} at most run at once, and the report for when all have ended.
# Start it on a machine that has sbatch: `sh FILE`. Options that are not here are given by sbatch's variables, e.g. SBATCH_PARTITION=long.
# Memory: {{ memory_says }}.
set -eu
array=$(sbatch --parsable <<'ARRAY'
#!/bin/bash
#SBATCH --job-name={{ study }}
#SBATCH --array=1-{{ count }}%{{ at_once }}
#SBATCH --ntasks=1
#SBATCH --cpus-per-task={{ cores }}
#SBATCH --mem={{ memory }}M
{%- if time %}
#SBATCH --time={{ time }}
{%- endif %}
#SBATCH --requeue
#SBATCH --signal=B:TERM@{{ notice }}
#SBATCH --open-mode=append
#SBATCH --output="{{ logs }}/%A_%a.log"
study={{ program }}
plan={{ plan }}

task=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID
run=$(sed -n "${SLURM_ARRAY_TASK_ID}p" "$plan")
say() { echo "$(date -u +%FT%TZ) $task on ${SLURMD_NODENAME:-?}, start $((${SLURM_RESTART_COUNT:-0} + 1)): $*"; }

# Before 23.02 Slurm doesn't put this into the environment.
until=${SLURM_JOB_END_TIME:-$(SLURM_TIME_FORMAT=%s squeue --noheader --jobs="$task" --format=%e)}
case $until in
    '' | *[!0-9]*) limit=() ;;
    *) limit=(--until "$until") ;;
esac

say "$run"
"$study" run-one "${limit[@]}" "$run" >/dev/null &
made=$!
state() { squeue --noheader --jobs="$task" --format=%T; }

# The shell alone gets the signal before the time limit. When a job is cancelled or requeued, each of its processes gets one.
trap '[ "$(state)" = COMPLETING ] || kill -TERM "$made"' TERM
wait "$made"
code=$?
# A signal ends the waiting, not the run.
while kill -0 "$made" 2>/dev/null; do
    wait "$made"
    code=$?
done
say "ended with code $code"

# {{ goes_on }}: something was finished, and the run goes on from there. A job that is being cancelled is not to come back.
if [ "$code" = {{ goes_on }} ] && [ "$(state)" = RUNNING ]; then
    say "goes on in the next start"
    scontrol requeue "$task" && sleep 60
fi
exit "$code"
ARRAY
)
array=${array%%;*}
sbatch --dependency="afterany:$array" <<'REPORT'
#!/bin/bash
#SBATCH --job-name={{ study }}-report
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=1
#SBATCH --mem=2048M
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output="{{ logs }}/report-%j.log"
exec {{ program }} report --wait {{ wait }} {{ directory }}
REPORT
