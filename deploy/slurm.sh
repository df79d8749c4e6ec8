#!/usr/bin/env bash
# Trains on several hosts of a Slurm cluster: sbatch deploy/slurm.sh OPTIONS OF qkv train…
# The number of tasks is a power of two that divides --slices (16 by default). The texts and --output lie on a file system that all hosts
# share. Five minutes before the time is over, or when the job is preempted, Slurm signals the processes: they save a checkpoint and the job
# is queued again; so it is if a host fails. Change --nodes between runs as you like: the weights stay the same.
#SBATCH --job-name=qkv
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=32
#SBATCH --time=24:00:00
#SBATCH --signal=USR1@300
#SBATCH --requeue
#SBATCH --open-mode=append
set -uo pipefail

# PMIx connects the processes for MPI. A process that fails ends the step, so that no other waits for it.
srun --mpi=pmix --kill-on-bad-exit=1 --cpus-per-task="${SLURM_CPUS_PER_TASK:-1}" --cpu-bind=cores \
  "${QKV:-qkv}" train --resume "$@"
code=$?

# 130: stopped by the signal, after a checkpoint.
if ((code == 130)); then scontrol requeue "$SLURM_JOB_ID"; fi
exit "$code"
