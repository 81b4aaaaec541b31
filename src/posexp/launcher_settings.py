"""Where the jobs of a batch run, as the configuration has it; `posexp.launchers` does it."""

from __future__ import annotations

from dataclasses import dataclass

from posexp.errors import check_choice, check_range


@dataclass
class BasicLauncher:
    """One clip after another on this machine."""

    name: str = "basic"

    def __post_init__(self) -> None:
        check_choice("launcher.name", self.name, ("basic",))


@dataclass
class JoblibLauncher:
    """Several clips at once on this machine, each with its share of the processors.

    Parameters
    ----------
    jobs : int
        Clips at once; -1 is one per processor.
    """

    name: str = "joblib"
    jobs: int = -1

    def __post_init__(self) -> None:
        check_choice("launcher.name", self.name, ("joblib",))
        if self.jobs != -1:
            check_range("launcher.jobs", self.jobs, 1, 1024)


@dataclass
class SubmititLauncher:
    """An array of SLURM jobs, each with an equal part of the clips.

    Parameters
    ----------
    cluster : {"slurm", "local"}
        ``local`` runs the same on this machine, to try it out.
    jobs : int
        SLURM jobs in the array.
    cpus : int
        Processors of each.
    memory_gb : int
        Of each, GB.
    minutes : int
        Time limit of each; what is not done by then is done by the same command again.
    partition, account : str, optional
        As ``sbatch`` takes them.
    """

    name: str = "submitit"
    cluster: str = "slurm"
    jobs: int = 4
    cpus: int = 4
    memory_gb: int = 8
    minutes: int = 240
    partition: str | None = None
    account: str | None = None

    def __post_init__(self) -> None:
        check_choice("launcher.name", self.name, ("submitit",))
        check_choice("launcher.cluster", self.cluster, ("slurm", "local"))
        check_range("launcher.jobs", self.jobs, 1, 1000)
        check_range("launcher.cpus", self.cpus, 1, 1024)
        check_range("launcher.memory_gb", self.memory_gb, 1, 4096, "GB")
        check_range("launcher.minutes", self.minutes, 1, 100_000, "min")
