"""Names as folders."""


def folder_name(experiment: str) -> str:
    """An experiment's name as a folder: nothing in it leads elsewhere."""
    kept = "".join(c if c.isalnum() or c in "-_." else "-" for c in experiment).strip(".")
    return "experiment-runs" if kept in ("", "runs") else kept
