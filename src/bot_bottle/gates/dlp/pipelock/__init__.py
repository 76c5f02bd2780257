"""The real pipelock program as the engine of this gate."""
