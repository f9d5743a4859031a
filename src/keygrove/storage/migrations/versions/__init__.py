"""The steps, in order: `v0001_main_job`, `v0002_past_one_machine`, `v0003_apps_and_grants`,
`v0004_apps_told_of_sign_outs`, `v0005_reset_links`.
"""
