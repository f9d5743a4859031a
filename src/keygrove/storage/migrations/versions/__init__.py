"""The steps, in order: `v0001_main_job`."""
