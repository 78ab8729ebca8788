"""One thin file a command. Typer and Rich live here and nowhere else."""
